"""The mapping of a file by its shape: a row for each state, one row a case, or case, activity and time."""

from __future__ import annotations

from collections import Counter

from starters.logs.activities import JOINT
from starters.logs.changelogs import Changes, changes_of
from starters.logs.doubled import doubled, doubled_text
from starters.logs.drafting import (
    Draft,
    begin,
    case_column,
    category_fields,
    choose_times,
    column_for,
    constant_opening,
    ordered_groups,
    other_columns,
    varying_column,
)
from starters.logs.lacking import why_no_times
from starters.logs.mapping import LogError
from starters.logs.profiles import Profile, Sheet, groups_of
from starters.logs.roles import Role, closes, ends, is_for, opens
from starters.logs.ticket_drafts import AS_IT_ENDED, draft_cases

_NAMED = 12
"""Activities that are named in a doubt about them."""

_ACTIVITY = "concept:name"
"""Of an event of XES, what happened: by the standard."""

_TRANSITIONS = ("lifecycle:transition", "transition")


def draft_of(sheet: Sheet, found: dict[str, Profile]) -> Draft:
    """The mapping of a file, from what its columns hold.

    Raises:
        LogError: it lacks what a mapping needs.
    """
    times = {name: one for name, one in found.items() if one.holds_times}
    if not times:
        raise LogError([f"{sheet.path}: {why_no_times(sheet)}"])
    case_id = case_column(sheet, found, times)
    if sheet.xes:
        return _activities(sheet, found, times, case_id, shape="xes")
    if len(sheet.rows) == len(groups_of(sheet, case_id)):
        return draft_cases(sheet, found, times, case_id)
    _refuse_doubled(sheet, found, times, case_id)
    opened = constant_opening(sheet, times, case_id)
    if changes := changes_of(found):
        return _changes(sheet, found, times, case_id, opened, changes)
    if opened is not None:
        return _states(sheet, found, times, case_id, opened)
    return _activities(sheet, found, times, case_id, shape="activities")


def _refuse_doubled(sheet: Sheet, found: dict[str, Profile], times: dict[str, Profile], case_id: str) -> None:
    """Refuse a file with one row a case, and columns for its events, in which ids stand twice by a slip.

    Raises:
        LogError: it is one; with each id and its lines.
    """
    lines: dict[str, list[int]] = {}
    for row, line in zip(sheet.rows, sheet.lines, strict=True):
        lines.setdefault(row[case_id], []).append(line)
    ids = doubled(lines)
    if not ids:
        return
    try:
        draft_cases(sheet, found, times, case_id)
    except LogError:
        return  # without a column for an event it is no file with one row a case
    said = f"no case has more than one row but {doubled_text(ids, lines)}"
    raise LogError([f"{sheet.path}: {said}; leave one of these rows, or give each an id of its own"])


def _states(sheet: Sheet, found: dict[str, Profile], times: dict[str, Profile], case_id: str, opened: str) -> Draft:
    """A row for each state."""
    draft = Draft("states")
    begin(sheet, draft, case_id)
    occurred = varying_column(sheet, times, case_id, {opened})
    state = _what_happens(sheet, found, case_id, (Role.STATE, Role.ACTIVITY))
    draft.keys |= {"opened_at": opened, "occurred_at": occurred}
    used = {case_id, opened, occurred, state}
    other_columns(sheet, draft, found, used)
    _check_forms(sheet, choose_times(sheet, draft, times, occurred), occurred, opened)
    rows = ordered_groups(sheet, draft, case_id, occurred)
    firsts, lasts = ([one[place][state] for one in rows] for place in (0, -1))
    values = list(dict.fromkeys(sheet.column(state)))
    draft.keys["state"] = {
        "column": state,
        "opened": _opening_state(draft, values, firsts),
        "closed": _closing_states(draft, values, lasts),
    }
    for name in times.keys() - used:
        draft.unused.setdefault(name, "a time that rows may have before it came")
    draft.keys["fields"] = category_fields(sheet, draft, found, used, later=False)
    return draft


def _changes(
    sheet: Sheet, found: dict[str, Profile], times: dict[str, Profile], case_id: str, opened: str | None, which: Changes
) -> Draft:
    """A row for each change of a field: read as states, of which only the changes of the state say one."""
    draft = Draft("states")
    begin(sheet, draft, case_id)
    occurred = varying_column(sheet, times, case_id, {opened} if opened else set())
    if opened:
        draft.keys["opened_at"] = opened
    else:
        draft.unsure.append("when a case was opened: no column says so, so its first row opens it")
    draft.keys["occurred_at"] = occurred
    used = {column for column in (case_id, opened, occurred, which.field, which.new) if column}
    other_columns(sheet, draft, found, used)
    _check_forms(sheet, choose_times(sheet, draft, times, occurred), occurred, opened)
    stories = [
        [row for row in rows if row[which.field] == which.state]
        for rows in ordered_groups(sheet, draft, case_id, occurred)
    ]
    told = [rows for rows in stories if rows]
    before = [rows[0][which.old] for rows in told if which.old and rows[0][which.old]]
    values = list(dict.fromkeys(row[which.new] for rows in told for row in rows))
    draft.keys["state"] = {
        "column": which.new,
        "where": {which.field: which.state},
        "opened": _first_state(draft, before, values),
        "closed": _closing_states(draft, values, [rows[-1][which.new] for rows in told]),
    }
    if which.old:
        draft.unused[which.old] = "the value before, which the rows before say"
    others = [value for value in found[which.field].values if value != which.state]
    if others:
        draft.unused[f"changes of {', '.join(others)}"] = "rows that leave the state as it is"
    for name in times.keys() - used:
        draft.unused.setdefault(name, "a time that rows may have before it came")
    draft.keys["fields"] = category_fields(sheet, draft, found, used, later=True)
    if draft.keys["fields"]:
        draft.unsure.append(AS_IT_ENDED)
    return draft


