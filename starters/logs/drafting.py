"""A mapping while it is made: the columns for its parts, its times and fields, and what is unsure about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starters.logs.mapping import LogError
from starters.logs.profiles import Profile, Sheet, groups_of
from starters.logs.roles import Role, field_name, is_for, names_a_case, role_of_time
from starters.logs.times import EPOCHS, ISO, TimeFormat, TimeReader

MOST_FIELDS = 12
"""Of a proposal: a first look needs no more."""

_FEW_ROWS = 20
"""Of a file in which a value for each row may still be a category."""

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


# --- columns ----------------------------------------------------------------------------------------------------------


def case_column(sheet: Sheet, found: dict[str, Profile], times: dict[str, Profile]) -> str:
    """The column of the case's id: filled in every row and named like one.

    Of several, one that is named after cases and repeats: an id beside it is that of the row.

    Raises:
        LogError: there is none.
    """
    if sheet.xes and "case:concept:name" in found:
        return "case:concept:name"
    filled = [n for n, one in found.items() if one.filled == len(sheet.rows) and n not in times]
    named = [name for name in filled if is_for(Role.CASE, name)]
    if not named:
        said = (
            "no column looks like the id of a case: filled in every row, and named like case, ticket, number, id or "
            f"key; the columns are {', '.join(sheet.columns)}. A mapping of your own says which it is: case_id"
        )
        raise LogError([f"{sheet.path}: {said}"])
    sizes = {name: len(groups_of(sheet, name)) for name in named}
    repeating = [name for name in named if 1 < sizes[name] < len(sheet.rows) and names_a_case(name)]
    return repeating[0] if repeating else max(named, key=lambda name: sizes[name])


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
    by = column_for(Role.BY, found, used)
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
    alike = {name for name, one in columns.items() if any(t.format == best.format for t in one.formats)}
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
    if best.format not in (ISO, *EPOCHS) and not any(code in best.format for code in ("%H", "%I")):
        draft.unsure.append("the time of day: the file has dates alone, which count as midnight")
    draft.keys["times"] = keys
    return alike


def _swapped(codes: str) -> str:
    return codes.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


def _likelihood(sheet: Sheet, columns: dict[str, Profile], main: str, times: TimeFormat) -> tuple[int, int, bool]:
    """How likely a format is: by the columns that have it, by how close they lie in a row, and by its country."""
    alike = [name for name, one in columns.items() if any(t.format == times.format for t in one.formats)]
    reader = TimeReader(times)
    apart = sum(
        min(abs((reader.read(row[name]) - reader.read(row[main])).days), _FAR)
        for row in sheet.rows[:_LOOKED_AT]
        for name in alike
        if name != main and row[name] and row[main]
    )
    month_first = 0 <= times.format.find("%m") < times.format.find("%d") and not times.format.startswith("%Y")
    return len(alike), -apart, month_first == ("%p" in times.format)


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
            fields[field_name(name, taken)] = {"column": name, **_type_of(found[name])}
        else:
            draft.unused[name] = reason
    return fields


def _no_field(sheet: Sheet, one: Profile, *, later: bool) -> str | None:
    """Why a column is no field of a first look; None if it is one."""
    known = is_for(Role.KNOWN, one.name)
    if one.holds_times:
        return "a time whose use is not known"
    if later and not known:
        return "may only be known later than the opening"
    if one.many or (len(one.values) == one.filled and len(sheet.rows) > _FEW_ROWS):
        return "free text, or a value for nearly every row"
    if len(one.values) == 1 and one.filled == len(sheet.rows) and not known:
        return "the same in every row"
    return None


def _type_of(one: Profile) -> dict[str, str]:
    if all(text.lower() in ("true", "false") for text in one.values):
        return {"type": "boolean"}
    if all(text.isascii() and text.isdigit() and len(text) < _FEW_ROWS for text in one.values):
        return {"type": "integer"}
    return {}
