"""The mapping of a file by its shape: a row for each state, one row a case, or case, activity and time."""

from __future__ import annotations

from collections import Counter

from starters.logs.activities import JOINT
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
from starters.logs.mapping import LogError
from starters.logs.profiles import Profile, Sheet, groups_of
from starters.logs.roles import Role, closes, ends, opens
from starters.logs.ticket_drafts import draft_cases

_TRANSITIONS = ("lifecycle:transition", "transition")


def draft_of(sheet: Sheet, found: dict[str, Profile]) -> Draft:
    """The mapping of a file, from what its columns hold.

    Raises:
        LogError: it lacks what a mapping needs.
    """
    times = {name: one for name, one in found.items() if one.holds_times}
    if not times:
        raise LogError([f"{sheet.path}: no column holds times in one form, so nobody can say when anything happened"])
    case_id = case_column(sheet, found, times)
    if sheet.xes:
        return _activities(sheet, found, times, case_id, shape="xes")
    if len(sheet.rows) == len(groups_of(sheet, case_id)):
        return draft_cases(sheet, found, times, case_id)
    opened = constant_opening(sheet, times, case_id)
    if opened is not None:
        return _states(sheet, found, times, case_id, opened)
    return _activities(sheet, found, times, case_id, shape="activities")


def _states(sheet: Sheet, found: dict[str, Profile], times: dict[str, Profile], case_id: str, opened: str) -> Draft:
    """A row for each state."""
    draft = Draft("states")
    begin(sheet, draft, case_id)
    occurred = varying_column(sheet, times, case_id, {opened})
    state = _what_happens(sheet, found, case_id, (Role.STATE, Role.ACTIVITY))
    draft.keys |= {"opened_at": opened, "occurred_at": occurred}
    used = {case_id, opened, occurred, state}
    other_columns(sheet, draft, found, used)
    alike = choose_times(sheet, draft, times, occurred)
    if opened not in alike:
        raise LogError([f"{sheet.path}: {opened!r} and {occurred!r} write their times in two forms; a log has one"])
    rows = ordered_groups(sheet, draft, case_id, occurred)
    firsts, lasts = ([one[place][state] for one in rows] for place in (0, -1))
    draft.keys["state"] = {
        "column": state,
        "opened": _opening_state(draft, found[state], firsts),
        "closed": _closing_states(draft, list(found[state].values), lasts),
    }
    for name in times.keys() - used:
        draft.unused.setdefault(name, "a time that rows may have before it came")
    draft.keys["fields"] = category_fields(sheet, draft, found, used, later=False)
    return draft


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
    draft.unsure.append(
        "what each activity means: the state of a case is its last activity, until activities: says more"
    )
    draft.keys["fields"] = category_fields(sheet, draft, found, used, later=False)
    return draft


def _what_happens(sheet: Sheet, found: dict[str, Profile], case_id: str, roles: tuple[Role, ...]) -> str:
    """The column of what happens to a case: its states or activities."""
    for role in roles:
        if column := column_for(role, found, {case_id}, rows=len(sheet.rows)):
            return column
    names = ", ".join(found)
    raise LogError(
        [f"{sheet.path}: several rows a case, and no column that looks like a state or an activity among {names}"]
    )


def _opening_state(draft: Draft, profile: Profile, firsts: list[str]) -> str:
    named = next((value for value in profile.values if opens(value)), None)
    if named is None:
        named = Counter(firsts).most_common(1)[0][0]
        draft.unsure.append(f"in which state a case is opened: most begin as {named!r}")
    return named


def _closing_states(draft: Draft, values: list[str], lasts: list[str]) -> list[str]:
    closing = [value for value in values if closes(value)] or [value for value in values if ends(value)]
    if not closing:
        most = Counter(lasts).most_common(1)[0][0]
        draft.unsure.append(f"what closes a case: nothing is named so, so none is closed (most end as {most!r})")
    return closing