def _check_forms(sheet: Sheet, alike: set[str], occurred: str, opened: str | None) -> None:
    """Refuse a log whose opening is written in another form than the rest."""
    if opened is not None and opened not in alike:
        raise LogError([f"{sheet.path}: {opened!r} and {occurred!r} write their times in two forms; a log has one"])


def _first_state(draft: Draft, before: list[str], values: list[str]) -> str:
    """The state before the first change: the one that most cases had, or one that is named so."""
    if before:
        return Counter(before).most_common(1)[0][0]
    named = next((value for value in values if opens(value)), "New")
    draft.unsure.append(f"in which state a case is opened: taken as {named!r}, since no column has the state before")
    return named


def _activities(
    sheet: Sheet, found: dict[str, Profile], times: dict[str, Profile], case_id: str, *, shape: str
) -> Draft:
    """Case, activity and time."""
    draft = Draft(shape)
    begin(sheet, draft, case_id)
    own = "time:timestamp" if sheet.xes and "time:timestamp" in times else None
    occurred = own or varying_column(sheet, times, case_id, set())
    activity = _what_happens(sheet, found, case_id, (Role.ACTIVITY, Role.STATE))
    steps = [n for n in found if n.lower() in _TRANSITIONS and len(found[n].values) > 1]
    parts = [activity, *steps[:1]]
    draft.keys |= {"activity": parts, "occurred_at": occurred}
    used = {case_id, occurred, *parts}
    other_columns(sheet, draft, found, used)
    choose_times(sheet, draft, times, occurred)
    values = dict.fromkeys(JOINT.join(row[part] for part in parts if row[part]) for row in sheet.rows)
    lasts = [
        JOINT.join(rows[-1][part] for part in parts if rows[-1][part])
        for rows in ordered_groups(sheet, draft, case_id, occurred)
    ]
    draft.keys["state"] = {"closed": _closing_states(draft, list(values), lasts)}
    if is_for(Role.ACTIVITY, activity) or not is_for(Role.STATE, activity):
        more = ", …" if len(values) > _NAMED else ""
        draft.unsure.append(
            "what each activity means: the state of a case is its last activity, until activities: says more "
            f"({', '.join(list(values)[:_NAMED])}{more})"
        )
    draft.keys["fields"] = category_fields(sheet, draft, found, used, later=False)
    return draft


def _what_happens(sheet: Sheet, found: dict[str, Profile], case_id: str, roles: tuple[Role, ...]) -> str:
    """The column of what happens to a case: its states or activities.

    There may be hundreds of activities; if each came once only, they would be a text.
    """
    rows = len(sheet.rows)
    if sheet.xes and _ACTIVITY in found and found[_ACTIVITY].filled == rows:
        return _ACTIVITY
    for role in roles:
        if column := column_for(role, found, {case_id}, rows=rows):
            return column
    for name, one in found.items():
        named = name != case_id and not one.holds_times and any(is_for(role, name) for role in roles)
        if named and one.filled == rows and len(set(sheet.column(name))) * 2 <= rows:
            return name
    names = ", ".join(found)
    raise LogError(
        [f"{sheet.path}: several rows a case, and no column that looks like a state or an activity among {names}"]
    )


def _opening_state(draft: Draft, values: list[str], firsts: list[str]) -> str:
    named = next((value for value in values if opens(value)), None)
    if named is None:
        named = Counter(firsts).most_common(1)[0][0]
        draft.unsure.append(f"in which state a case is opened: most begin as {named!r}")
    return named


def _closing_states(draft: Draft, values: list[str], lasts: list[str]) -> list[str]:
    closing = [value for value in values if closes(value)]
    if not closing and (closing := [value for value in values if ends(value)]):
        ended = ", ".join(closing)
        draft.unsure.append(f"what closes a case: nothing is named so; taken is what ends the work ({ended})")
    if not closing:
        most = Counter(lasts).most_common(1)[0][0]
        draft.unsure.append(f"what closes a case: nothing is named so, so none is closed (most end as {most!r})")
    return closing
