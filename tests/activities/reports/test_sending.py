"""A report that is due: made for that instant, mailed with its table and its picture, and once under its key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.actions.outside import Outside
from activities.delivery.means import Means
from activities.delivery.smtp import MailServer
from activities.planning import Planner
from activities.reports import sending
from activities.reports.sending import ReportSending
from domain.catalog.documents import read_document
from domain.delivery.encryption import Encryption
from domain.messages.cases import CaseIntake
from domain.messages.report import DueReport
from domain.timeline.events import MilestoneCompleted
from store import Store
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.recorded import RecordedCase

MONDAY = datetime(2026, 6, 8, 12, tzinfo=UTC)
"""08:00 in New York."""

REPORT = {
    "id": "weekly",
    "name": "Acme weekly",
    "kind": "compliance",
    "account": "acme",
    "when": {"every": "week", "on": "mon", "at": "08:00"},
    "to": ["boss@example.com", "ana", "account_manager"],
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With two cases in the week before, one answered in time and one late, and one of another account."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        declare(opened)
        for number, (account, hours) in enumerate((("acme", 1), ("acme", 6), ("globex", 6)), 1):
            at = MONDAY - timedelta(days=4)
            name = f"INC{number}"
            plan = Planner(opened).plan(
                CaseIntake(case_id=name, account=account), at, entitlement=None, account=account
            )
            case = RecordedCase(opened, plan, name, {}, at, account=account)
            done = at + timedelta(hours=hours)
            case.apply(MilestoneCompleted(event_id=f"e{number}", occurred_at=done, milestone="First response"))
        yield opened


def declare(store: Store, **report: Any) -> None:
    document = {
        "organisation": {"process": "Support"},
        "people": [{"id": "ana", "mail": "ana@example.com"}, {"id": "bo"}],
        "processes": [{"name": "Support", "milestones": [{"name": "First response", "within": "4h"}]}],
        "accounts": [
            {"id": "acme", "name": "Acme", "time_zone": "America/New_York", "manager_mail": "manager@example.com"},
            {"id": "globex"},
        ],
        "reports": [{**REPORT, **report}],
    }
    store.catalog.apply(read_document(document), by="test")


def sender(store: Store, port: int) -> ReportSending:
    mail = MailServer("127.0.0.1", "sla@example.com", port=port, encryption=Encryption.NONE)
    return ReportSending(store, Outside(store, Means(mail=mail, pace=500)))


DUE = DueReport(report="weekly", due_at=MONDAY)


async def test_it_is_mailed_with_its_table_and_its_picture(store: Store) -> None:
    """To addresses, people and the account's manager; of the week before, and of that account alone."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        sent = await sender(store, port).attempt(DUE, 1)
    to = ["boss@example.com", "ana@example.com", "manager@example.com"]
    assert (sent.outcome, sent.to) == ("sent", to)
    [mail] = behaviour.taken
    assert mail["Subject"] == "Acme weekly: 50% in time (1 of 2)"
    assert mail["Message-ID"] == "<report/weekly/2026-06-08T12~3A00~3A00Z@example.com>"
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert text.splitlines()[0] == "50% in time (1 of 2)"
    assert "Mon 2026-06-01 to Sun 2026-06-07, as of Mon 2026-06-08 08:00 America/New_York" in text
    assert "First response" in text
    [picture] = attachments(mail)
    assert (picture.get_filename(), picture.get_content_type()) == ("weekly.png", "image/png")
    assert picture.get_content().startswith(b"\x89PNG")
    kept = store.actions.mail(DUE.key)
    assert kept is not None
    assert (kept.to, kept.subject, kept.answer) == (to, mail["Subject"], "taken as 4711")
    assert store.report_schedules.last_due("weekly") == MONDAY


def attachments(mail: EmailMessage) -> list[EmailMessage]:
    return list(mail.iter_attachments())


async def test_what_went_out_under_its_key_does_not_again(store: Store) -> None:
    """However often it is asked for; the next week has a key of its own."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        reports = sender(store, port)
        answers = [await reports.attempt(DUE, number) for number in (1, 1, 2)]
        later = DueReport(report="weekly", due_at=MONDAY + timedelta(days=7))
        assert (await reports.attempt(later, 1)).outcome == "sent"
    assert answers[1:] == answers[:1] * 2
    assert len({mail["Message-ID"] for mail in behaviour.taken}) == len(behaviour.taken) == 2


async def test_a_mail_server_that_says_no_is_asked_again(store: Store) -> None:
    """By the schedule of deliveries; nothing is on record until it has it."""
    behaviour = Behaviour(data="451 later")
    async with mail_server(behaviour) as port:
        reports = sender(store, port)
        with pytest.raises(ApplicationError, match="attempt 1: 451 later") as error:
            await reports.attempt(DUE, 1)
        assert error.value.next_retry_delay is not None
        assert store.actions.mail(DUE.key) is None
        behaviour.data = "250 OK"
        assert (await reports.attempt(DUE, 2)).outcome == "sent"
        behaviour.data = "554 never"
        later = DueReport(report="weekly", due_at=MONDAY + timedelta(days=7))
        with pytest.raises(ApplicationError, match="554 never") as error:
            await reports.attempt(later, 1)
        assert error.value.non_retryable


async def test_without_what_draws_the_numbers_go_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "can_draw", lambda: False)
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        await sender(store, port).attempt(DUE, 1)
    [mail] = behaviour.taken
    assert attachments(mail) == []


async def test_without_a_mail_server_it_goes_to_the_log_of_mail(store: Store) -> None:
    sent = await ReportSending(store, None).attempt(DUE, 1)
    assert (sent.outcome, sent.said) == ("sent", "to the log of mail alone")
    kept = store.actions.mail(DUE.key)
    assert kept is not None
    assert kept.answer is None


async def test_one_that_is_retired_or_for_nobody_is_not_sent(store: Store) -> None:
    declare(store, to=["bo"])
    with pytest.raises(ApplicationError, match="nobody to send it to; person: bo has no address") as error:
        await ReportSending(store, None).attempt(DUE, 1)
    assert error.value.non_retryable
    declare(store, retired=True)
    assert (await ReportSending(store, None).attempt(DUE, 1)).outcome == "retired"
    assert store.actions.mail(DUE.key) is None
