"""What the API answers that no other room has a model for. The Python client reads it by the same models."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import AwareDatetime

from domain.explanation import Explanation
from domain.feed.envelope import FeedEvent
from domain.model import Value
from domain.reports.result import ReportKind
from domain.timeline.views import CaseView
from domain.usage.requests import Balance
from domain.usage.rows import LedgerRow
from starters.http.instants import IsoInstant
from store.cases.listing import ListedCase
from store.cases.stored_actions import StoredAction
from store.customer_links import MadeLink
from store.intake import DeliveryStatus
from store.values import TaskEntry

# --- cases ---


class ShownCase(Value):
    """A case as it stands.

    Attributes:
        note: where this comes from if not from the case itself, or why nothing goes on with it.
    """

    case: CaseView
    note: str | None = None


class ShownExplanation(Value):
    """Why each target of a case is what it is.

    Attributes:
        note: where this comes from if not from the case itself.
    """

    explanation: Explanation
    note: str | None = None


class CaseList(Value):
    """Some cases.

    Attributes:
        next: the cursor from which the list goes on; None: this is its end.
    """

    cases: list[ListedCase]
    next: str | None


class CaseEvents(Value):
    """Events of a case, in the order in which they were written.

    Attributes:
        cursor: from here it is gone on.
        is_last: there is nothing more yet.
    """

    events: list[FeedEvent]
    cursor: str
    is_last: bool


class WorkTaken(Value):
    """What a time entry took: a line for each entitlement, and one more for what somebody has to decide."""

    lines: list[str]


class Said(Value):
    """What came of it, in a line."""

    text: str


# --- many at once ---


class RowVerdict(Value):
    """What came of one of them.

    Attributes:
        row: which, from 1.
        status: that the request would have had for itself.
        code: of the problem; None: it was done.
        text: in a line.
    """

    row: int
    case: str
    status: int
    code: str | None = None
    text: str


class Verdicts(Value):
    """What came of each, in the order in which they were sent.

    Attributes:
        done: so many were done, or had been before.
    """

    verdicts: list[RowVerdict]
    done: int


# --- entitlements ---


class Balances(Value):
    """What the entitlements of an account have that count something and have not ended, the soonest exhausted first."""

    entitlements: list[Balance]


class LedgerPage(Value):
    """Rows of the count that runs, in the order in which they were written.

    Attributes:
        next: the number after which the ledger goes on; None: this is its end.
    """

    rows: list[LedgerRow]
    next: int | None


# --- tasks and actions ---


class TaskList(Value):
    """Some tasks, in the order in which they were made.

    Attributes:
        next: the cursor from which the list goes on; None: this is its end.
    """

    tasks: list[TaskEntry]
    next: str | None


class Ticked(Value):
    """The task as it stands.

    Attributes:
        changed: it was otherwise before.
    """

    task: TaskEntry
    changed: bool


class ActionList(Value):
    """Actions, of very many the first."""

    actions: list[StoredAction]


class RetrySaid(Value):
    """What came of it, in a line."""

    text: str


# --- events ---


class EventPage(Value):
    """Events in the order in which they were written.

    Attributes:
        cursor: from here it is gone on: nothing is missed, and nothing comes twice.
        is_last: there is nothing more yet.
    """

    events: list[FeedEvent]
    cursor: str
    is_last: bool


# --- reports ---


class ReportDays(Value):
    """Days on the wall clock of each account, both included; null: not bounded."""

    first: date | None
    last: date | None
    time_zone: str


class ReportColumn(Value):
    """A column. Spans are open seconds, shares per cent, instants UTC, amounts in the unit of their row."""

    name: str
    heading: str
    kind: str


class ShownReport(Value):
    """A report.

    Attributes:
        finding: what it comes to, in a sentence.
        rows: an object each, with a key for each column.
        total: the same for everything together, without what makes the groups; null where that means nothing.
        periods: of a report by week, month, quarter or year: every one of them, the empty ones too.
        notes: what is counted, a sentence each.
    """

    report: ReportKind
    title: str
    finding: str
    as_of: AwareDatetime
    days: ReportDays
    by: list[str]
    filters: dict[str, str]
    columns: list[ReportColumn]
    rows: list[dict[str, Any]]
    total: dict[str, Any] | None
    periods: list[str]
    notes: list[str]


# --- links to customers' pages ---


class ShownLink(MadeLink):
    """A link as it is kept: everything but its signature.

    Attributes:
        opens: it opens its page; else it has expired, or was revoked.
    """

    opens: bool


class NewlyMade(Value):
    """A link that was made. Whoever has its address sees the page, so hand it over as you would a password."""

    url: str
    link: ShownLink


class LinkList(Value):
    """Links, those that were made last first; also those that open nothing any more."""

    links: list[ShownLink]


class Revoked(Value):
    """The link as it stands.

    Attributes:
        changed: it was not revoked before.
    """

    link: ShownLink
    changed: bool


# --- intake ---


class ShownDelivery(Value):
    """A delivery, and what came of it.

    Attributes:
        number: in the order in which they came.
        delivery: its id, as the source gives it.
        case_id, external_id: of which case it is, and how the source calls that; once that is known.
        occurred_at: by the source's clock.
        status: it `waits`, was `taken`, does not concern us (`ignored`), is a `dead` letter, or was `dropped` by hand.
        code, reason: why it waits, or is dead.
        did: what was done, and what was left out, a line each.
    """

    number: int
    source: str
    delivery: str
    received_at: IsoInstant
    case_id: str | None
    external_id: str | None
    occurred_at: IsoInstant | None
    status: DeliveryStatus
    code: str
    reason: str
    did: list[str]


class DeliveryWithPayload(ShownDelivery):
    """A delivery with what was sent.

    Attributes:
        payload: JSON, as it came.
        headers: of the request, without secrets.
    """

    payload: str
    headers: dict[str, str]


class DeliveryList(Value):
    """Some deliveries, in the order in which they came.

    Attributes:
        next: the number from which the list goes on; None: this is its end.
    """

    deliveries: list[ShownDelivery]
    next: int | None
