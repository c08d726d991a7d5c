"""Codes of refusals: what activities and workflows call by the name of an exception, in the words of all others."""

from __future__ import annotations

ALIASES = {
    "NotFound": "unknown_name",
    "FieldsError": "bad_field",
    "OverflowError": "past_the_horizon",
    "HorizonExceeded": "past_the_horizon",
    "CalendarError": "past_the_horizon",
    "CatalogProblems": "bad_record",
    "CatalogError": "bad_record",
    "MilepostError": "refused",
    "NotPlanned": "refused",
    "NotOpened": "not_now",
    "NewerBuild": "not_now",
}


def code_of(code: str) -> str:
    """A code as people and programs are told it."""
    return ALIASES.get(code, code)
