"""A mapping while it is made: the columns for its parts, its times and fields, and what is unsure about them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starters.logs.clocks import is_a_clock
from starters.logs.forms import reads
from starters.logs.lacking import why_no_case
from starters.logs.mapping import LogError
from starters.logs.profiles import Profile, Sheet, groups_of
from starters.logs.roles import (
    Role,
    field_name,
    is_a_length,
    is_an_old_state,
    is_for,
    names_a_case,
    role_of_time,
)
from starters.logs.times import EPOCHS, ISO, TimeFormat, TimeReader
from starters.logs.zone_words import likely_zones, zone_words

MOST_FIELDS = 12
"""Of a proposal: a first look needs no more."""

_FEW_ROWS = 20
"""Of a file in which a value for each row may still be a category."""

_LONG = 120
"""Letters of a value that is surely no category, but free text."""

_ID = re.compile(r"[A-Za-z#/_.-]{0,20}\d[\w/#.-]{0,40}")
_INTEGER = re.compile(r"[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,15}([.,][0-9]{1,15})?")
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+")
_XES_BY = "org:resource"
_ROWS_A_CASE = 12
_LOOKED_AT = 500
_FAR = 10_000


@dataclass(slots=True)
class Draft:
    """A mapping while it is made.

    Attributes:
        keys: of the mapping, in the order in which they are written.
        unsure: what was guessed, or can't be known.
        unused: columns that are not read, with the reason.
    """

    shape: str
    keys: dict[str, Any] = field(default_factory=dict)
    unsure: list[str] = field(default_factory=list)
    unused: dict[str, str] = field(default_factory=dict)


def begin(sheet: Sheet, draft: Draft, case_id: str) -> None:
    """Write down what every mapping begins with."""
    draft.keys["shape"] = draft.shape
    draft.keys["case_id"] = case_id
    if sheet.delimiter != ",":
        draft.keys["delimiter"] = sheet.delimiter
    if sheet.encoding != "utf-8":
        draft.keys["encoding"] = sheet.encoding
    if sheet.nothing:
        draft.keys["no_value"] = sheet.nothing
    if sheet.merged:
        draft.keys["merged"] = sheet.merged


# --- columns ----------------------------------------------------------------------------------------------------------


def case_column(sheet: Sheet, found: dict[str, Profile], times: dict[str, Profile]) -> str:
    """The column of the case's id: filled in every row and named like one.

    Of several, one that is named after cases and repeats: an id beside it is that of the row. The choice is said.

    Raises:
        LogError: there is none.
    """
    if sheet.xes and "case:concept:name" in found:
        return "case:concept:name"
    filled = [n for n, one in found.items() if one.filled == len(sheet.rows) and n not in times]
    named = [name for name in filled if is_for(Role.CASE, name)]
    if not named and (likely := _like_an_id(sheet, filled)):
        sheet.unsure.append(f"which column is the id of a case: none is named so; {likely!r} is taken for its values")
        return likely
    if not named:
        raise LogError([f"{sheet.path}: {why_no_case(sheet)}"])
    sizes = {name: len(groups_of(sheet, name)) for name in named}
    repeating = [name for name in named if 1 < sizes[name] < len(sheet.rows) and names_a_case(name)]
    chosen = repeating[0] if repeating else max(named, key=lambda name: sizes[name])
    others = [name for name in named if sizes[name] not in (sizes[chosen], 1)]
    if others:
        sheet.unsure.append(f"which column is the id of a case: {chosen!r} is taken, and not {', '.join(others)}")
    return chosen


def _like_an_id(sheet: Sheet, filled: list[str]) -> str | None:
    """The first column whose values look like ids: each with a digit, and enough of them for so many rows."""
    for name in filled:
        texts = set(sheet.column(name))
        several = len(texts) > 1 and len(texts) * _ROWS_A_CASE >= len(sheet.rows)
        if several and not is_a_length(name) and all(_ID.fullmatch(text) for text in texts):
            return name
    return None


def constant_opening(sheet: Sheet, times: dict[str, Profile], case_id: str) -> str | None:
    """A column of times that says for each case the same in all of its rows, and is named like its opening."""
    groups = groups_of(sheet, case_id).values()
    for name, one in times.items():
        named = one.filled == len(sheet.rows) and role_of_time(name) is Role.OPENED
        if named and all(len({row[name] for row in rows}) == 1 for rows in groups):
            return name
    return None


def varying_column(sheet: Sheet, times: dict[str, Profile], case_id: str, but: set[str]) -> str:
    """The column that says when a row took effect: filled everywhere, and the one that differs most within a case.

    Raises:
        LogError: there is none.
    """
    groups = list(groups_of(sheet, case_id).values())
    filled = [name for name, one in times.items() if one.filled == len(sheet.rows) and name not in but]

    def differs(name: str) -> tuple[int, bool]:
        role = role_of_time(name)
        return sum(len({row[name] for row in rows}) - 1 for rows in groups), role in (Role.CHANGED, Role.OCCURRED)

    if not filled or max(map(differs, filled))[0] == 0:
        raise LogError([f"{sheet.path}: several rows a case, and no column that says when each of them took effect"])
    return max(filled, key=differs)


def column_for(role: Role, found: dict[str, Profile], but: set[str], *, rows: int = 0) -> str | None:
    """The column for something by its name: filled in so many rows and of few values, if so many are given."""
    named = [n for n, one in found.items() if is_for(role, n) and n not in but and not one.holds_times]
    if rows:
        named = [n for n in named if found[n].filled == rows and not found[n].many]
        named = [n for n in named if len(found[n].values) > 1] or named
    return named[0] if named else None


def other_columns(sheet: Sheet, draft: Draft, found: dict[str, Profile], used: set[str]) -> None:
    """Find the columns of the order and of who did it; adds them to the used ones."""
    order = None if sheet.xes else column_for(Role.ORDER, found, used)
    whole = order is not None and all(text.isascii() and text.isdigit() for text in sheet.column(order))
    if order is not None and whole and found[order].filled == len(sheet.rows):
        draft.keys["order"] = order
        used.add(order)
    by = _XES_BY if sheet.xes and _XES_BY in found else column_for(Role.BY, found, used)
    if by is not None:
        draft.keys["by"] = by
        used.add(by)


def ordered_groups(sheet: Sheet, draft: Draft, case_id: str, occurred: str) -> list[list[dict[str, str]]]:
    """The rows of each case in order of time."""
    reader = TimeReader(TimeFormat.model_validate(draft.keys.get("times") or {}))

    def at(row: dict[str, str]) -> datetime:
        return reader.read(row[occurred])

    return [sorted(rows, key=at) for rows in groups_of(sheet, case_id).values()]


# --- times ------------------------------------------------------------------------------------------------------------


def choose_times(sheet: Sheet, draft: Draft, columns: dict[str, Profile], main: str) -> set[str]:
    """Choose the one format of the log's times; returns the columns that have it."""
    best = max(columns[main].formats, key=lambda times: _likelihood(sheet, columns, main, times))
    alike = _written_alike(sheet, columns, best)
    for name in columns:
        if name not in alike:
            draft.unused[name] = f"its times are written otherwise than those of {main!r}"
    others = {times.format for times in columns[main].formats} - {best.format}
    if _swapped(best.format) in others:
        draft.unsure.append(
            f"whether day or month comes first: all times can be read both ways; taken as {best.format}"
        )
    keys: dict[str, Any] = {} if best.format == ISO else {"format": best.format}
    if any(t.time_zone is not None for name in alike for t in columns[name].formats if t.format == best.format):
        keys["time_zone"] = "UTC"
        draft.unsure.append(
            "the zone of its clock, which the file does not say: taken as UTC; put the right one in times"
        )
    texts = [text for name in alike for text in sheet.column(name)]
    if zones := likely_zones(word for word in zone_words(texts) if word in best.zones):
        keys["zones"] = zones
        draft.unsure.append(
            f"what {', '.join(zones)} mean, of which the file says no more; put the right ones in times"
        )
    if sheet.clocks:
        keys["clocks"] = dict(sheet.clocks)
    if not _has_a_clock(best.format, sheet.column(main)):
        draft.unsure.append("the time of day: the file has dates alone, which count as midnight")
    draft.keys["times"] = keys
    return alike


