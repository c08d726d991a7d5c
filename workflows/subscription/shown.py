"""What the Temporal UI shows of a subscription, in Markdown."""

from __future__ import annotations

from domain.bounds import cut
from domain.subscriptions.state import Pause, SubscriptionState
from domain.wording import instant, plural

MOST_LISTED = 20
"""Subjects that are behind, of which the reason is shown; the query `standing` has all."""

MOST_DETAILS_BYTES = 16 * 1024

_WHY = {
    "hand": "by hand",
    "endpoint": "because its endpoint is switched off",
    "cursor": "because the feed does not take its cursor",
}


def details(state: SubscriptionState, doing: str) -> str:
    """The current details of a subscription. Instants are UTC."""
    lines = [
        f"**{doing}**",
        "",
        "| sent | behind | held back | given up |",
        "|---|---|---|---|",
        f"| {state.sent} | {plural(state.behind, 'event')} | {plural(len(state.lanes), 'subject')} | {state.dead} |",
        "",
        f"Cursor: `{state.cursor}`",
    ]
    if state.trouble:
        at = f" ({instant(state.troubled_at)})" if state.troubled_at else ""
        lines += ["", f"Last error{at}: {state.trouble}"]
    failing = [lane for lane in state.lanes if lane.event_id is not None]
    if failing:
        lines += ["", "Events that fail, each with what it holds back:"]
    for lane in failing[:MOST_LISTED]:
        due = f", next at {instant(lane.due_at)}" if lane.due_at else ""
        lines.append(f"- {lane.event_id}: {plural(lane.attempts, 'attempt')}{due}: {lane.reason}")
    return cut("\n".join(lines), MOST_DETAILS_BYTES)


def pause_in_words(pause: Pause) -> str:
    """That it is paused, since when, by whom and why."""
    who = f" by {pause.by}" if pause.by else f" {_WHY[pause.why]}" if pause.why != "hand" else ""
    why = f": {pause.reason}" if pause.reason else ""
    return f"paused{who} since {instant(pause.at)}{why}"
