"""The timeline of a case: a pure state machine over events and time.

A timeline is fed events (`apply`) and the time (`advance`), and returns what is to be done, in order, as effects. It
reads no clock and does no I/O. The same machine runs a live case, a backtest and a preview.

    timeline = Timeline.enter(plan, case, at)
    effects = timeline.apply(event)        # what was due before the event's instant, then the event
    effects = timeline.advance(now)        # everything due up to and including now
    timeline.next_due                      # when to call `advance` next; None: only an event can change anything

Its state (`timeline.state`) is data: ``Timeline(plan, state)`` continues where the state was taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.errors import Refused
from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.timeline import requests
from domain.timeline.agenda import ENTRY, NOBODY, START, THE_VIOLATION_ITSELF, Agenda, Due
from domain.timeline.book import Book
from domain.timeline.effects import Effect, NoteKind
from domain.timeline.events import Event
from domain.timeline.folding import fold, foldable, key_of
from domain.timeline.instances import MilestoneInstance
from domain.timeline.plan import SETS_CORNERS_RIGHT, Plan
from domain.timeline.rules import begin, settle
from domain.timeline.same_second import judge_anew
from domain.timeline.state import TimelineState
from domain.timeline.views import CaseView, look


class Case(BaseModel):
    """A case as it enters its timeline: its ids, how it came in, and its fields, in plain JSON types."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case_id: str
    external_id: str | None = None
    channel: str | None = None
    fields: dict[str, Any] = Field(default_factory=dict)


