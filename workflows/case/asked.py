"""What a case is asked, told and shows: how each message is read, checked and answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import to_json

    from domain.bounds import Instant
    from domain.errors import Refused
    from domain.explanation import Explanation, explain
    from domain.ids import event_id_of
    from domain.messages.case_state import EntitlementChange
    from domain.messages.cases import ActionRetry, Answer, Migration, OverageChoice, TimeLogged, TimeReversed
    from domain.messages.inbox import read_event, read_message
    from domain.timeline import events
    from domain.timeline.effects import NoteKind
    from domain.timeline.folding import NEWEST
    from domain.timeline.requests import refuse_future
    from domain.timeline.views import CaseView
    from domain.usage.requests import EntitlementOverflowed
    from domain.usage.units import amount_text, number_text
    from workflows.case.handlers import signal, update
    from workflows.case.parts import Parts
    from workflows.case.size import LARGER
    from workflows.waiting import seal

REQUESTS: dict[str, type[Any]] = {
    "complete_milestone": events.MilestoneCompleted,
    "change_fields": events.FieldsChanged,
    "stop_clock": events.ClockStopped,
    "resume_clock": events.ClockResumed,
    "clear_completion": events.CompletionCleared,
    "extend_milestone": events.MilestoneExtended,
    "close": events.CaseClosed,
}
"""By the name of an update: the event that it says."""

NEWS: dict[str, type[Any]] = {
    "milestone_completed": events.MilestoneCompleted,
    "fields_changed": events.FieldsChanged,
    "clock_stopped": events.ClockStopped,
    "clock_resumed": events.ClockResumed,
    "case_closed": events.CaseClosed,
}
"""By the name of a signal: likewise."""

MOST_EXPLAINED_BYTES = 1024 * 1024
"""Of an explanation, as JSON: the server takes no answer of 2 MB."""

_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)

Raw = tuple[Any, ...]


def request(name: str, doc: str) -> Any:
    """An update that says an event of the timeline."""
    kind = REQUESTS[name]

    def check(parts: Parts, raw: Raw) -> None:
        event = read_event(kind, raw, parts.case.now())
        parts.taking.try_out(event)
        if kind in LARGER:
            parts.size.check(event.event_id)

    async def answer(parts: Parts, raw: Raw) -> Answer:
        return await parts.taking.take(read_event(kind, raw, parts.case.now()))

    return update(name, doc, check, answer)


def news(name: str) -> Any:
    """A signal that says an event of the timeline."""
    kind = NEWS[name]

    async def hear(parts: Parts, raw: Raw) -> None:
        await parts.case.ready()
        event = read_event(kind, raw, parts.case.now())
        if kind in LARGER:
            parts.size.foresee(event.event_id)
        await parts.taking.take(event)

    return signal(name, f"News of `{kind.__name__}`.", hear)


def nothing(_parts: Parts, _raw: Raw) -> None:
    """Take whatever comes: opening has no arguments."""


async def open_case(parts: Parts, _raw: Raw) -> Answer:
    """Answer once the case is open; whoever comes second hears that it was, and nothing of their intake is taken."""
    await parts.case.ready()
    was_open = parts.was_told_of or workflow.info().continued_run_id is not None
    parts.was_told_of = True
    outcome: Literal["taken", "already"] = "already" if was_open else "taken"
    return Answer(outcome=outcome, notes=[], case=parts.case.view(), coverage=parts.coverage)


def _in_time(kind: type[Any], parts: Parts, raw: Raw) -> Any:
    """Read a message that is no event, and refuse one from the future."""
    read = read_event(kind, raw, parts.case.now())
    refuse_future(read.occurred_at, parts.case.now())
    return read


def check_reopening(parts: Parts, raw: Raw) -> None:
    """Refuse to reopen a case that is open."""
    if parts.case.is_open and not parts.case.is_closed:
        raise ApplicationError(f"case {parts.case.case_id} is open", type="open", non_retryable=True)
    asked = read_event(events.CaseReopened, raw, parts.case.now())
    parts.taking.try_out(asked)
    parts.size.check(asked.event_id)


async def reopen(parts: Parts, raw: Raw) -> Answer:
    """Take the case up again."""
    return await parts.taking.take(read_event(events.CaseReopened, raw, parts.case.now()))


def check_entitlement_change(parts: Parts, raw: Raw) -> None:
    """Refuse what is no change of entitlement."""
    parts.size.check(_in_time(EntitlementChange, parts, raw).event_id)


async def change_entitlement(parts: Parts, raw: Raw) -> Answer:
    """Go over to another entitlement."""
    change = read_event(EntitlementChange, raw, parts.case.now())
    return await parts.changes.change_entitlement(change)


def check_choice(parts: Parts, raw: Raw) -> None:
    """Refuse a choice that answers nothing."""
    choice = _in_time(OverageChoice, parts, raw)
    if parts.case.is_open:
        parts.overage.asked(choice)


async def decide_overage(parts: Parts, raw: Raw) -> Answer:
    """Do what somebody decided."""
    return await parts.overage.decide(read_event(OverageChoice, raw, parts.case.now()))


def check_time(parts: Parts, raw: Raw) -> None:
    """Refuse what is no time entry."""
    _in_time(TimeLogged, parts, raw)


async def log_time(parts: Parts, raw: Raw) -> list[str]:
    """Take the work from entitlements."""
    return await parts.overage.log_time(read_event(TimeLogged, raw, parts.case.now()))


def check_reversal(parts: Parts, raw: Raw) -> None:
    """Refuse what undoes no time entry."""
    _in_time(TimeReversed, parts, raw)


async def reverse_time(parts: Parts, raw: Raw) -> Answer:
    """Undo a time entry that stayed uncovered."""
    return await parts.overage.reverse_time(read_event(TimeReversed, raw, parts.case.now()))


def check_migration(parts: Parts, raw: Raw) -> None:
    """Refuse what is no migration."""
    parts.size.check(_in_time(Migration, parts, raw).event_id)


async def migrate(parts: Parts, raw: Raw) -> Answer:
    """Go over to another version."""
    return await parts.changes.migrate(read_event(Migration, raw, parts.case.now()))


def check_retry(parts: Parts, raw: Raw) -> None:
    """Refuse to retry what has not failed. Of what is being tried the caller hears so: it was not forgotten."""
    retry, failed = read_message(ActionRetry, raw), parts.case.kept.failed
    if retry.key not in failed:
        if any(order.call.key == retry.key for order in parts.case.kept.orders):
            raise Refused("under_way", f"{retry.key} is being tried already")
        known = ", ".join(failed) or "none"
        raise Refused("unknown_action", f"no failed action {retry.key!r}; failed: {known}")


async def retry_action(parts: Parts, raw: Raw) -> str:
    """Send a failed action again."""
    check_retry(parts, raw)  # another request may have come first
    retry = read_message(ActionRetry, raw)
    return parts.actions.retry(retry.key, retry.by)


async def hear_of_time(parts: Parts, raw: Raw) -> None:
    """Take the work from entitlements."""
    await parts.case.ready()
    try:
        await parts.overage.log_time(read_event(TimeLogged, raw, parts.case.now()))
    finally:
        seal(time_logged=workflow.info().get_current_history_length())


async def hear_of_overflow(parts: Parts, raw: Raw) -> None:
    """Note that an entitlement had nothing left. It may be told twice, by a worker that dies as it tells."""
    await parts.case.ready()
    told = read_message(EntitlementOverflowed, raw)
    amounts = f"{number_text(told.used, told.unit)} of {amount_text(told.cap, told.unit)}"
    text = f"entitlement {told.entitlement_id} has nothing left: {amounts} used"
    once = event_id_of("overflowed", told.entitlement_id, str(told.number))
    parts.case.remark(NoteKind.OVERFLOWED, text, once=once, entitlement=told.entitlement_id)


def timeline(parts: Parts, raw: Raw) -> CaseView:
    """The case as it stands now.

    A workflow's clock stands still between its events. A caller that gives the time of its own clock (ISO 8601) gets
    the case as of then.
    """
    kept = parts.case.kept
    whose = {"account": kept.account, "entitlement": kept.entitlement}
    return parts.case.view(_as_of(parts, raw)).model_copy(update=whose)


def explanation(parts: Parts, raw: Raw) -> Explanation:
    """Why the newest targets are what they are; of one milestone, if the second argument names it.

    Where all that is too much for an answer, of each milestone the very newest alone.
    """
    milestone = str(raw[1]) if len(raw) > 1 and raw[1] is not None else None
    running, now = parts.case.timeline, _as_of(parts, raw)
    explained = explain(running.plan, running.state, now, milestone, NEWEST)
    if len(to_json(explained)) > MOST_EXPLAINED_BYTES:
        return explain(running.plan, running.state, now, milestone, 1)
    return explained


def _as_of(parts: Parts, raw: Sequence[Any]) -> datetime:
    now = workflow.now()
    if not raw or not isinstance(raw[0], str):
        return now + parts.case.ahead
    try:
        asked = _INSTANT.validate_python(raw[0])
    except ValidationError as error:
        raise Refused("bad_message", f"no instant: {error.errors()[0]['msg']}") from None
    return max(asked, now) + parts.case.ahead
