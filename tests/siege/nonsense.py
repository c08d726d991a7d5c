"""Messages that make no sense, of the kinds that a client in trouble or in bad faith sends."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

UPDATES = (
    *("complete_milestone", "change_fields", "stop_clock", "resume_clock", "clear_completion", "extend_milestone"),
    *(
        "close",
        "reopen",
        "change_entitlement",
        "decide_overage",
        "log_time",
        "migrate",
        "retry_action",
        "no_such_thing",
    ),
)
SIGNAL_NAMES = frozenset(
    {
        *("milestone_completed", "fields_changed", "clock_stopped", "clock_resumed", "time_logged", "case_closed"),
        *("entitlement_overflowed", "no_such_signal"),
    }
)

_EDGES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
_LONG = 3_000
_AIMED = 0.4
"""Of harsh nonsense, how much is aimed at a message that takes such a value."""
_HUGE = 10**18


def draw(chance: random.Random, *, harsh: bool) -> tuple[str, list[Any]]:
    """The name of an update or a signal (one of `SIGNAL_NAMES`), and its arguments.

    Args:
        chance: where it comes from.
        harsh: values at the very edge, too.
    """
    event_id = f"nonsense-{chance.getrandbits(48)}"
    whole: dict[str, Any] = {"event_id": event_id, "occurred_at": datetime.now(UTC).isoformat()}
    if harsh and chance.random() < _AIMED:
        return chance.choice(_harsh(whole))
    return chance.choice([*UPDATES, *sorted(SIGNAL_NAMES)]), chance.choice(_mild(whole, chance))


def _mild(whole: dict[str, Any], chance: random.Random) -> list[list[Any]]:
    now = datetime.now(UTC)
    return [
        [],
        [None],
        [whole, whole],
        [[whole]],
        ["close it"],
        [chance.randint(-5, 5)],
        [{}],
        [{**whole, "event_id": ""}],
        [{**whole, "event_id": "x" * 300}],
        [{**whole, "event_id": None, "milestone": "First response"}],
        [{**whole, "occurred_at": "yesterday", "milestone": "First response"}],
        [{**whole, "occurred_at": now.replace(tzinfo=None).isoformat(), "milestone": "First response"}],
        [{**whole, "occurred_at": (now + timedelta(hours=1)).isoformat(), "milestone": "First response"}],
        [{**whole, "occurred_at": (now - timedelta(days=1)).isoformat(), "milestone": "First response"}],
        [{**whole, "milestone": "No such milestone"}],
        [{**whole, "milestone": 7}],
        [{**whole, "milestone": "First response", "open_seconds": -1}],
        [{**whole, "fields": {"no_such_field": 1}}],
        [{**whole, "fields": {"priority": ["High"]}}],
        [{**whole, "fields": {}}],
        [{**whole, "entitlement": "no-such-entitlement"}],
        [{**whole, "id": "e", "minutes": 0}],
        [{**whole, "unknown": True}],
        [{"key": "no/such/action"}],
    ]


def _harsh(whole: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    """Each with the message that it is aimed at."""
    milestone = {**whole, "milestone": "First response"}
    by = {**whole, "by": "nobody"}
    at_the_edge: list[tuple[str, dict[str, Any]]] = []
    for edge in _EDGES:
        at_the_edge += [
            ("milestone_completed", {**milestone, "occurred_at": edge}),
            ("complete_milestone", {**milestone, "occurred_at": edge}),
            ("extend_milestone", {**milestone, "until": edge}),
            ("change_entitlement", {**whole, "occurred_at": edge, "entitlement": "north-rest"}),
            ("decide_overage", {**by, "occurred_at": edge, "approved": True}),
            ("migrate", {**whole, "occurred_at": edge}),
            ("log_time", {**whole, "occurred_at": edge, "id": whole["event_id"], "minutes": 5}),
            ("time_logged", {**whole, "worked_at": edge, "id": whole["event_id"], "minutes": 5}),
        ]
    too_much: list[tuple[str, dict[str, Any]]] = [
        ("extend_milestone", {**milestone, "open_seconds": _HUGE}),
        ("change_fields", {**whole, "fields": {"priority": "h" * _LONG}}),
        ("fields_changed", {**whole, "fields": {"note": "n" * 200_000}}),
        ("log_time", {**whole, "id": whole["event_id"], "minutes": _HUGE}),
        ("complete_milestone", {**whole, "milestone": "m" * 500_000}),
        ("clock_stopped", {**whole, "reason": "r" * 500_000}),
        ("complete_milestone", {**whole, "milestone": "First\x00response"}),
        ("entitlement_overflowed", {**whole, "entitlement_id": "north-capped", "used": _HUGE, "cap": _HUGE}),
    ]
    return [(name, [message]) for name, message in (*at_the_edge, *too_much)]
