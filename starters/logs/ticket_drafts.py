"""The mapping of a file with one row a case: which of its columns of times is which event."""

from __future__ import annotations

from typing import Any

from starters.logs.drafting import Draft, begin, category_fields, choose_times, decimal_of
from starters.logs.lacking import why_no_events, why_no_opening
from starters.logs.lengths import BadLength, Unit, length_of
from starters.logs.mapping import LogError
from starters.logs.profiles import Profile, Sheet
from starters.logs.roles import (
    Role,
    comes_again,
    counts_open_time,
    field_name,
    is_a_length,
    is_for,
    role_of_time,
    unit_of,
)

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
    events, repeated, waits = _events(draft, {n: r for n, r in roles.items() if n in alike and n != opened}, used)
    events += _after_the_opening(sheet, draft, found, {event["state"] for event in events}, used)
    if not events:
        raise LogError([f"{sheet.path}: {why_no_events(sheet, times)}"])
    events = sorted(events, key=_place) + repeated
    draft.keys["state"] = {"opened": "New", "closed": _closed(draft, [event["state"] for event in events])}
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
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """The events, those that came again, and the waits that columns stand for; adds those columns to the used ones."""
    events: list[dict[str, Any]] = []
    repeated: list[dict[str, Any]] = []
    for role, state in _EVENTS.items():
        names = [name for name, of in roles.items() if of is role]
        reopens = {"reopens": True} if role is Role.REOPENED else {}
        if names:
            events.append({"at": names[0], "state": state, **reopens})
            used.add(names[0])
        again = [name for name in names[1:] if comes_again(name)]
        repeated += [{"at": name, "state": state, **reopens} for name in again]
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
    return events, repeated, waits


def _place(event: dict[str, Any]) -> int:
    """Where an event stands among those of one instant."""
    return list(_EVENTS.values()).index(event["state"])


def _closed(draft: Draft, states: list[str]) -> list[str]:
    """The states that close a case; that there is none is said."""
    closed = ["Closed"] if "Closed" in states else []
    if not closed:
        over = "Resolved" if "Resolved" in states else states[-1]
        draft.unsure.append(
            "what closes a case: no column says when, so nothing does (closed: []) and each ends as it stands; if "
            f"{over} is the end, write closed: [{over}]"
        )
    return closed


# --- lengths in place of instants -------------------------------------------------------------------------------------


def _after_the_opening(
    sheet: Sheet, draft: Draft, found: dict[str, Profile], told: set[str], used: set[str]
) -> list[dict[str, Any]]:
    """The events of which the file says how long after the opening they were, and no instant."""
    events: list[dict[str, Any]] = []
    for name in found:
        role = role_of_time(name)
        state = _EVENTS.get(role) if role else None
        if name in used or not is_a_length(name) or state is None or state in told or role is Role.REOPENED:
            continue
        if counts_open_time(name):
            draft.unused[name] = "a length in open time, of which the file does not say when it ended"
            continue
        read = _lengths(draft, list(sheet.column(name)), unit_of(name))
        if read is not None:
            events.append({"after": name, "state": state, **read})
            told.add(state)
            used.add(name)
    if events:
        names = ", ".join(event["after"] for event in events)
        draft.unsure.append(f"whether {names} were counted round the clock, from the opening on: taken so")
    return events


def _lengths(draft: Draft, texts: list[str], unit: Unit | None) -> dict[str, Any] | None:
    """How the lengths of a column are read; None: not as far as is known."""
    decimal = decimal_of(texts)
    if decimal is None or draft.keys.get("decimal", decimal) != decimal:
        return None
    try:
        for text in texts:
            length_of(text, unit, decimal)
    except BadLength:
        return None
    if decimal == ",":
        draft.keys["decimal"] = decimal
    return {"unit": unit} if unit is not None and not any(":" in text for text in texts) else {}
