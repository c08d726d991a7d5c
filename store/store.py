"""The store: the catalog, and the records of cases, actions and usage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from store.database import Database, Schema, Standing

if TYPE_CHECKING:
    from store.access import AccessKeys, PageTokens
    from store.answers import KeptAnswers
    from store.cases.actions import ActionRecords
    from store.cases.deliveries import Deliveries
    from store.cases.ended import EndedCases
    from store.cases.listing import CaseListing
    from store.cases.mail_recipients import MailRecipients
    from store.cases.outbox import Outbox
    from store.cases.records import CaseRecords
    from store.cases.redeliveries import Redeliveries
    from store.cases.running import RunningCases
    from store.cases.tasks import Tasks
    from store.cases.texts import Texts
    from store.catalog.declared import DeclaredCatalog
    from store.catalog.listing import EntitlementListing
    from store.catalog.unused import UnusedEntitlements
    from store.customer_links import CustomerLinks
    from store.endpoints import Endpoints
    from store.erasing import Erasing
    from store.feed import Feed
    from store.intake import Intake
    from store.leases import Leases
    from store.names import Names
    from store.orders import Orders
    from store.quiet import Quiet
    from store.report_schedules import ReportSchedules
    from store.reports.open_cases import OpenCaseList
    from store.reports.queries import Reporting
    from store.subscriptions.dead_letters import DeadLetters
    from store.subscriptions.standing import Subscriptions
    from store.usage.keeping import References
    from store.usage.ledgers import Ledgers
    from store.usage.unsynchronised import UnsynchronisedEntitlements
    from store.zones import TimeZones

_PARTS = {
    "catalog": "store.catalog.declared:DeclaredCatalog",
    "zones": "store.zones:TimeZones",
    "names": "store.names:Names",
    "orders": "store.orders:Orders",
    "cases": "store.cases.records:CaseRecords",
    "listing": "store.cases.listing:CaseListing",
    "ended": "store.cases.ended:EndedCases",
    "actions": "store.cases.actions:ActionRecords",
    "tasks": "store.cases.tasks:Tasks",
    "deliveries": "store.cases.deliveries:Deliveries",
    "mail_recipients": "store.cases.mail_recipients:MailRecipients",
    "outbox": "store.cases.outbox:Outbox",
    "redeliveries": "store.cases.redeliveries:Redeliveries",
    "texts": "store.cases.texts:Texts",
    "erasing": "store.erasing:Erasing",
    "endpoints": "store.endpoints:Endpoints",
    "quiet": "store.quiet:Quiet",
    "ledgers": "store.usage.ledgers:Ledgers",
    "references": "store.usage.keeping:References",
    "entitlements": "store.catalog.listing:EntitlementListing",
    "feed": "store.feed:Feed",
    "subscriptions": "store.subscriptions.standing:Subscriptions",
    "dead_letters": "store.subscriptions.dead_letters:DeadLetters",
    "intake": "store.intake:Intake",
    "unsynchronised": "store.usage.unsynchronised:UnsynchronisedEntitlements",
    "unused": "store.catalog.unused:UnusedEntitlements",
    "leases": "store.leases:Leases",
    "keys": "store.access:AccessKeys",
    "page_tokens": "store.access:PageTokens",
    "open_cases": "store.reports.open_cases:OpenCaseList",
    "report_schedules": "store.report_schedules:ReportSchedules",
    "customer_links": "store.customer_links:CustomerLinks",
    "answers": "store.answers:KeptAnswers",
    "reports": "store.reports.queries:Reporting",
    "running": "store.cases.running:RunningCases",
}
"""Where each part is written."""


class Store:
    """A database, used from any number of threads and processes. Takes and gives domain values.

    Every method of its parts is one transaction; those of a `snapshot` share one. Instants are stored in UTC and come
    back aware.

    Attributes:
        catalog: what is declared.
        zones: the time zones that are declared, and nothing else.
        names: which ones anybody knows.
        orders: what was ordered, and made of it.
        cases: how each case stands.
        listing: which cases there are, page by page.
        running: the cases that a migration is about.
        ended: the cases that were ended from outside.
        actions: what was ordered, and what became of it.
        tasks: what people are to do, and what of it is done.
        deliveries: what was sent to the outside.
        mail_recipients: who has a mail, of those that were taken for some only.
        outbox: what is to be sent, and was.
        redeliveries: what of it was sent again by hand.
        texts: what was said word for word, which is kept for a while.
        erasing: takes one person out of that.
        endpoints: whom outbound messages go to, and how they do.
        quiet: limits of mails, and digests.
        ledgers: what was used of entitlements.
        references: what their counts have put away of what they remember.
        entitlements: which there are, the soonest to end first.
        feed: what happened, event by event.
        subscriptions: how those to the feed stand.
        dead_letters: events that subscriptions gave up.
        intake: what other systems sent.
        unsynchronised: the entitlements whose workflows are to be told of a change.
        unused: the entitlements of which nothing was ever taken.
        leases: who does what of all processes.
        keys: who may use the HTTP API.
        page_tokens: who may look at its pages.
        open_cases: what is promised for cases that are open.
        report_schedules: which reports are sent, and when.
        customer_links: which links to customers' pages were made, and which are revoked.
        answers: what it answered to requests that may be sent again.
        reports: counts what reports say.
    """

    catalog: DeclaredCatalog
    zones: TimeZones
    names: Names
    orders: Orders
    cases: CaseRecords
    listing: CaseListing
    ended: EndedCases
    actions: ActionRecords
    tasks: Tasks
    deliveries: Deliveries
    mail_recipients: MailRecipients
    outbox: Outbox
    redeliveries: Redeliveries
    texts: Texts
    erasing: Erasing
    endpoints: Endpoints
    quiet: Quiet
    ledgers: Ledgers
    references: References
    entitlements: EntitlementListing
    feed: Feed
    subscriptions: Subscriptions
    dead_letters: DeadLetters
    intake: Intake
    unsynchronised: UnsynchronisedEntitlements
    unused: UnusedEntitlements
    leases: Leases
    keys: AccessKeys
    page_tokens: PageTokens
    open_cases: OpenCaseList
    report_schedules: ReportSchedules
    customer_links: CustomerLinks
    answers: KeptAnswers
    reports: Reporting
    running: RunningCases

    def __init__(self, database: Database, catalog: DeclaredCatalog | None = None, *, of: Store | None = None) -> None:
        self._database = database
        self._of = of
        if catalog is not None:
            self.catalog = catalog

    def __getattr__(self, name: str) -> Any:
        """A part, loaded when it is first asked for: a command loads those that it uses."""
        if name not in _PARTS:
            raise AttributeError(f"a store has no {name!r}")
        module, _, made = _PARTS[name].partition(":")
        also: tuple[Any, ...] = (self.catalog,) if name == "running" else ()
        if name == "catalog" and self._of is not None:
            also = (self._of.catalog.remembered,)
        # Of two threads that ask at once both get the part that is there first.
        return self.__dict__.setdefault(name, getattr(import_module(module), made)(self._database, *also))

    @classmethod
    def open(cls, url: str, schema: Schema = "upgraded") -> Self:
        """Opens a database and brings its schema up to date; several processes may do so at once.

        Args:
            url: ``sqlite:///path/to/file.db`` or ``postgresql://user@host/name``.
            schema: ``made``: one that there is is left as it is; ``there``: nothing is made or changed.

        Raises:
            StoreError: it is no address of a database, nobody answers there, a newer Milepost has been here, or the
                schema is not as it is wanted.
        """
        return cls(Database.open(url, schema))

    def close(self) -> None:
        """Closes every connection."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[Store]:
        """The store as it stands now, to be read any number of times while the context lasts, and not written to.

        Everything that is read within belongs to one catalog: an `apply` meanwhile is not seen. A connection is held
        until then, so nothing is waited for within.
        """
        if isinstance(self._database, Standing):
            yield self
            return
        with self._database.read() as connection:
            yield self._on(Standing(connection))

    def _on(self, database: Database) -> Store:
        """The same store on another view of its database."""
        return Store(database, of=self)
