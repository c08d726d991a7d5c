"""Whom a mail goes to: addresses, people, and whoever has a role, looked up where it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from domain.catalog.declarations import Account, Contact, Organisation
from domain.catalog.mailing import MailTemplate, Person, Role, field_of, named_by
from domain.delivery.mailboxes import address_of
from domain.errors import NotFound

_SHOWN = 60


class Directory(Protocol):
    """The part of the store that knows people."""

    def organisation(self) -> Organisation:
        """As declared, or the defaults."""

    def account(self, name: str) -> Account:
        """An account by its id.

        Raises:
            NotFound: there is none.
        """

    def person(self, name: str) -> Person | None:
        """One of the organisation's people, by id."""

    def team(self, name: str) -> list[Person]:
        """The people of a team."""

    def asker(self, name: str) -> Contact | None:
        """A contact, by id."""

    def mail_template(self, name: str) -> MailTemplate:
        """A template of mails.

        Raises:
            NotFound: there is none.
        """


@dataclass(frozen=True, slots=True)
class Recipients:
    """Whom a mail goes to.

    Attributes:
        addresses: each once, in their order.
        nobody: roles and people to whom no address leads, each with why.
    """

    addresses: list[str]
    nobody: list[str]


def recipients(to: Iterable[str], context: dict[str, Any], directory: Directory) -> Recipients:
    """The addresses of those whom a mail is for.

    Args:
        to: addresses, roles and ids of people, as rendered.
        context: what the texts of the mail see.
        directory: who is who now.
    """
    found = _Found()
    people = CasePeople(context, directory)
    for each in map(str.strip, to):
        if each in {role.value for role in Role}:
            found.add(each, people.having(Role(each)))
        elif "@" in each:
            found.add("address", [each])
        elif each:
            found.add("person", people.named(each))
        else:
            found.add("address", [_Nobody("the text of one came to nothing")])
    return Recipients(list(found.addresses.values()), found.nobody)


@dataclass
class _Found:
    addresses: dict[str, str] = field(default_factory=dict)
    nobody: list[str] = field(default_factory=list)

    def add(self, what: str, having: Iterable[str | _Nobody]) -> None:
        for one in having:
            if isinstance(one, _Nobody):
                self.nobody.append(f"{what}: {one.why}")
            elif (address := address_of(one)) is None:
                self.nobody.append(f"{what}: no mail can be sent to {_quoted(one)}")
            else:
                self.addresses.setdefault(address.addr_spec.casefold(), one)


@dataclass(frozen=True, slots=True)
class _Nobody:
    """No address, and why."""

    why: str


class CasePeople:
    """Who has a role for a case.

    Args:
        context: what texts of the case see.
        directory: who is who now.
    """

    def __init__(self, context: dict[str, Any], directory: Directory) -> None:
        self._case = context.get("case") or {}
        self._account = (context.get("account") or {}).get("id")
        self._contact = context.get("contact")
        self._directory = directory
        self._roles = directory.organisation().roles

    def owner(self) -> Person | None:
        """The person who owns the case."""
        names = self._values(Role.OWNER)
        return self._directory.person(names[0]) if names else None

    def having(self, role: Role) -> Iterator[str | _Nobody]:
        """The addresses of those who have a role."""
        match role:
            case Role.OWNER | Role.WATCHERS:
                yield from self._of_field(role)
            case Role.OWNER_MANAGER:
                yield self._manager()
            case Role.ACCOUNT_MANAGER:
                yield self._account_manager()
            case Role.CONTACT:
                yield from self._contacts()
            case Role.TEAM:
                yield from self._team()

    def named(self, name: str) -> Iterator[str | _Nobody]:
        """The address of a person, or of a contact, by id."""
        person = self._directory.person(name)
        if person is not None:
            yield person.mail or _Nobody(f"{name} has no address")
            return
        contact = self._directory.asker(name)
        if contact is not None:
            yield contact.mail or _Nobody(f"{name} has no address")
            return
        yield _Nobody(f"nobody is known as {_quoted(name)}")

    def _of_field(self, role: Role) -> Iterator[str | _Nobody]:
        values = self._values(role)
        if not values:
            yield _Nobody(f"the field {field_of(role, self._roles)!r} of the case is empty")
        for value in values:
            if "@" in value:
                yield value
            else:
                yield from self.named(value)

    def _manager(self) -> str | _Nobody:
        owner = self.owner()
        if owner is None:
            return _Nobody("the owner of the case is none of the people")
        manager = self._directory.person(owner.manager) if owner.manager else None
        if manager is None:
            return _Nobody(f"{owner.id} has no manager")
        return manager.mail or _Nobody(f"{manager.id} has no address")

    def _account_manager(self) -> str | _Nobody:
        if not self._account:
            return _Nobody("the case has no account")
        try:
            mail = self._directory.account(str(self._account)).manager_mail
        except NotFound:
            mail = None
        return mail or _Nobody(f"account {self._account} has no manager_mail")

    def _contacts(self) -> Iterator[str | _Nobody]:
        if self._values(Role.CONTACT) or not self._contact:
            yield from self._of_field(Role.CONTACT)
        else:
            yield from self.named(str(self._contact))

    def _team(self) -> Iterator[str | _Nobody]:
        values = self._values(Role.TEAM)
        owner = None if values else self.owner()
        names = values or ([owner.team] if owner is not None and owner.team else [])
        if not names:
            yield _Nobody(f"the field {field_of(Role.TEAM, self._roles)!r} of the case is empty")
        for name in names:
            people = [person.mail for person in self._directory.team(name) if person.mail]
            if not people:
                yield _Nobody(f"nobody with an address is in team {_quoted(name)}")
            yield from people

    def _values(self, role: Role) -> list[str]:
        return named_by(role, self._case, self._roles)


def _quoted(name: str) -> str:
    return repr(name[:_SHOWN])
