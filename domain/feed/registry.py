"""All types of events, with what they are about and the JSON Schema of their data."""

from __future__ import annotations

from functools import cache
from typing import Any

from domain.criteria.fields import nearest
from domain.errors import Refused
from domain.feed.case_data import NOTES, OTHERS
from domain.feed.descriptions import MEANINGS
from domain.feed.envelope import PREFIX, VERSION, EventData, schema_uri, type_name
from domain.feed.usage_data import OUTCOMES, ROWS, SNAPSHOT, UsageData, UsageSnapshotData


@cache
def event_types() -> dict[str, type[EventData]]:
    """Every type of event by its name, with its data; sorted."""
    others = (*NOTES.values(), *OTHERS, *OUTCOMES.values())
    named: dict[str, type[EventData]] = {type_name(name): data for name, data in others}
    named |= {type_name(name): UsageData for name in ROWS.values()}
    named[type_name(SNAPSHOT)] = UsageSnapshotData
    return dict(sorted(named.items()))


def meaning_of(type_: str) -> str:
    """What a type means, in one sentence."""
    return MEANINGS[_short(type_)]


def schema_of(type_: str) -> dict[str, Any]:
    """The JSON Schema of the data of a type."""
    schema = event_types()[type_].model_json_schema(mode="validation")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_uri(type_),
        "title": type_,
        "description": meaning_of(type_),
    }
    parts = ("type", "required", "properties", "$defs")
    return head | {part: schema[part] for part in parts if part in schema}


def chosen_types(names: list[str]) -> list[str]:
    """The types that somebody names, in full or by the middle alone; one that ends with ``*`` stands for several.

    Raises:
        Refused: no type is called so.
    """
    return [_chosen(name) for name in names]


def _chosen(name: str) -> str:
    known = event_types()
    if name.endswith("*"):
        beginning = name[:-1] if name.startswith(f"{PREFIX}.") else f"{PREFIX}.{name[:-1]}"
        if any(each.startswith(beginning) for each in known):
            return f"{beginning}*"
        raise Refused("unknown_type", f"no type of event begins with {beginning!r}")
    full = name if name in known else type_name(name)
    if full not in known:
        short = [_short(each) for each in known]
        raise Refused("unknown_type", f"unknown type of event {name!r}; {nearest(name, short)}")
    return full


def _short(type_: str) -> str:
    return type_.removeprefix(f"{PREFIX}.").removesuffix(f".{VERSION}")