def _has_a_clock(codes: str, texts: Iterable[str]) -> bool:
    """Whether times say more than the day."""
    if codes == ISO:
        return any(":" in text or "T" in text for text in texts)
    return codes in EPOCHS or any(code in codes for code in ("%H", "%I"))


def _swapped(codes: str) -> str:
    return codes.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


def _likelihood(sheet: Sheet, columns: dict[str, Profile], main: str, times: TimeFormat) -> tuple[int, int, bool]:
    """How likely a format is: by the columns that have it, by how close they lie in a row, and by its country."""
    alike = _written_alike(sheet, columns, times)
    reader = TimeReader(_on_a_clock(times))
    apart = sum(
        min(abs((reader.read(row[name]) - reader.read(row[main])).days), _FAR)
        for row in sheet.rows[:_LOOKED_AT]
        for name in alike
        if name != main and row[name] and row[main]
    )
    month_first = 0 <= times.format.find("%m") < times.format.find("%d") and not times.format.startswith("%Y")
    return len(alike), -apart, month_first == ("%p" in times.format)


def _written_alike(sheet: Sheet, columns: dict[str, Profile], times: TimeFormat) -> set[str]:
    """The columns whose times have a format: that may be one which a column alone does not show."""
    return {
        name
        for name, one in columns.items()
        if any(t.format == times.format for t in one.formats) or reads(_on_a_clock(times), list(sheet.column(name)))
    }