class Timeline:
    """The timeline of one case.

    Attributes:
        plan: what it runs by.
        state: what happened so far; serialisable.
    """

    def __init__(self, plan: Plan, state: TimelineState) -> None:
        self.plan = plan
        self.state = state
        self._dues = Agenda(plan, state)

    @classmethod
    def enter(cls, plan: Plan, case: Case, at: datetime) -> Timeline:
        """Open a case at `at`. What follows at once is returned by the first `apply` or `advance`."""
        at = _whole(at)
        state = TimelineState(
            case_id=case.case_id,
            external_id=case.external_id,
            channel=case.channel,
            opened_at=at,
            fields=dict(case.fields),
            last_at=at,
        )
        timeline = cls(plan, state)
        book = Book(plan, state)
        book.note(NoteKind.OPENED, at, f"case {case.case_id} opened", fields=dict(case.fields))
        settle(book, at)
        timeline._catch_up(book, at, inclusive=False)
        return timeline

    def apply(self, event: Event, noticed_at: datetime | None = None) -> list[Effect]:
        """Take in an event: first what was due before its instant, then the event and all that follows from it.

        An event older than the last one applied or trigger fired takes effect at that instant. One whose `event_id` was
        taken before changes nothing.

        Args:
            event: what happened.
            noticed_at: the engine's now, if it is later than the event.

        Raises:
            Refused: the event makes no sense here. The timeline is as if it had only been advanced.
            HorizonExceeded: a calendar ends before the event's instant; ask `covers` first.
        """
        if event.event_id in self.state.event_ids:
            return self._drain()
        book = Book(self.plan, self.state)
        requests.refuse_impossible(book, event, noticed_at)
        at = max(_whole(event.occurred_at), self.state.last_at)
        book.noticed_at = max(noticed_at or at, at)
        self._catch_up(book, at, inclusive=False)
        self._catch_up_unseen(book, Due(at, ENTRY, 0, 0, NOBODY))
        comes_first = self.state.alone_at == at == _whole(event.occurred_at)
        self._take(book, at, event)
        self.state.event_ids = self.state.event_ids.with_one(event.event_id, at)
        self.state.rounds = 0
        settle(book, at)
        if comes_first:
            judge_anew(book, at)
        else:
            self.state.alone_at = None
        self._catch_up(book, at, inclusive=False)
        return self._drain()

    def advance(self, now: datetime, *, at_most: int | None = None, before: datetime | None = None) -> list[Effect]:
        """Do everything that is due up to and including `now`, each at the instant at which it was due.

        Args:
            now: the engine's now.
            at_most: so many starts, triggers and violations and no more. Then `next_due` is still at or before `now`
                if something is left; calling again until it is not comes to the same as doing all at once. A shell that
                must not be held up does so before it applies an event.
            before: only what is due before this instant: that of an event which is to be applied.
        """
        now = _whole(now)
        book = Book(self.plan, self.state)
        book.noticed_at = max(now, self.state.last_at)
        self._catch_up(book, _whole(before or now), inclusive=before is None, at_most=at_most)
        return self._drain()

    def fork(self) -> Timeline:
        """A copy to try something on. It shares what never changes, so that it costs next to nothing."""
        return Timeline(self.plan, self.state.fork())

    def remark(
        self,
        kind: NoteKind,
        now: datetime,
        text: str,
        by: str | None = None,
        once: str | None = None,
        **facts: Any,
    ) -> list[Effect]:
        """Put something on record that changes nothing: a refused message, an action that failed.

        Args:
            kind: what it is about.
            now: the engine's now.
            text: what the record says.
            by: who caused it.
            once: its id, of what may be heard of twice: what is on record under it is not put there again.
            facts: what the record says for programs, by the names of `NoteFacts`; and as `reason` why.
        """
        if once is not None:
            if once in self.state.event_ids:
                return self._drain()
            self.state.event_ids = self.state.event_ids.with_one(once, _whole(now))
        Book(self.plan, self.state).note(kind, _whole(now), text, by=by, **facts)
        return self._drain()

    @property
    def next_due(self) -> datetime | None:
        """When something happens next by itself; in the past if it is overdue. None while nothing is."""
        if self.state.unsent:
            return self.state.last_at
        due = self._agenda.next()
        return due.at if due else None

    def view(self, now: datetime) -> CaseView:
        """The case as it stands at `now`, with every instance that is not folded. Changes nothing.

        A timeline knows no past: asked for an instant before the last thing that happened it answers for that. The view
        says what it was `asked_at`, if that is further back than two clocks differ.
        """
        due = self._agenda.next()
        asked_at = _whole(now)
        at = max(asked_at, self.state.last_at)
        view = look(self.plan, self.state, at, due.at if due else None, self._summary(due) if due else "")
        return view.model_copy(update={"asked_at": asked_at}) if at > asked_at + requests.CLOCK_SKEW else view

    # --- folding ---

    def foldable(self, before: datetime, at_most: int | None = None) -> list[MilestoneInstance]:
        """The instances that ended before an instant and can no longer change, oldest first.

        Those that the store has for good may be folded.
        """
        return foldable(self.plan, self.state, before, at_most)

    def fold(self, instances: Iterable[MilestoneInstance]) -> None:
        """Take instances out of the state that are as they were when they were `foldable`; one that is not stays."""
        known = {(*key_of(instance), instance.occurrence): instance for instance in instances}
        same = [i for i in self.state.instances if known.get((*key_of(i), i.occurrence)) == i]
        if same:
            fold(self.plan, self.state, same)
            self._dues = Agenda(self.plan, self.state)

    # --- horizon ---

    @property
    def earliest(self) -> datetime:
        """The earliest instant that anything here is counted from; calendars have to reach back to it."""
        terms = [t for i in self.state.instances for t in i.terms]
        earliest = min([self.state.opened_at, *(t.start_at for t in terms)])
        if self.plan.rules < SETS_CORNERS_RIGHT:
            return earliest
        return min([earliest, *(t.fixed_at for t in terms if t.fixed_at)])

    @property
    def lacks_from(self) -> datetime | None:
        """The instant before the calendars begin that they have to reach to know what is due. None: there is none.

        If there is, freeze them again, back to it: what was missed there is known only then.
        """
        if self.plan.rules < SETS_CORNERS_RIGHT:
            return None
        agenda, begins = self._agenda, self._begins_at
        counted = [(i, _counted_from(i)) for i in self.state.instances if i.is_open]
        return min((at for i, at in counted if at < begins and not agenda.is_known(i)), default=None)

    def covers(self, now: datetime) -> bool:
        """Whether every target is known and every calendar reaches a month past `now`. If not, freeze them again.

        What is counted from before the calendars begin is not asked for here: `lacks_from` says so.
        """
        reach = _whole(now) + timedelta(days=31)
        agenda = self._agenda
        running = [i for i in self.state.instances if i.is_open]
        try:
            for name in dict.fromkeys(i.term.business_hours for i in running):
                self.plan.calendars[name].is_open(reach)
        except HorizonExceeded:
            return False
        return all(i.open_pause is not None or agenda.is_known(i) or self._is_cut_off(i) for i in running)

    def _is_cut_off(self, instance: MilestoneInstance) -> bool:
        """Whether an instance is counted from before the calendars begin, so that none that reach further on help."""
        return self.plan.rules >= SETS_CORNERS_RIGHT and _counted_from(instance) < self._begins_at

    @property
    def _begins_at(self) -> datetime:
        """From when all calendars are known."""
        return max(calendar.start for calendar in self.plan.calendars.values())

    def extend_horizon(self, calendars: dict[str, FrozenCalendar]) -> None:
        """Take over the same calendars, frozen over a longer horizon. No instant inside the old one changes."""
        self.plan = self.plan.model_copy(update={"calendars": {**self.plan.calendars, **calendars}})

    # --- what is due ---

    @property
    def _agenda(self) -> Agenda:
        if not self._dues.is_of(self.plan, self.state):
            self._dues = Agenda(self.plan, self.state)
        return self._dues

    def _catch_up(self, book: Book, until: datetime, *, inclusive: bool, at_most: int | None = None) -> None:
        agenda, done = self._agenda, 0
        while at_most is None or done < at_most:
            due = agenda.next()
            if due is None or due.at > until or (due.at == until and not inclusive):
                return
            self._do(book, due)
            done += 1

    def _do(self, book: Book, due: Due) -> None:
        self._catch_up_unseen(book, due)
        at = self.state.last_at = self.state.alone_at = max(due.at, self.state.last_at)
        if due.rank == ENTRY:
            settle(book, at)
            return
        instance = self._dues.instance(due)
        if due.rank == START:
            begin(book, instance, at)
            settle(book, at)
        elif due.trigger == THE_VIOLATION_ITSELF:
            book.violate(instance, due.at)
        elif book.fire(instance, self._dues.trigger(due), due.at, at):
            settle(book, at)

    def _catch_up_unseen(self, book: Book, until: Due) -> None:
        """Let happen what comes before something else behind completions. Nobody waits for it, and nobody is told."""
        agenda = self._agenda
        due = agenda.next_unseen()
        if due is None or due >= until:
            return
        with book.writing(seen=False):
            while (due := agenda.next_unseen()) is not None and due < until:
                instance = agenda.instance(due)
                if due.rank == START:
                    begin(book, instance, due.at)
                elif due.trigger == THE_VIOLATION_ITSELF:
                    book.violate(instance, due.at)
                else:
                    book.owe(instance, agenda.trigger(due), due.at)

    def _summary(self, due: Due) -> str:
        if due.rank == ENTRY:
            return "entry into the process"
        name = self._dues.instance(due).milestone
        if due.rank == START:
            return f"{name}: start"
        if due.trigger == THE_VIOLATION_ITSELF:
            return f"{name}: violation"
        trigger = self._dues.trigger(due)
        return f"{name}: {trigger.kind} {trigger.at}".rstrip()

    def _take(self, book: Book, at: datetime, event: Event) -> None:
        before, self.state.last_at = self.state.last_at, at
        try:
            book.occurred_at = _whole(event.occurred_at)
            requests.take(book, at, event)
            self.plan = book.plan
        except (Refused, HorizonExceeded):
            self.state.last_at = before
            raise
        finally:
            book.occurred_at = None

    def _drain(self) -> list[Effect]:
        effects, self.state.unsent = list(self.state.unsent), []
        return effects


def _counted_from(instance: MilestoneInstance) -> datetime:
    """Its start, or the deadline that it has instead, if that is earlier."""
    term = instance.terms[-1]
    return min(term.start_at, term.fixed_at or term.start_at)


def _whole(instant: datetime) -> datetime:
    """The instant in UTC, cut to the whole second."""
    return instant.astimezone(UTC).replace(microsecond=0)
