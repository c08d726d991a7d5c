"""What becomes known or is decided later: ``clear``, ``extend``, ``entitle``, ``decide``, ``log-time`` and more."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starters.cli import arguments, completion, zones
from starters.cli.commands.case import FieldOptions, answered, case_desk, login, send, told_to_reopen
from starters.cli.commands.usage import id_typed
from starters.cli.options import AsJson, At, By, CaseArgument, EventId, MilestoneName, Reason, Why, argument
from starters.cli.running import run

if TYPE_CHECKING:
    from clients.cases import MilepostClient
    from domain.messages.cases import Answer


def clear(
    case: CaseArgument,
    milestone: MilestoneName,
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Take the completion of a milestone back, as if it had never been. What fell due meanwhile fires, late.

    Example: milepost clear 4711 "First response" --reason "wrong case"
    """
    send(case, "clear_completion", at, by, as_json, milestone=milestone, reason=reason, event_id=event_id)


def extend(
    case: CaseArgument,
    milestone: MilestoneName,
    span: Annotated[str | None, argument("[SPAN]", "Open time to add, such as 90m or 4h.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Or the instant to move the target to.", show_default=False)
    ] = None,
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Move a target later, by open time or to an instant; never earlier.

    Example: milepost extend 4711 Resolution 4h --reason "agreed with the customer"
    """
    if (span is None) == (until is None):
        raise typer.BadParameter("give either a span, such as 4h, or --until an instant", param_hint="SPAN")
    seconds = _seconds_later(span) if span is not None else None
    moved = arguments.instant(until, "--until", zones.of_case(case)).isoformat() if until else None
    send(
        case,
        "extend_milestone",
        at,
        by,
        as_json,
        milestone=milestone,
        open_seconds=seconds,
        until=moved,
        reason=reason,
        event_id=event_id,
    )


def _seconds_later(text: str) -> int:
    from domain.open_time.spans import Offset

    if text.startswith("-"):
        raise typer.BadParameter(f"{text}: a target only moves later; give what to add: 90m or 4h", param_hint="SPAN")
    try:
        seconds = Offset.parse(text).seconds
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="SPAN") from None
    if not seconds:
        raise typer.BadParameter(f"{text} moves nothing; give what to add: 90m or 4h", param_hint="SPAN")
    return seconds


def entitle(
    case: CaseArgument,
    entitlement: Annotated[str, argument("ENTITLEMENT", "Its id; - for none.", completion.entitlements)],
    from_opening: Annotated[
        bool, typer.Option("--from-opening", help="The choice before was wrong: enter its process at the opening.")
    ] = False,
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Move a case to another entitlement. Open milestones stay open at exit; the new process starts its own.

    Example: milepost entitle 4711 acme-gold --from-opening --reason "the wrong contract was chosen"
    """
    chosen = None if entitlement == "-" else entitlement
    send(
        case,
        "change_entitlement",
        at,
        by,
        as_json,
        entitlement=chosen,
        from_opening=from_opening,
        reason=reason,
        event_id=event_id,
    )


def decide(
    case: CaseArgument,
    choice: Annotated[str, argument("yes|no", "At the overage price?")],
    entry: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="A time entry: bill what it took beyond the cap? show lists them.", show_default=False
        ),
    ] = None,
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Answer a case whose entitlement has nothing left: yes takes one more at the overage price, no falls back.

    With --entry, answer a time entry that went beyond the cap: yes bills the part beyond it, no leaves it uncovered.

    Example: milepost decide 4711 yes --entry T-1 --reason "agreed by phone"
    """
    if choice not in {"yes", "no"}:
        raise typer.BadParameter(f"{choice!r} is neither yes nor no", param_hint="yes|no")
    approved = choice == "yes"
    send(case, "decide_overage", at, by, as_json, approved=approved, entry=entry, reason=reason, event_id=event_id)


def log_time(
    case: CaseArgument,
    entry: Annotated[str, argument("ENTRY", "The time entry's id.")],
    minutes: Annotated[str, argument("MINUTES", "As they were worked: 90, or 1h30m.")],
    worked_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When; now, if left out.", show_default=False)
    ] = None,
    by: By = None,
    note: Annotated[str | None, typer.Option(help="Goes on record.", show_default=False)] = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Log work done on a case: it is taken from the entitlements of hours that cover it.

    What is beyond a cap may have to be decided on: see decide.

    Example: milepost log-time 4711 T-1 90 --by ann
    """
    import json

    at = arguments.instant(worked_at, "--worked-at", zones.of_case(case)).isoformat() if worked_at else None
    known_as = id_typed(entry, "ENTRY")
    done = {
        "id": known_as,
        "minutes": _minutes_of_work(minutes),
        "worked_at": at,
        "by": by or login(),
        "note": note,
        "event_id": event_id,
    }
    lines = run(_log_time(case, done))
    if as_json:
        lines = [json.dumps({"lines": lines}, indent=2, ensure_ascii=False)]
    for line in lines:
        typer.echo(line)


