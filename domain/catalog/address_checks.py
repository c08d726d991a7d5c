"""Checks addresses that are written out in a catalog, wherever that is: those of mail, and the URLs of endpoints.

They are checked when they are applied, not where they are read: what is stored already stays as it was, and so does
what a declaration goes on saying in the same words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domain.catalog.count_actions import count_actions
from domain.catalog.declarations import (
    Account,
    Contact,
    Declaration,
    Entitlement,
    EntitlementTemplate,
    name_of,
)
from domain.catalog.endpoints import Endpoint, url_problem
from domain.catalog.kinds import Kind
from domain.catalog.mailing import Person
from domain.catalog.problems import Path, Problem
from domain.catalog.references import Known
from domain.catalog.reports import ScheduledReport
from domain.delivery.mailboxes import address_of
from domain.process import Email, EntitlementProcess
from domain.process.actions import Action


def address_problems(path: Path, kind: Kind, declaration: Declaration, known: Known) -> Iterator[Problem]:
    """What is written out in a declaration as an address, and is none.

    Args:
        path: where it is declared.
        kind: of the declaration.
        declaration: one that is not retired.
        known: what is declared already.
    """
    wrong = list(_wrong(declaration))
    if not wrong:
        return
    stored = known.find(kind, name_of(declaration))
    said_before = {message for _, message in _wrong(stored)} if stored is not None else set()
    yield from (Problem((*path, *place), message) for place, message in wrong if message not in said_before)


def _wrong(declaration: Declaration) -> Iterator[tuple[Path, str]]:
    for place, text in _mail_addresses(declaration):
        if address_of(text) is None:
            yield place, f"{text[:80]!r} is no mail address; write one like desk@example.com, each by itself"
    if isinstance(declaration, Endpoint) and (problem := url_problem(declaration)):
        yield ("url",), problem


def _mail_addresses(declaration: Declaration) -> Iterator[tuple[Path, str]]:
    """The addresses of mail that are written out in a declaration, with their places in it."""
    match declaration:
        case Person() | Contact():
            yield from _given(("mail",), declaration.mail)
        case Account():
            yield from _given(("manager_mail",), declaration.manager_mail)
            yield from _given(("renewals_mail",), declaration.renewals_mail)
        case Endpoint():
            yield from ((("told", number), text) for number, text in enumerate(declaration.told))
        case ScheduledReport():
            yield from ((("to", number), text) for number, text in enumerate(declaration.to) if "@" in text)
        case EntitlementProcess():
            for m, milestone in enumerate(declaration.milestones):
                for t, trigger in enumerate(milestone.triggers):
                    yield from _of_actions(("milestones", m, "triggers", t, "actions"), trigger.actions)
        case Entitlement() | EntitlementTemplate():
            for path, _, actions in count_actions(declaration):
                yield from _of_actions(path, actions)
        case _:
            pass


def _given(place: Path, text: str | None) -> Iterator[tuple[Path, str]]:
    if text is not None:
        yield place, text


def _of_actions(path: Path, actions: Sequence[Action]) -> Iterator[tuple[Path, str]]:
    """Of mails; what is a text comes to an address when it is rendered, and what has no ``@`` names somebody."""
    for number, action in enumerate(actions):
        if isinstance(action, Email):
            written_out = ((n, to) for n, to in enumerate(action.to) if "@" in to and "{" not in to)
            yield from (((*path, number, "to", n), to) for n, to in written_out)
