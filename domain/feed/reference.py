"""The reference of the event feed: a JSON Schema for each type, and a page that lists them all."""

from __future__ import annotations

import json

from domain.feed.registry import event_types, meaning_of, schema_of

_ALWAYS = frozenset({"account", "entitlement", "process", "process_version", "external_id", "channel"}) | frozenset(
    {"by", "reason", "occurred_at", "cut"}
)
"""Optional parts of every event, which the page says once."""

_OF_MILESTONES = frozenset({"milestone", "occurrence", "start_at", "target_at", "span", "business_hours"})

_HEAD = """\
# Types of events

Written by `milepost events --schemas docs/reference`. How the feed is read is in the [guide](../guide/feed.md).

Its envelope is that of CloudEvents, with `sequence`, `recordedtime` and `traceparent`; for a key that is bound to
accounts also with `follows`, where events between were another account's. This page is about its `data`.

Every event has `text`, one line for people, and where they are known, `by`, `reason` and `occurred_at`: when it
happened, if it took effect later. `cut` lists texts that were too long. Besides that

- those of a case have `case_id` and, where the case has them, `account`, `entitlement`, `process`, `process_version`,
  `external_id` and `channel`;
- those of a milestone `milestone`, `occurrence`, `start_at`, `target_at`, `span` and `business_hours` as they stood;
- those of an entitlement `entitlement`, `account`, `unit`, and what a row of its ledger says, in minutes for hours;
  `row` is its number;
- those of an entitlement's actions `entitlement` and, where it is known, `account`; `row` is the number of the last
  row before them.

Parts in brackets are optional. The subject of `milepost.case.action.redelivered` and `redelivery_failed` is
`redelivery/KEY`, whose deliveries they number: their case may have ended.

| type | meaning | data besides | schema |
|---|---|---|---|
"""


def schema_files() -> dict[str, str]:
    """The JSON Schema of each type, by the name of its file."""
    return {f"{name}.json": json.dumps(schema_of(name), indent=2) + "\n" for name in event_types()}


def page() -> str:
    """The page that lists all types, in Markdown."""
    return _HEAD + "".join(f"{_row(name)}\n" for name in event_types())


def _row(name: str) -> str:
    schema = schema_of(name)
    required = set(schema["required"])
    shown = [part for part in schema["properties"] if part not in _ALWAYS | {"case_id", "text"}]
    if "span" in shown:
        shown = [part for part in shown if part not in _OF_MILESTONES]
    if "used_after" in shown:
        shown = [part for part in shown if part == "stands_for_from"]
    parts = ", ".join(f"`{part}`" if part in required else f"[`{part}`]" for part in shown)
    return f"| `{name}` | {meaning_of(name)} | {parts} | [schema](events/{name}.json) |"
