"""``take``, ``adjust``, ``amend``, ``cancel``, ``cover`` and others: what people ask of an entitlement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from uuid import uuid4

import typer

from starters.cli import arguments, zones
from starters.cli.commands.case import login
from starters.cli.options import AsJson, By, EntitlementArgument, EventId, InPeriod, Why, argument, case_option, option
from starters.cli.running import connected, run

if TYPE_CHECKING:
    from datetime import datetime
    from fractions import Fraction

    from pydantic import BaseModel

    from starters.operations.usage import UsageDesk

Result = TypeVar("Result", bound="BaseModel")
"""What the desk answers."""

NOT_TAKEN = 3
"""The exit code when not enough is left."""

_LONGEST_ID = 100


# Over fifty lines: each option stands here with its help.
def take(
    entitlement: EntitlementArgument,
    reference: Annotated[
        str,
        argument("REFERENCE", "The id of the visit; it counts once."),
    ],
    amount: Annotated[str, typer.Option("--amount", metavar="N", help="How many.")] = "1",
    at: Annotated[
        str | None,
        option("--at", "TIME", "When it is dispatched, or planned to be: decides the period; now, if left out."),
    ] = None,
    case: Annotated[str | None, case_option("Is told if not enough is left.")] = None,
    overage: Annotated[
        bool | None,
        typer.Option(
            "--overage/--no-overage",
            help="If nothing is left and the entitlement asks (overflow: prompt): yes, at the overage price; or no, "
            "and the next that matches is asked.",
        ),
    ] = None,
    reason: Annotated[
        str | None,
        option("--reason", "TEXT", "With --overage or --no-overage: goes on record."),
    ] = None,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Take a visit, or another unit, from an entitlement when it is dispatched, and say what is left.

    Exit code 3: nothing was taken, since not enough is left, or since the reference was reversed before and another one
    is needed; the answer says what follows. A reference counts once for the account, whichever of its entitlements gave
    it: sent again, it changes nothing. Look at balance before you promise anything.

    Example: milepost take acme-visits V-1 --case 4711 --by dispatch
    """
    if (overage is None) != (reason is None):
        raise typer.BadParameter("--overage, or --no-overage, and --reason go together", param_hint="--overage")
    name, dispatched = (
        id_typed(reference, "REFERENCE"),
        _at(at, entitlement),
    )
    said: dict[str, str] = {} if reason is None else {"overage" if overage else "declined": _reason(reason)}
    who = {"by": _by(by), "event_id": _event_id(event_id)}
    taken = _ask(
        lambda desk: desk.take(entitlement, name, amount=amount, at=dispatched, case=case, **said, **who), as_json
    )
    if not taken.is_taken:
        raise typer.Exit(NOT_TAKEN)