def reverse_time(
    case: CaseArgument,
    entry: Annotated[str, argument("ENTRY", "The time entry's id.")],
    reason: Why,
    at: At = None,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Undo a time entry that stayed uncovered, once. What an entitlement has taken is given back with reverse.

    Example: milepost reverse-time 4711 T-1 --reason "logged on the wrong case"
    """
    known_as = id_typed(entry, "ENTRY")
    send(case, "reverse_time", at, by, as_json, entry=known_as, reason=reason, event_id=event_id)


def reopen(
    case: CaseArgument,
    field: FieldOptions = [],  # noqa: B006  Typer reads it, nobody changes it
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Take a closed case up again. The time between was a pause, and nothing is taken of its entitlement twice.

    Example: milepost reopen 4711 --field status=New --reason "it came back"
    """
    occurred_at = arguments.instant(at, "--at", zones.of_case(case)) if at else None
    asked = {"by": by or login(), "reason": reason, "event_id": event_id, "fields": arguments.fields(field)}
    answered(run(_reopen(case, occurred_at, asked)), as_json)


def _minutes_of_work(text: str) -> int:
    from domain.bounds import MOST_ENTRY_MINUTES
    from domain.open_time.spans import Offset

    if text.startswith("-"):
        undone = "an entry is undone with milepost reverse, or reverse-time if nothing covered it"
        raise typer.BadParameter(f"{text}: work is logged forward, 90 or 1h30m; {undone}", param_hint="'MINUTES'")
    try:
        minutes, seconds = divmod(Offset.parse(f"{text}m" if text.isdigit() else text).seconds, 60)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; or in minutes, such as 90", param_hint="'MINUTES'") from None
    if seconds:
        raise typer.BadParameter(f"{text} is not in whole minutes; write 90, or 1h30m", param_hint="'MINUTES'")
    if not 1 <= minutes <= MOST_ENTRY_MINUTES:
        wrong = "no work" if minutes < 1 else "a slip of the pen"
        right = f"give 1 to {MOST_ENTRY_MINUTES} ({MOST_ENTRY_MINUTES // (24 * 60)} days)"
        raise typer.BadParameter(f"{minutes} minutes are {wrong}; {right}", param_hint="'MINUTES'")
    return minutes


async def _log_time(case: str, entry: dict[str, Any]) -> list[str]:
    client = await _client()
    with told_to_reopen(case):
        return await client.log_time(case, **entry)


async def _reopen(case: str, occurred_at: datetime | None, asked: dict[str, Any]) -> Answer:
    return await (await case_desk()).reopen(case, occurred_at=occurred_at, **asked)


async def _client() -> MilepostClient:
    from clients.cases import MilepostClient
    from starters.local.whereabouts import connect_to_temporal, effective_settings

    return MilepostClient(await connect_to_temporal(), task_queue=effective_settings().task_queue)
