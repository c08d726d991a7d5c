"""What a delivery asks of its case: the requests that follow from it, and what of it is no news any more.

Deliveries come late and in any order. What a ticket is (its fields, whether its clock stands, whether it is closed) is
said anew by each of them, so only the newest by the source's clock counts, field by field; what happened at some
instant (a milestone was reached) counts whenever it is heard of, and is judged by its own time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from domain.criteria.fields import FieldsError
from domain.criteria.values import Listed, check_listed
from domain.ids import external_id_of
from domain.intake.news import News, Unreadable
from domain.messages.cases import CaseIntake
from domain.model import Value
from domain.timeline.views import CaseView, MilestoneView
from domain.wording import instant

Verb = Literal[
    "reopen", "change_fields", "clear_completion", "complete_milestone", "stop_clock", "resume_clock", "close"
]

BY = "intake/"
"""Before the name of the source, it is who did something by intake."""

NO_NEWS = frozenset(
    {
        *("already_completed", "before_start", "closed", "later_occurrence", "not_completed", "not_open"),
        *("not_started", "open", "rule_holds", "unknown_milestone"),
    }
)
"""Codes of refusals that say that a case has no use for a request; the delivery is taken all the same."""


class Ask(Value):
    """One request to a case.

    Attributes:
        verb: the update.
        occurred_at: by the source's clock.
        fields: of a change, or a reopening.
        milestone: that is completed, or whose completion is taken back.
        reason: goes on record.
    """

    verb: Verb
    occurred_at: AwareDatetime
    fields: dict[str, Any] | None = None
    milestone: str | None = None
    reason: str | None = None

    @property
    def text(self) -> str:
        """What it asks, in a line."""
        what = {
            "reopen": "reopen the case",
            "change_fields": "change",
            "clear_completion": f"take the completion of {self.milestone} back",
            "complete_milestone": f"complete {self.milestone}",
            "stop_clock": "stop the clock",
            "resume_clock": "let the clock go on",
            "close": "close the case",
        }[self.verb]
        values = f" {', '.join(f'{name}={value!r}' for name, value in self.fields.items())}" if self.fields else ""
        return f"{what}{values} at {instant(self.occurred_at)}"


class Steps(Value):
    """What follows from a delivery.

    Attributes:
        asks: in their order.
        left_out: what is no news, a line each.
    """

    asks: list[Ask] = Field(default_factory=list)
    left_out: list[str] = Field(default_factory=list)


class Known(Value):
    """Of a case: as of when, by its sources' clocks, what is known of it is.

    Attributes:
        fields: by name.
        clock: whether it stands.
        state: whether the case is closed.
    """

    fields: dict[str, AwareDatetime] = Field(default_factory=dict)
    clock: AwareDatetime | None = None
    state: AwareDatetime | None = None

    def after(self, news: News, *, opened: bool) -> Known:
        """What is known once a delivery was taken.

        Args:
            news: what it says.
            opened: whether the case was opened by it, with its fields.
        """
        at = news.place.occurred_at
        fields = dict(self.fields)
        for name in news.fields if news.changes or opened else ():
            fields[name] = max(at, fields.get(name, at))
        clock = max(at, self.clock or at) if news.stops or news.resumes else self.clock
        state = max(at, self.state or at) if news.closes or news.reopens else self.state
        return Known(fields=fields, clock=clock, state=state)


def intake_of(news: News, by: str) -> CaseIntake:
    """With what the case of a delivery is opened: as it was when the ticket was, as far as that is known.

    Raises:
        ValidationError: something of it is over a bound.
    """
    return CaseIntake.model_validate(
        {
            "case_id": news.place.case_id,
            "external_id": external_id_of(news.place.external_id, news.place.case_id),
            **news.references,
            "fields": {**news.fields, **news.initially},
            "opened_at": news.opened_at,
            "by": by,
        }
    )


def check_opening(news: News, listed: Listed) -> None:
    """Refuse to open a case with what is none of its fields' values.

    Args:
        news: that opens it.
        listed: the values of fields of which they are listed, as they are declared now.

    Raises:
        Unreadable: it names such a value, of now or of when the ticket was opened.
    """
    _check("fields", news.fields, listed, {})
    _check("initially", news.initially, listed, {})


def _check(place: str, values: Mapping[str, Any], listed: Listed, standing: Mapping[str, Any]) -> None:
    try:
        check_listed(values, listed, standing)
    except FieldsError as error:
        raise Unreadable(f"{place}: {error}") from None


def steps(news: News, known: Known, view: CaseView, listed: Listed) -> Steps:
    """What follows from a delivery for a case that there is, or was just opened.

    Args:
        news: what it says.
        known: as of when what is known of the case is.
        view: the case as it stands. What it has it may be told again, though it is on no list any more.
        listed: the values of fields of which they are listed, as they are declared now.

    Raises:
        Unreadable: a field would change to what is none of its values.
    """
    return _Planning(news, known, view, listed).steps()


class _Planning:
    def __init__(self, news: News, known: Known, view: CaseView, listed: Listed) -> None:
        self._news = news
        self._known = known
        self._view = view
        self._listed = listed
        self._at = max(news.place.occurred_at, view.opened_at)
        self._left_out: list[str] = []
        if self._at > news.place.occurred_at:
            happened = instant(news.place.occurred_at)
            self._left_out.append(f"it happened at {happened}, before the case was opened, and counts at the opening")

    def steps(self) -> Steps:
        asks = list(self._asks())
        return Steps(asks=asks, left_out=self._left_out)

    def _asks(self) -> Iterator[Ask]:
        fields = self._fresh_fields()
        if self._view.closed_at is not None:
            if not self._news.reopens or self._is_old("whether it is closed", self._known.state):
                self._left_out.append(f"the case is closed, since {instant(self._view.closed_at)}")
                return
            self._check(fields)
            yield self._ask("reopen", fields=fields or None)
        elif fields:
            self._check(fields)
            yield self._ask("change_fields", fields=fields)
        for name in self._news.completes:
            yield from self._completion(name)
        yield from self._clock()
        if self._news.closes and not self._is_old("whether it is closed", self._known.state):
            yield self._ask("close")

    def _fresh_fields(self) -> dict[str, Any]:
        """The fields that have other values, of which nothing newer is known."""
        if not self._news.changes:
            return {}
        at, known = self._news.place.occurred_at, self._known.fields
        stale = [name for name in self._news.fields if at < known.get(name, at)]
        if stale:
            self._left_out.append(f"something newer is known of {', '.join(stale)}")
        others = {name: value for name, value in self._news.fields.items() if name not in stale}
        return {name: value for name, value in others.items() if value != self._view.fields.get(name)}

    def _check(self, fields: Mapping[str, Any]) -> None:
        _check("fields", fields, self._listed, self._view.fields)

    def _clock(self) -> Iterator[Ask]:
        """A case whose clock stands so already is asked nothing."""
        if not self._news.stops and not self._news.resumes:
            return
        if self._is_old("whether its clock stands", self._known.clock):
            return
        if self._news.stops and not self._view.stopped:
            yield self._ask("stop_clock")
        elif self._news.resumes and self._view.stopped:
            yield self._ask("resume_clock")

    def _completion(self, name: str) -> Iterator[Ask]:
        instances = [found for found in self._view.milestones if found.milestone == name]
        last = max(instances, key=lambda found: found.occurrence, default=None)
        if last is None:
            self._left_out.append(f"{name}: the case has no such milestone now")
        elif last.is_open:
            yield self._ask("complete_milestone", milestone=name)
        elif last.completed_at is None:
            self._left_out.append(f"{name}: it is not open any more")
        elif self._sets_right(last, last.completed_at):
            reason = f"it was reached at {instant(self._at)} already, as is known now"
            yield self._ask("clear_completion", milestone=name, reason=reason)
            yield self._ask("complete_milestone", milestone=name, reason=reason)
        elif self._at < last.completed_at:
            self._left_out.append(f"{name}: it is completed, since {instant(last.completed_at)}")

    def _sets_right(self, last: MilestoneView, completed_at: datetime) -> bool:
        """Whether a milestone counts as missed only because a later delivery was heard of first."""
        in_time = last.target_at is not None and last.start_at <= self._at <= last.target_at < completed_at
        return in_time and last.violated and BY in (last.completed_by or "")

    def _is_old(self, what: str, known: datetime | None) -> bool:
        is_old = known is not None and self._news.place.occurred_at < known
        if is_old:
            self._left_out.append(f"something newer is known of {what}")
        return is_old

    def _ask(self, verb: Verb, **rest: Any) -> Ask:
        return Ask(verb=verb, occurred_at=self._at, **rest)
