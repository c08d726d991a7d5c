"""The catalog: read, applied, and changed one entitlement at a time, each in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Table, func, select

from domain.calendar import ALWAYS, BusinessHours
from domain.catalog.declarations import (
    Account,
    Asset,
    Catalog,
    Contact,
    Declaration,
    DeclaredHours,
    Entitlement,
    Organisation,
)
from domain.catalog.kinds import Kind
from domain.catalog.mailing import MailTemplate, Person
from domain.catalog.references import Known
from domain.catalog.status import zone_of
from domain.coverage.matching import CoverageCandidates, CoverageQuestion
from domain.criteria.fields import FieldType
from domain.errors import NotFound, Refused
from domain.messages.migrations import Versions
from domain.process import EntitlementProcess
from store import tables
from store.catalog.applying import APPLIED, write_catalog
from store.catalog.candidates import OTHERS, candidates
from store.catalog.reading import Declared, StoredCatalog, declaration_of
from store.catalog.remembered import Read, Remembered
from store.catalog.values import Diff, VersionedHours
from store.database import CATALOG_LOCK, Database

EntitlementChange = Callable[[Entitlement, ZoneInfo], Entitlement]
"""Makes of an entitlement as it stands, and of the zone of its dates, what it is to be; or refuses."""


class DeclaredCatalog:
    """The catalog of a store. Every method is one transaction, or belongs to that of a snapshot.

    Args:
        database: where it is.
        snapshots: of a catalog in a snapshot: what others have read already.

    Attributes:
        remembered: what snapshots of it have read.
    """

    def __init__(self, database: Database, snapshots: Remembered | None = None) -> None:
        self._database = database
        self.remembered = snapshots or Remembered()
        self._is_snapshot = snapshots is not None
        self._read: Read | None = None

    def _stored(self, connection: Connection) -> StoredCatalog:
        if self._is_snapshot and self._read is None:
            self._read = self.remembered.as_of(connection)
        return StoredCatalog(connection, self._read)

    @contextmanager
    def known(self) -> Iterator[Known]:
        """What is declared already, to read catalog files beside it."""
        with self._database.read() as connection:
            yield StoredCatalog(connection)

    def everything(self) -> Catalog:
        """Everything that is declared, in the latest versions, retired declarations too."""
        with self._database.read() as connection:
            stored = StoredCatalog(connection)
            declared = {kind.value: [declaration_of(kind, row) for row in stored.latest(kind)] for kind in Kind}
            return Catalog.model_validate(
                {
                    "organisation": stored.organisation(),
                    "fields": stored.fields(),
                    "values": stored.values(),
                    **declared,
                }
            )

    def revision(self) -> int:
        """How many times the catalog was changed; grows with each."""
        with self._database.read() as connection:
            return _revision(connection)

    def organisation(self) -> Organisation:
        """As declared, or the defaults."""
        with self._database.read() as connection:
            return self._stored(connection).organisation()

    def fields(self) -> dict[str, FieldType]:
        """The declared fields of a case, with their types."""
        with self._database.read() as connection:
            return self._stored(connection).fields()

    def values(self) -> dict[str, list[str | int]]:
        """The values of those fields of which they are listed; all there are."""
        with self._database.read() as connection:
            return StoredCatalog(connection).values()

    def process(self, name: str, version: int | None = None) -> EntitlementProcess:
        """A process, in its latest version unless another is asked for.

        Raises:
            NotFound: there is none of that name, or not in that version.
        """
        return self._get(EntitlementProcess, name, version)

    def business_hours(self, name: str, version: int | None = None) -> VersionedHours:
        """Business hours with their version, the latest unless another is asked for. `24x7` is always there.

        Raises:
            NotFound: there are none of that name, or not in that version.
        """
        with self._database.read() as connection:
            stored = self._stored(connection)
            latest = stored.version(Kind.BUSINESS_HOURS, name)
            if name == ALWAYS.name and (version == 0 or (version is None and latest == 0)):
                return VersionedHours(0, ALWAYS)
            found = stored.get(DeclaredHours, name, version)
            wanted = latest if version is None else version
        return VersionedHours(wanted, BusinessHours.model_validate(found.model_dump(exclude={"retired"})))

    def account(self, name: str) -> Account:
        """An account by its id.

        Raises:
            NotFound: there is none.
        """
        return self._get(Account, name)

    def contact(self, name: str) -> Contact:
        """A contact by its id.

        Raises:
            NotFound: there is none.
        """
        return self._get(Contact, name)

    def asset(self, name: str) -> Asset:
        """An asset by its id.

        Raises:
            NotFound: there is none.
        """
        return self._get(Asset, name)

    def entitlement(self, name: str) -> Entitlement:
        """An entitlement by its id.

        Raises:
            NotFound: there is none.
        """
        return self._get(Entitlement, name)

    def entitlements_of(self, account: str) -> list[Entitlement]:
        """All entitlements of an account, by id.

        Raises:
            NotFound: there is no such account.
        """
        table = tables.entitlements
        with self._database.read() as connection:
            StoredCatalog(connection).get(Account, account)
            rows = connection.execute(select(table).where(table.c.account == account).order_by(table.c.id)).mappings()
            found = [declaration_of(Kind.ENTITLEMENTS, row) for row in rows]
        return [one for one in found if isinstance(one, Entitlement)]

    def person(self, name: str) -> Person | None:
        """One of the organisation's people, by id; None of one who is retired."""
        found = self._find(Kind.PEOPLE, name)
        return found if isinstance(found, Person) and not found.retired else None

    def team(self, name: str) -> list[Person]:
        """The people of a team, by id, without those who are retired."""
        table = tables.people
        wanted = select(table).where(table.c.team == name, table.c.retired.is_(False)).order_by(table.c.id)
        with self._database.read() as connection:
            found = [declaration_of(Kind.PEOPLE, row) for row in connection.execute(wanted).mappings()]
        return [one for one in found if isinstance(one, Person)]

    def asker(self, name: str) -> Contact | None:
        """A contact to whom mails go, by id; None of one who is retired."""
        found = self._find(Kind.CONTACTS, name)
        return found if isinstance(found, Contact) and not found.retired else None

    def addresses_of(self, name: str) -> list[str]:
        """The addresses of a person and of a contact of this id, also of one who is retired.

        Raises:
            NotFound: there is neither.
        """
        found = [one for one in (self._find(Kind.PEOPLE, name), self._find(Kind.CONTACTS, name)) if one is not None]
        if not found:
            raise NotFound(f"nobody is known as {name!r}: it is no address, no person and no contact of the catalog")
        return [one.mail for one in found if isinstance(one, Person | Contact) and one.mail]

    def mail_template(self, name: str) -> MailTemplate:
        """A template of mails.

        Raises:
            NotFound: there is none.
        """
        return self._get(MailTemplate, name)

    def versions(self) -> Versions:
        """The latest version of every process and of all business hours; the built-in 24x7 has version 0."""
        with self._database.read() as connection:
            hours = {ALWAYS.name: 0, **_latest_versions(connection, tables.business_hours)}
            return Versions(processes=_latest_versions(connection, tables.processes), business_hours=hours)

    def coverage_candidates(self, question: CoverageQuestion, *, others: int = OTHERS) -> CoverageCandidates:
        """The case's scope, and the entitlements that may cover it.

        Args:
            question: what is known of the case.
            others: how many of those that cannot match are given as well.

        Raises:
            NotFound: the question names something that the catalog does not have.
        """
        with self._database.read() as connection:
            return candidates(connection, self._stored(connection), question, others)

    def check_none_retired(self, named: Mapping[Kind, str | None]) -> None:
        """Refuse what a new case names and nobody may name any more, as what there is not is refused.

        Of what there is not nothing is said here. A case that runs goes on by what it names, whatever becomes of that.

        Args:
            named: by kind.

        Raises:
            NotFound: one of them is retired.
        """
        with self._database.read() as connection:
            stored = self._stored(connection)
            for kind, name in named.items():
                found = stored.find(kind, name) if name is not None else None
                if found is not None and found.retired:
                    raise NotFound(f"{kind.one} {name!r} is retired; name another, or none")

    def apply(
        self,
        catalog: Catalog,
        *,
        by: str,
        dry_run: bool = False,
        tell: str | None = APPLIED,
        consent: bool = True,
        revision: int | None = None,
    ) -> Diff:
        """Stores what a catalog declares, beside what is stored; nothing is deleted by being left out.

        A changed process becomes its next version, and so do changed business hours: running cases keep theirs. What
        running counts can't follow is refused. What files say is compared with what they said before: what was amended
        by hand since stays.

        Args:
            catalog: all declarations, or those that are to be added or changed.
            by: who applies it; goes on record.
            dry_run: says what would change, and changes nothing.
            tell: why, for the counts of changed entitlements, which are `unsynchronised` from now on; None: they know,
                and have followed already, and no file says it.
            consent: somebody says yes to conflicts and to what is left out; if not, nothing is stored where there is
                any, and the answer `asks`.
            revision: nothing is stored unless the catalog is still that one; None: whatever it is.

        Raises:
            CatalogProblems: with everything that is wrong; nothing of it was stored.
            Refused: it was changed since that revision.
        """
        with self._database.write() as connection:
            self._database.lock(connection, CATALOG_LOCK)
            if revision is not None and revision != (now := _revision(connection)):
                raise Refused("changed_meanwhile", f"the catalog was changed: it is revision {now}, not {revision}")
            diff = write_catalog(connection, catalog, by=by, at=datetime.now(UTC), tell=tell, of_order=False)
            asks = not consent and bool(diff.to_be_asked)
            if dry_run or asks:
                connection.rollback()
                return diff.model_copy(update={"dry_run": dry_run, "asks": asks and not dry_run})
            return diff

    def change_entitlement(self, name: str, change: EntitlementChange, *, by: str) -> Entitlement:
        """Change an entitlement as it stands. Nothing else changes the catalog between the look and the writing.

        What counts is not told: whoever changes it so has told it, or there is no count.

        Args:
            name: its id.
            change: says what becomes of it. What it raises leaves everything as it was.
            by: who changes it; goes on record.

        Returns:
            What it is now.

        Raises:
            NotFound: there is none of that name.
            CatalogProblems: it can't be so.
        """
        with self._database.write() as connection:
            self._database.lock(connection, CATALOG_LOCK)
            stored = StoredCatalog(connection)
            before = stored.get(Entitlement, name)
            zone = zone_of(stored.get(Account, before.account), stored.organisation())
            after = change(before, zone)
            if after != before:
                catalog = Catalog(entitlements=[after])
                write_catalog(connection, catalog, by=by, at=datetime.now(UTC), tell=None, of_order=False)
            return after

    def _get(self, model: type[Declared], name: str, version: int | None = None) -> Declared:
        with self._database.read() as connection:
            return self._stored(connection).get(model, name, version)

    def _find(self, kind: Kind, name: str) -> Declaration | None:
        with self._database.read() as connection:
            return self._stored(connection).find(kind, name)


def _revision(connection: Connection) -> int:
    return connection.execute(select(func.max(tables.applications.c.id))).scalar() or 0


def _latest_versions(connection: Connection, table: Table) -> dict[str, int]:
    rows = connection.execute(select(table.c.name, func.max(table.c.version).label("latest")).group_by(table.c.name))
    return {row.name: row.latest for row in rows}
