"""The mapping of a file with one row a case: which of its columns of times is which event."""

from __future__ import annotations

from typing import Any

from starters.logs.drafting import Draft, begin, category_fields, choose_times
from starters.logs.lacking import why_no_events, why_no_opening
from starters.logs.mapping import LogError
from starters.logs.profiles import Profile, Sheet
from starters.logs.roles import Role, comes_again, field_name, is_for, role_of_time

_EVENTS = {
    Role.ANSWERED: "In progress",
    Role.RESOLVED: "Resolved",
    Role.CLOSED: "Closed",
    Role.REOPENED: "Reopened",
}
"""The events of a case with the state that each brings, in the order in which those of one instant count."""


AS_IT_ENDED = "whether the fields had these values at the opening: the row shows the case as it ended"
"""What is unsure about columns of a case that no history goes with."""


def draft_cases(sheet: Sheet, found: dict[str, Profile], times: dict[str, Profile], case_id: str) -> Draft:
    """The mapping of a file with one row a case.

    Raises:
        LogError: no column says when anything but the opening happened.
    """
    draft = Draft("cases")
    begin(sheet, draft, case_id)
    roles = {name: role_of_time(name) for name in times}
    opened = _opening_column(sheet, draft, times, roles)
    draft.keys["opened_at"] = opened
    alike = choose_times(sheet, draft, times, opened)
    used = {case_id, opened}
    events, waits = _events(draft, {n: r for n, r in roles.items() if n in alike and n != opened}, used)
    if not events:
        raise LogError([f"{sheet.path}: {why_no_events(sheet, times)}"])
    draft.keys["state"] = {"opened": "New", "closed": [e["state"] for e in events if e["state"] == "Closed"]}
    draft.keys |= {"events": events, "waits": waits}
    due = [name for name, role in roles.items() if role is Role.DUE and name in alike]
    used |= {*due}
    for name in found:
        if is_for(Role.STATE, name) and name not in times:
            draft.unused[name] = "the state in the end; the row does not say since when"
    fields = category_fields(sheet, draft, found, used, later=True)
    taken = {"state", *fields}
    draft.keys["fields"] = fields | {field_name(name, taken): {"column": name, "type": "datetime"} for name in due}
    if fields:
        draft.unsure.append(AS_IT_ENDED)
    return draft


def _opening_column(sheet: Sheet, draft: Draft, times: dict[str, Profile], roles: dict[str, Role | None]) -> str:
    """The column of the opening: by its name, else the first one of times that every row has."""
    filled = [name for name in times if times[name].filled == len(sheet.rows)]
    named = [name for name in filled if roles[name] is Role.OPENED]
    if named:
        return named[0]
    likely = [name for name in filled if roles[name] in (None, Role.OCCURRED)] or filled
    if not likely:
        raise LogError([f"{sheet.path}: {why_no_opening(sheet, times)}"])
    draft.unsure.append(f"whether {likely[0]!r} is when a case was opened: its name does not say so")
    return likely[0]


def _events(
    draft: Draft, roles: dict[str, Role | None], used: set[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The events and waits that columns stand for; adds those columns to the used ones."""
    events: list[dict[str, Any]] = []
    repeated: list[dict[str, Any]] = []
    for role, state in _EVENTS.items():
        names = [name for name, of in roles.items() if of is role]
        if names:
            reopens = {"reopens": True} if role is Role.REOPENED else {}
            events.append({"at": names[0], "state": state, **reopens})
            used.add(names[0])
        again = [name for name in names[1:] if comes_again(name)]
        repeated += [{"at": name, "state": state} for name in again]
        used.update(again)
        names = [name for name in names if name not in again]
        if len(names) > 1:
            draft.unsure.append(f"which of {', '.join(names)} says when it was {state!r}: the first is taken")
    begins = [name for name, role in roles.items() if role is Role.WAIT_BEGINS]
    ends = [name for name, role in roles.items() if role is Role.WAIT_ENDS]
    waits = [{"since": a, "until": b, "state": "Waiting"} for a, b in zip(begins, ends, strict=False)]
    used |= {*begins[: len(waits)], *ends[: len(waits)]}
    changed = [name for name, role in roles.items() if role is Role.CHANGED]
    draft.unused.update(dict.fromkeys(changed, "the last change only, whatever it was"))
    return events + repeated, waits
