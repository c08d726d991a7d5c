"""The client: it opens cases and asks them over HTTP. What is no case's has a room of its own in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, Unpack

import httpx
from pydantic import BaseModel

from domain.explanation import Explanation
from domain.feed.envelope import FeedEvent
from domain.messages.cases import Answer
from domain.timeline.views import CaseView, MilestoneStatus
from milepost.http.actions import Actions
from milepost.http.catalog import Catalogs, Orders
from milepost.http.connection import PATIENCE, Connection, M, known, path_of
from milepost.http.customer_links import CustomerLinks
from milepost.http.entitlements import Entitlements
from milepost.http.erasures import Erasures
from milepost.http.intake import Deliveries
from milepost.http.keys import Keys
from milepost.http.keywords import Customer, Event, EventFilter, Intake, Person
from milepost.http.reports import Reports
from milepost.http.tasks import Tasks
from starters.http.answers import (
    CaseEvents,
    CaseList,
    EventPage,
    RowVerdict,
    Said,
    ShownCase,
    ShownExplanation,
    Verdicts,
    WorkTaken,
)
from starters.http.case_bodies import NewCase, WorkOnCase
from starters.operations.verifying import Verified
from store.cases.listing import CaseStateName, ListedCase


class MilepostHttp:
    """Opens cases and asks them over HTTP.

    Every change is sent under an event id, and again under the same one until it is answered: it is taken once. What
    the API does not do is raised: `Refused` with its code, `NotFound`, and `NoAnswer` if nobody answers in time.

    Args:
        url: where the API is.
        key: of it, as `milepost keys create` prints it; or a token of its issuer.
        patience: seconds for which a request is sent again.
        transport: in place of the network.

    Attributes:
        entitlements: what entitlements have left, and what is taken of them and done to them.
        orders: what customers have ordered.
        catalog: what the organisation declares.
        tasks: what people are to do.
        actions: what was sent for cases, and what failed.
        reports: what came of milestones and entitlements.
        customer_links: links to customers' pages.
        deliveries: what other systems have told.
        keys: those of the API.
        erasures: people, taken out of texts.
        balance: as `entitlements.balance`.
        take: as `entitlements.take`.
    """

    def __init__(
        self, url: str, key: str, *, patience: float = PATIENCE, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._connection = Connection(url, key, patience=patience, transport=transport)
        self.entitlements = Entitlements(self._connection)
        self.orders = Orders(self._connection)
        self.catalog = Catalogs(self._connection)
        self.tasks = Tasks(self._connection)
        self.actions = Actions(self._connection)
        self.reports = Reports(self._connection)
        self.customer_links = CustomerLinks(self._connection)
        self.deliveries = Deliveries(self._connection)
        self.keys = Keys(self._connection)
        self.erasures = Erasures(self._connection)
        self.balance, self.take = self.entitlements.balance, self.entitlements.take

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close_connection()

    def close_connection(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    # --- cases ---

    def open(self, case_id: str, *, event_id: str | None = None, **intake: Unpack[Intake]) -> Answer:
        """Open a case, or learn how the one of this id stands.

        Args:
            case_id: of Milepost or of another system.
            event_id: under which it is sent; a new one, if left out.
            **intake: what is known of it.
        """
        return self._connection.post(Answer, "/v1/cases", known(case_id=case_id, event_id=event_id, **intake))

    def open_many(self, cases: Iterable[NewCase | Mapping[str, Any]]) -> list[RowVerdict]:
        """Open up to 200 cases, and return a verdict on each.

        One with status 503 was not answered in time: the same call again does the rest.
        """
        return self._connection.post(Verdicts, "/v1/cases:batch", {"cases": _rows(cases)}).verdicts

    def request(self, case: str, name: str, **event: Any) -> Answer:
        """Send a request of a case by its name, such as `stop_clock`, with whatever it says."""
        return self._event(Answer, case, name, known(**event))

    def complete_milestone(self, case: str, milestone: str, **event: Unpack[Event]) -> Answer:
        """Say that a milestone was reached: `occurred_at` decides whether it was in time."""
        return self._event(Answer, case, "complete_milestone", known(milestone=milestone, **event))

    def change_fields(self, case: str, fields: Mapping[str, Any], **event: Unpack[Event]) -> Answer:
        """Say that fields of a case have new values; None clears one."""
        return self._event(Answer, case, "change_fields", known(fields=fields, **event))

    def stop_clock(self, case: str, *, milestone: str | None = None, **event: Unpack[Event]) -> Answer:
        """Stop the clock of a case, or of one milestone."""
        return self._event(Answer, case, "stop_clock", known(milestone=milestone, **event))

    def resume_clock(self, case: str, *, milestone: str | None = None, **event: Unpack[Event]) -> Answer:
        """Let the clock of a case, or of one milestone, go on."""
        return self._event(Answer, case, "resume_clock", known(milestone=milestone, **event))

    def clear_completion(self, case: str, milestone: str, **event: Unpack[Event]) -> Answer:
        """Take a completion back, as if it had never been."""
        return self._event(Answer, case, "clear_completion", known(milestone=milestone, **event))

    def extend_milestone(
        self,
        case: str,
        milestone: str,
        *,
        open_seconds: int | None = None,
        until: datetime | None = None,
        **event: Unpack[Event],
    ) -> Answer:
        """Move a target later: by open seconds, or to an instant."""
        said = known(milestone=milestone, open_seconds=open_seconds, until=until, **event)
        return self._event(Answer, case, "extend_milestone", said)

    def change_entitlement(
        self, case: str, entitlement: str | None, *, from_opening: bool = False, **event: Unpack[Event]
    ) -> Answer:
        """Let a case go over to another entitlement, or to none.

        Args:
            case: its id.
            entitlement: None: none.
            from_opening: the choice before was wrong: the process is entered at the opening.
            **event: what every request may say.
        """
        said = {"entitlement": entitlement, "from_opening": from_opening, **known(**event)}
        return self._event(Answer, case, "change_entitlement", said)

    def log_time(
        self,
        case: str,
        entry: str,
        minutes: int,
        *,
        worked_at: datetime | None = None,
        note: str | None = None,
        event_id: str | None = None,
        occurred_at: datetime | None = None,
        by: str | None = None,
    ) -> list[str]:
        """Log work done on a case; returns what it took, a line for each entitlement.

        Args:
            case: its id.
            entry: the id of the time entry; it counts once.
            minutes: of work.
            worked_at: decides the period; `occurred_at`, if left out.
            note: goes on record.
            event_id: under which it is sent; a new one, if left out.
            occurred_at: when it was told; now, if left out.
            by: the person who worked.
        """
        said = known(worked_at=worked_at, note=note, event_id=event_id, occurred_at=occurred_at, by=by)
        return self._event(WorkTaken, case, "log_time", {"id": entry, "minutes": minutes, **said}).lines

    def log_many(self, entries: Iterable[WorkOnCase | Mapping[str, Any]]) -> list[RowVerdict]:
        """Log up to 200 time entries, of any cases, and return a verdict on each. Each counts once under its id."""
        return self._connection.post(Verdicts, "/v1/time_entries:batch", {"entries": _rows(entries)}).verdicts

    def reverse_time(
        self, case: str, entry: str, *, reason: str, occurred_at: datetime | None = None, **person: Unpack[Person]
    ) -> Answer:
        """Undo a time entry that stayed uncovered, once. What an entitlement has taken is given back there.

        Args:
            case: its id.
            entry: the id of the time entry.
            reason: why; it goes on record.
            occurred_at: when it was undone; now, if left out.
            **person: who does it, and under which id it is sent.
        """
        said = {"entry": entry, "reason": reason, **known(occurred_at=occurred_at, **person)}
        return self._event(Answer, case, "reverse_time", said)

    def decide_overage(self, case: str, *, approved: bool, entry: str | None = None, **event: Unpack[Event]) -> Answer:
        """Decide about what is beyond a cap: yes takes it at the overage price.

        A key without the scope `manager` decides where the entitlement says `decide: agent`.

        Args:
            case: its id.
            approved: yes.
            entry: about this time entry; about the case itself, if left out.
            **event: what every request may say.
        """
        return self._event(Answer, case, "decide_overage", known(approved=approved, entry=entry, **event))

    def retry_action(self, case: str, key: str, *, event_id: str | None = None, by: str | None = None) -> str:
        """Try an action of a case that failed for good again; returns what came of it, in a line."""
        path = path_of("/v1/cases/{}/retry_action", case)
        return self._connection.post(Said, path, known(key=key, event_id=event_id, by=by)).text

    def migrate(self, case: str, *, process_version: int | None = None, **event: Unpack[Event]) -> Answer:
        """Let a case go on under another version of its process, or the latest, and its calendars as they are now."""
        return self._event(Answer, case, "migrate", known(process_version=process_version, **event))

    def close(self, case: str, **event: Unpack[Event]) -> Answer:
        """Close a case. What is open stays open at exit."""
        return self._event(Answer, case, "close", known(**event))

    def reopen(self, case: str, *, fields: Mapping[str, Any] | None = None, **event: Unpack[Event]) -> Answer:
        """Take a closed case up again; `fields` have new values from then on."""
        return self._event(Answer, case, "reopen", known(fields=fields, **event))

    def show(self, case: str, *, everything: bool = False) -> CaseView:
        """The case as it stands; `everything`: with the occurrences of milestones that only the store has any more."""
        path = path_of("/v1/cases/{}", case)
        return self._connection.get(ShownCase, path, everything=everything or None).case

    def explanation(self, case: str, *, milestone: str | None = None, occurrence: int | None = None) -> Explanation:
        """Why each target of a case, of one milestone, or of one of its occurrences, is what it is."""
        path = path_of("/v1/cases/{}/explanation", case)
        return self._connection.get(ShownExplanation, path, milestone=milestone, occurrence=occurrence).explanation

    def history(self, case: str, *, limit: int | None = None) -> Iterator[FeedEvent]:
        """Every event of a case, the oldest first, page by page; `limit` is of a page."""
        path, after, is_last = path_of("/v1/cases/{}/events", case), None, False
        while not is_last:
            page = self._connection.get(CaseEvents, path, after=after, limit=limit)
            yield from page.events
            after, is_last = page.cursor, page.is_last

    def cases(
        self,
        *,
        state: CaseStateName | None = None,
        account: str | None = None,
        entitlement: str | None = None,
        status: MilestoneStatus | None = None,
        milestone: str | None = None,
        due_before: datetime | None = None,
        violated: bool | None = None,
        owner: str | None = None,
        priority: str | None = None,
        paused: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[ListedCase]:
        """Every case for which all holds that is given, page by page; `limit` is of a page.

        Those that were opened last come first or, by milestone or due time, those of which something is due first.
        """
        which = known(state=state, account=account, entitlement=entitlement, status=status, milestone=milestone)
        which |= known(due_before=due_before, violated=violated, owner=owner, priority=priority, paused=paused)
        after, is_last = None, False
        while not is_last:
            page = self._connection.get(CaseList, "/v1/cases", after=after, limit=limit, **which)
            yield from page.cases
            after, is_last = page.next, page.next is None

    # --- coverage, events ---

    def coverage(self, *, at: datetime | None = None, **customer: Unpack[Customer]) -> Verified:
        """Which entitlement covers a customer at an instant (or now), what is left of it, and why no other does."""
        return self._connection.get(Verified, "/v1/coverage", at=at, **customer)

    def events(self, after: str | None = None, **which: Unpack[EventFilter]) -> EventPage:
        """A page of the event feed after a cursor; its own `cursor` is where it is gone on."""
        return self._connection.get(EventPage, "/v1/events", after=after, **which)

    def event_pages(self, after: str | None = None, **which: Unpack[EventFilter]) -> Iterator[EventPage]:
        """Every page of the event feed after a cursor, until there is nothing more yet.

        Whoever keeps the cursor of each page once its events are dealt with misses nothing.
        """
        is_last = False
        while not is_last:
            page = self.events(after, **which)
            yield page
            after, is_last = page.cursor, page.is_last

    # --- any request ---

    def ask(
        self,
        method: str,
        path: str,
        json: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, Any] | None = None,
        event_id: str | None = None,
    ) -> Any:
        """Send any request of the API, and return what is answered.

        Args:
            method: of HTTP.
            path: from `/v1` on.
            json: the body, without what of it is None; instants in it are written as texts.
            query: of the path; what is None is left out.
            event_id: under which a change is sent; a new one, if left out.
        """
        body = None if json is None else known(**json)
        return self._connection.send(method, path, body, query=query, event_id=event_id).json()

    def _event(self, answer: type[M], case: str, name: str, said: Mapping[str, Any]) -> M:
        """Send a request to a case, with the time of now unless it says when."""
        path = path_of("/v1/cases/{}/", case) + name
        return self._connection.post(answer, path, {"occurred_at": datetime.now(UTC), **said})


def _rows(given: Iterable[BaseModel | Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        one.model_dump(mode="json", exclude_none=True) if isinstance(one, BaseModel) else dict(one) for one in given
    ]