def _on_a_clock(times: TimeFormat) -> TimeFormat:
    """A format that has a zone for times without offset: of ISO 8601 one column may have them and another not."""
    return times.model_copy(update={"time_zone": times.time_zone or "UTC"})


# --- fields -----------------------------------------------------------------------------------------------------------


def category_fields(
    sheet: Sheet, draft: Draft, found: dict[str, Profile], used: set[str], *, later: bool
) -> dict[str, Any]:
    """The fields of the case: columns of categories, those first that tell cases apart in every help desk.

    Args:
        sheet: the file.
        draft: is told which columns are left out.
        found: the columns.
        used: columns that have another use.
        later: whether a row also shows what was not known at the opening; then only what is known then is taken.
    """
    fields: dict[str, Any] = {}
    taken = {"state"}
    for name in sorted(found, key=lambda name: not is_for(Role.KNOWN, name)):
        if name in used or name in draft.unused:
            continue
        reason = _no_field(sheet, found[name], later=later)
        if reason is None and len(fields) == MOST_FIELDS:
            reason = "there are fields enough for a first look"
        if reason is None:
            fields[field_name(name, taken)] = {"column": name, **_type_of(draft, found[name])}
        else:
            draft.unused[name] = reason
    return fields


def _no_field(sheet: Sheet, one: Profile, *, later: bool) -> str | None:
    """Why a column is no field of a first look; None if it is one."""
    known = is_for(Role.KNOWN, one.name)
    if is_an_old_state(one.name):
        return "the state before, which the row before it says"
    if one.holds_times:
        return "a time whose use is not known"
    if is_a_length(one.name):
        return "says how long something took, and not when it happened"
    if is_a_clock(one.values):
        return "a time of day without its date, or how long something took"
    if later and not known:
        return "may only be known later than the opening"
    if any("\n" in text or len(text) > _LONG for text in one.values):
        return "free text"
    if one.many or (len(one.values) == one.filled and len(sheet.rows) > _FEW_ROWS):
        return "free text, or a value for nearly every row"
    if len(one.values) == 1 and one.filled == len(sheet.rows) and not known:
        return "the same in every row"
    return None


def _type_of(draft: Draft, one: Profile) -> dict[str, str]:
    """The type of a column, if it is none of texts. A decimal comma is one for the whole log."""
    if all(text.lower() in ("true", "false") for text in one.values):
        return {"type": "boolean"}
    if all(_INTEGER.fullmatch(text) for text in one.values):
        return {"type": "integer"}
    if all(_NUMBER.fullmatch(text) for text in one.values):
        decimal = decimal_of(one.values)
        if decimal is not None and draft.keys.setdefault("decimal", decimal) == decimal:
            return {"type": "number"}
    return {}


def decimal_of(texts: Iterable[str]) -> str | None:
    """The sign between whole and fraction of numbers; None: they have both, or commas that may divide thousands."""
    broken = [text for text in texts if "," in text or "." in text]
    signs = {"," if "," in text else "." for text in broken}
    if len(signs) > 1 or (signs == {","} and all(map(_THOUSANDS.fullmatch, broken))):
        return None
    return next(iter(signs), ".")
