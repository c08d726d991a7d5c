"""Subscriptions as people see them: how each stands, what fails, and what was given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from domain.subscriptions.state import SubscriptionState
from domain.wording import instant, plural
from store.subscriptions.dead_letters import StoredLetter
from store.subscriptions.standing import Standing

_WHY = {
    "hand": "",
    "endpoint": "its endpoint is switched off",
    "cursor": "the feed does not take its cursor; replay moves it to another place",
}


def subscription_lines(found: Sequence[tuple[Standing, int]], zone: tzinfo) -> list[str]:
    """Subscriptions, a line each and another for what went wrong.

    Args:
        found: each with how many events were written after its cursor.
        zone: in which instants are shown.
    """
    lines: list[str] = []
    for standing, behind in found:
        declared, state = standing.declared, standing.state
        lines.append(f"{declared.id} -> {declared.endpoint}: {_stands(standing, zone)}{_counts(standing, behind)}")
        if state is not None and state.trouble:
            lines.append(f"    {_trouble(state, zone)}")
    return lines


def standing_lines(standing: Standing, behind: int, letters: Sequence[StoredLetter], zone: tzinfo) -> list[str]:
    """One subscription with all that is known of it."""
    declared, state = standing.declared, standing.state
    lines = [
        f"{declared.id} -> {declared.endpoint}: {_stands(standing, zone)}{_counts(standing, behind)}",
        f"types: {', '.join(declared.types) or 'all'}; accounts: {', '.join(declared.accounts) or 'all'}",
    ]
    if state is not None:
        lines.append(f"cursor: {state.cursor}")
        if state.trouble:
            lines.append(f"last error: {_trouble(state, zone)}")
        failing = [lane for lane in state.lanes if lane.event_id is not None]
        if failing:
            lines += ["", "Events that fail, and hold back those after them of the same case or entitlement:"]
        for lane in failing:
            due = f", next at {instant(lane.due_at, zone)}" if lane.due_at else ""
            lines.append(f"  {lane.event_id}  {plural(lane.attempts, 'attempt')}{due}: {lane.reason}")
    if letters:
        lines += ["", "Dead letters; milepost subscriptions resend sends them again:"]
    lines += [f"  {one.letter.event_id}  {_letter(one, zone)}" for one in letters]
    return lines


def as_data(standing: Standing, behind: int) -> dict[str, Any]:
    """One subscription as JSON has it."""
    return {
        "id": standing.declared.id,
        "declared": standing.declared.model_dump(mode="json"),
        "status": standing.status,
        "behind": behind,
        "dead": standing.dead,
        "told_at": standing.told_at.isoformat() if standing.told_at else None,
        "state": standing.state.model_dump(mode="json") if standing.state else None,
    }


def _stands(standing: Standing, zone: tzinfo) -> str:
    state = standing.state
    if state is None:
        return "not begun; a worker begins it"
    if standing.status == "ended":
        return "ended"
    pause = state.paused
    if pause is None:
        return "retired, ends" if standing.declared.retired else "runs"
    said = pause.reason or _WHY[pause.why]
    who = f" by {pause.by}" if pause.by else ""
    return f"PAUSED{who} since {instant(pause.at, zone)}" + (f": {said}" if said else "")


def _counts(standing: Standing, behind: int) -> str:
    state = standing.state
    if state is None:
        return ""
    held = f", {plural(len(state.lanes), 'case')} held back" if state.lanes else ""
    dead = f", {plural(standing.dead, 'dead letter')}" if standing.dead else ""
    # Which of them it chooses is found where they are read: to count it would be to read them all.
    chooses = behind and (standing.declared.types or standing.declared.accounts)
    counted = f"{behind:,} behind" + (" (chosen or not)" if chooses else "")
    return f"; {plural(state.sent, 'event')} sent, {counted}{held}{dead}"


def _trouble(state: SubscriptionState, zone: tzinfo) -> str:
    at = f"{instant(state.troubled_at, zone)}: " if state.troubled_at else ""
    return f"{at}{state.trouble}"


def _letter(one: StoredLetter, zone: tzinfo) -> str:
    letter = one.letter
    again = "; is sent again" if one.status == "waits" else f"; sent again: {one.said}" if one.said else ""
    return f"{plural(letter.attempts, 'attempt')}, given up {instant(letter.at, zone)}: {letter.reason}{again}"
