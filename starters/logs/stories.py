"""The story of one case: what happened to it, in order, as the events of its timeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from domain.criteria.fields import utc_text
from domain.messages.cases import CaseIntake
from domain.timeline.events import CaseClosed, CaseReopened, FieldsChanged
from starters.logs.oddities import OddityKind
from starters.logs.reading import Reading

LogEvent = FieldsChanged | CaseClosed | CaseReopened


@dataclass(frozen=True, slots=True)
class LoggedCase:
    """A case of the log.

    Attributes:
        intake: what it is opened with.
        opened_at: the intake's.
        events: what happened to it, in order. Their ids are the case's id and the number of the row among its rows, so
            that they are the same in every copy of the log.
        kept: whether it kept its promises, by the system that wrote the log; None if that does not say.
        external_id: the id that the log has for it, where that is no id of a case.
    """

    intake: CaseIntake
    opened_at: datetime
    events: tuple[LogEvent, ...]
    kept: bool | None = None
    external_id: str | None = None

    @property
    def case_id(self) -> str:
        """The intake's."""
        return self.intake.case_id

    @property
    def shown_id(self) -> str:
        """The id by which people know it."""
        return self.external_id or self.case_id

    @property
    def ended_at(self) -> datetime:
        """When the last of it happened."""
        return self.events[-1].occurred_at if self.events else self.opened_at


class Step(NamedTuple):
    """Something that happened to a case.

    Attributes:
        values: that its fields have from then on, the state among them.
        state: that it brings; None: it leaves the state as it is.
        reopens: whether a state after the closing takes the case up again.
    """

    at: datetime
    line: int
    by: str | None
    values: dict[str, Any]
    state: str | None
    reopens: bool = True


class Opening(NamedTuple):
    """How a case begins: with the values that its fields have then."""

    case_id: str
    at: datetime
    values: dict[str, Any]
    line: int


def story(reading: Reading, opening: Opening, steps: Sequence[Step], kept: bool | None) -> LoggedCase:
    """What happened to a case.

    Something from before the opening counts at it. A closed state closes the case, another one after that reopens it;
    whatever else comes after the closing changes nothing. All of these are reported.

    Args:
        reading: gathers what is strange.
        opening: how the case begins.
        steps: what happened, in order.
        kept: the verdict of the system that wrote the log.
    """
    case_id, closed_states = opening.case_id, reading.mapping.state.closed
    foreign = reading.foreign.get(case_id)
    intake = CaseIntake(
        case_id=case_id,
        external_id=foreign,
        account=reading.mapping.account,
        fields=dict(opening.values),
        opened_at=opening.at,
    )
    now, events, closed = dict(opening.values), list[LogEvent](), None
    for number, step in enumerate(steps, 1):
        if step.at < opening.at:
            text = f"{utc_text(step.at)} is before the case was opened; it counts at {utc_text(opening.at)}"
            reading.odd(OddityKind.BEFORE_OPENING, case_id, step.line, text)
        at, event_id = max(step.at, opening.at), f"{case_id}/{number}"
        closes = step.state in closed_states
        if closed is not None and (step.state is None or closes or not step.reopens):
            text = f"the case is closed since {utc_text(closed.at)} (line {closed.line}); this changes nothing"
            reading.odd(OddityKind.AFTER_CLOSING, case_id, step.line, text)
            continue
        changed = {name: value for name, value in step.values.items() if now.get(name) != value}
        now |= changed
        if closed is not None:
            events.append(CaseReopened(event_id=f"{event_id}/reopened", occurred_at=at, by=step.by, fields=changed))
            closed = None
        elif changed:
            events.append(FieldsChanged(event_id=event_id, occurred_at=at, by=step.by, fields=changed))
        if closes:
            closed = step
            events.append(CaseClosed(event_id=f"{event_id}/closed", occurred_at=at, by=step.by))
    _tell_open(reading, opening, steps, closed=closed is not None)
    return LoggedCase(
        intake=intake,
        opened_at=opening.at,
        events=tuple(events),
        kept=kept,
        external_id=foreign,
    )


def tell_states_at_once(reading: Reading, case_id: str, steps: Sequence[Step]) -> None:
    """Report different states that begin at one instant, of rows whose order says which one came first."""
    for one, other in pairwise(step for step in steps if step.state is not None):
        if one.at == other.at and one.state != other.state:
            text = f"{one.state!r} and {other.state!r} both begin at {utc_text(other.at)}; taken in this order"
            reading.odd(OddityKind.STATES_AT_ONCE, case_id, other.line, text)


def _tell_open(reading: Reading, opening: Opening, steps: Sequence[Step], *, closed: bool) -> None:
    """Report a case that the log leaves open, of a log that has states that close one."""
    if closed or not reading.mapping.state.closed:
        return
    states = [step.state for step in steps if step.state is not None]
    line = steps[-1].line if steps else opening.line
    state = states[-1] if states else reading.mapping.state.opened
    reading.odd(OddityKind.NEVER_CLOSED, opening.case_id, line, f"the log ends with it in state {state!r}")