def adjust(
    entitlement: EntitlementArgument,
    amount: Annotated[
        str,
        argument("AMOUNT", "How much more was taken than is counted; less, if negative. Of hours: 2h, -90m, 1h30m."),
    ],
    reason: Why,
    at: InPeriod = None,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Correct by hand what was used, up or down, with who and why: not below nothing, nor beyond what is left.

    Example: milepost adjust acme-bank -90m --reason "goodwill: the first visit did not help"
    """
    decided = _at(at, entitlement)
    who = _who(by, reason, event_id)
    _ask(lambda desk: desk.adjust(entitlement, amount, at=decided, **who), as_json)


def grant(
    entitlement: EntitlementArgument,
    amount: Annotated[
        str,
        argument("AMOUNT", "How much. Of hours: 2h, 90m, 7.5. With a minus it is taken back."),
    ],
    reason: Why,
    until: Annotated[
        str | None,
        option(
            "--until",
            "DATE|ISO",
            "The last date, in the account's zone (2026-12-31), or instant that it pays for; as long as its "
            "period, if left out.",
        ),
    ] = None,
    at: InPeriod = None,
    carry_over: Annotated[
        bool, typer.Option("--carry-over", help="What is left of it goes on into the next period.")
    ] = False,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Give a credit for one period by hand. It is used before the cap, and percentages leave it out.

    It pays for whatever is dated up to its end, even if that arrives later. A negative amount takes back what grants of
    the period have not paid for yet.

    Example: milepost grant acme-visits 2 --until 2026-12-15 --reason "goodwill: the hall stood still"
    """
    decided, last = (
        _at(at, entitlement),
        _until(until, entitlement) if until else None,
    )
    who = _who(by, reason, event_id)
    _ask(lambda desk: desk.grant(entitlement, amount, at=decided, until=last, carries_over=carry_over, **who), as_json)


def reverse(
    entitlement: EntitlementArgument,
    reference: Annotated[
        str,
        argument("REFERENCE", "The id of the time entry or visit."),
    ],
    reason: Why,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Give back all that a time entry or a visit took, once, in the period from which it was taken.

    An entry that was split over several entitlements is given back to all of them; name any one. A case never gives
    back what it took.

    Example: milepost reverse acme-bank T-1 --reason "logged on the wrong case"
    """
    name, who = id_typed(reference, "REFERENCE"), _who(by, reason, event_id)
    _ask(lambda desk: desk.reverse(entitlement, name, **who), as_json)


def amend(
    entitlement: EntitlementArgument,
    reason: Why,
    cap: Annotated[
        str | None,
        option("--cap", "N|unlimited", "In its unit, from the current period on; of hours also 7.5 or 7h30m."),
    ] = None,
    ends_on: Annotated[
        str | None,
        option("--ends-on", "DATE|never", "Its last date, in the account's zone: 2026-12-31."),
    ] = None,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Change the cap or the last date of an entitlement. The stored catalog changes with it.

    Your files need no change: what was amended stays when they are applied again. milepost apply --show-amended prints
    the lines that would bring them up to date.

    Example: milepost amend acme-visits --cap 6 --reason "two more, by order 1204"
    """
    if cap is None and ends_on is None:
        raise typer.BadParameter("say what changes: --cap, --ends-on or both")
    limit, last, who = _cap(cap), _last_date(ends_on), _who(by, reason, event_id)
    _ask(lambda desk: desk.amend(entitlement, cap=limit, ends_on=last, **who), as_json)


def cancel(
    entitlement: EntitlementArgument,
    reason: Why,
    on: Annotated[
        str | None,
        option("--on", "DATE", "The last date that it covers, in the account's zone: 2026-12-31. Ahead or behind."),
    ] = None,
    at: Annotated[
        str | None,
        option("--at", "TIME", "From this instant on; now, if left out."),
    ] = None,
    with_renewal: Annotated[bool, typer.Option("--with-renewal", help="Cancel what it was renewed as, too.")] = False,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """End an entitlement: from then on it covers and gives nothing. Running cases keep their clocks.

    What was taken after that instant stays taken and is listed; what is planned for after it is reversed.

    Example: milepost cancel acme-visits --on 2026-12-31 --reason "the contract was terminated"
    """
    if on is not None and at is not None:
        raise typer.BadParameter("give a last date or an instant, not both", param_hint="--on")
    since, last_day = (
        _at(at, entitlement),
        _date(on, "--on") if on else None,
    )
    who = _who(by, reason, event_id)
    _ask(lambda desk: desk.cancel(entitlement, at=since, last_day=last_day, with_renewal=with_renewal, **who), as_json)


def cover(
    entitlement: EntitlementArgument,
    reference: Annotated[
        str,
        argument("REFERENCE", "The id of the case, visit or time entry."),
    ],
    reason: Why,
    at: Annotated[
        str | None,
        option("--from", "TIME", "An instant of the period that pays; its own, if left out, or a later one."),
    ] = None,
    amount: Annotated[str | None, option("--amount", "N", "At most so much; all of it.")] = None,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Pay for overage from what is left of its period, or of a later one; in part if less is left.

    What is covered is used there, and is not billed any more.

    Example: milepost cover acme-bank T-7 --reason "the cap was raised for it"
    """
    name, paid_at = (
        id_typed(reference, "REFERENCE"),
        _at(at, entitlement, "--from"),
    )
    who = _who(by, reason, event_id)
    _ask(lambda desk: desk.cover(entitlement, name, at=paid_at, amount=amount, **who), as_json)


def void(
    entitlement: EntitlementArgument,
    reference: Annotated[
        str,
        argument("REFERENCE", "The id of the case, visit or time entry."),
    ],
    reason: Why,
    amount: Annotated[str | None, option("--amount", "N", "At most so much; all of it.")] = None,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Write overage off: it is not billed, and an override that was billed already is cancelled out by another.

    Example: milepost void acme-bank T-7 --reason "goodwill"
    """
    name, who = id_typed(reference, "REFERENCE"), _who(by, reason, event_id)
    _ask(lambda desk: desk.void(entitlement, name, amount=amount, **who), as_json)


def renew(
    entitlement: EntitlementArgument,
    reason: Why,
    ends_on: Annotated[
        str | None,
        option(
            "--ends-on",
            "DATE",
            "The last date of the new term, such as 2026-12-31; as long as declared or as the last term, if left out.",
        ),
    ] = None,
    by: By = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Renew an entitlement, early or late: a new, linked record goes on from the day after its last date.

    Example: milepost renew acme-visits --reason "renewed by phone"
    """
    last, who = _date(ends_on) if ends_on else None, _who(by, reason, event_id)
    _ask(lambda desk: desk.renew(entitlement, ends_on=last, **who), as_json)


# --- what was typed ---


def id_typed(text: str, of: str) -> str:
    """The id of something that takes its part once.

    Raises:
        BadParameter: it is empty, or too long.
    """
    if not 1 <= len(text) <= _LONGEST_ID:
        raise typer.BadParameter(f"an id has 1 to {_LONGEST_ID} characters, not {len(text)}", param_hint=f"'{of}'")
    return text


def _who(by: str | None, reason: str, event_id: str | None) -> dict[str, str]:
    return {"by": _by(by), "reason": _reason(reason), "event_id": _event_id(event_id)}


def _by(by: str | None) -> str:
    return by or login() or "unknown"


def _event_id(event_id: str | None) -> str:
    return event_id or str(uuid4())


def _reason(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("say why: it goes on record", param_hint="--reason")
    return text.strip()


def _cap(text: str | None) -> int | Fraction | Literal["unlimited"] | None:
    from domain.usage.quantities import read_quantity

    if text is None:
        return None
    if text == "unlimited":
        return "unlimited"
    if text.isascii() and text.isdigit():
        return int(text[:40])
    try:
        return read_quantity(text)
    except ValueError:
        message = f"{text!r} is neither a whole number from 0 nor unlimited; of hours it may be 7.5 or 7h30m"
        raise typer.BadParameter(message, param_hint="--cap") from None


def _last_date(text: str | None) -> date | Literal["never"] | None:
    if text is None:
        return None
    return "never" if text == "never" else _date(text)


def _at(text: str | None, entitlement: str, option: str = "--at") -> datetime | None:
    return arguments.instant(text, option, zones.of_entitlement(entitlement)) if text else None


def _until(text: str, entitlement: str) -> date | datetime:
    is_instant = "T" in text or ":" in text
    return (
        arguments.instant(text, "--until", zones.of_entitlement(entitlement)) if is_instant else _date(text, "--until")
    )


def _date(text: str, option: str = "--ends-on") -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write one like 2026-12-31", param_hint=option) from None


# --- asking ---


@asynccontextmanager
async def _desk() -> AsyncIterator[UsageDesk]:
    from starters.operations.usage import UsageDesk

    async with connected() as (client, store, task_queue):
        yield UsageDesk(client, store, task_queue)


def _ask(ask: Callable[[UsageDesk], Awaitable[Result]], as_json: bool) -> Result:
    """Ask the desk, and print what it answers."""

    async def asked() -> Result:
        async with _desk() as desk:
            return await ask(desk)

    answer = run(asked())
    typer.echo(answer.model_dump_json(indent=2) if as_json else str(answer))
    return answer
