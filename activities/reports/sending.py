"""The activity of a report that is due: it is made for that instant, and mailed with its picture, once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.actions.attempts import busy, failure
from activities.actions.mail import NO_RECIPIENT
from activities.actions.outside import Outside
from activities.actions.recipients import Recipients, recipients
from activities.delivery import smtp
from activities.delivery.handing_in import hand_in
from activities.delivery.lanes import Busy
from activities.delivery.outcomes import NotDelivered
from activities.heartbeat import heartbeating
from activities.pictures.drawing import NoPicture, can_draw, draw
from activities.pictures.themes import Theme
from activities.refusals import refusals
from activities.reports.making import ReportWish, make_report
from activities.reports.plain import as_text
from domain.bounds import cut
from domain.catalog.reports import ScheduledReport
from domain.errors import NotFound
from domain.messages.report import SEND_REPORT, DueReport, SentReport
from domain.reports.picturing import picture_of
from domain.reports.result import Report, ReportKind
from store.store import Store

_LONGEST_SUBJECT = 180

_UNDATED = (ReportKind.CASES,)
"""Reports of what is, whatever days it is of."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Mail:
    """A report as it is mailed.

    Attributes:
        pictures: PNG files.
    """

    to: list[str]
    subject: str
    text: str
    remark: str | None
    pictures: list[smtp.Attachment]


class ReportSending:
    """What is done for reports that are sent.

    Args:
        store: where reports are made from, and where every mail goes on record.
        outside: the way to the mail server; None: there is none, and a report goes to the log of mail alone.
    """

    def __init__(self, store: Store, outside: Outside | None) -> None:
        self._store = store
        self._outside = outside

    @property
    def all(self) -> list[Callable[..., Any]]:
        """For the worker to register."""
        return [self.send_report]

    @activity.defn(name=SEND_REPORT)
    async def send_report(self, due: DueReport) -> SentReport:
        """Send a report, unless it went out under its key before.

        Raises:
            ApplicationError: it failed; with the delay before the next attempt, or for good.
        """
        async with heartbeating():
            with refusals():
                return await self.attempt(due, activity.info().attempt)

    async def attempt(self, due: DueReport, number: int) -> SentReport:
        """Make one attempt; returns and raises as `send_report` does."""
        store = self._store
        declared = await asyncio.to_thread(store.report_schedules.declared, due.report)
        if declared is None:
            return SentReport(key=due.key, outcome="retired", said="it is declared no more")
        before = await asyncio.to_thread(store.actions.mail, due.key)
        if before is not None:
            return _sent(due, before.to, before.answer)
        mail = await asyncio.to_thread(_mail, store, declared, due.due_at)
        answer = await self._hand_in(mail, due, number)
        await asyncio.to_thread(
            store.actions.record_mail,
            due.key,
            to=mail.to,
            subject=mail.subject,
            body=mail.text,
            at=datetime.now(UTC),
            due_at=due.due_at,
            answer=answer,
            remark=mail.remark,
        )
        return _sent(due, mail.to, answer)

    async def _hand_in(self, mail: _Mail, due: DueReport, number: int) -> str | None:
        """What the mail server says; None: there is none."""
        outside = self._outside
        if outside is None or outside.mail_server is None:
            return None
        server = outside.mail_server
        try:
            message = smtp.message(
                server,
                due.key,
                mail.to,
                mail.subject,
                mail.text,
                thread=f"report/{due.report}",
                attachments=mail.pictures,
            )
            with outside.lanes.taken(f"{server.host}:{server.port}"):
                return (await hand_in(self._store, server, message, due.key)).answer
        except Busy as error:
            raise busy(error, outside.pace) from None
        except NotDelivered as error:
            raise failure(number, due.key, error, outside.pace)[1] from None


def _sent(due: DueReport, to: list[str], answer: str | None) -> SentReport:
    return SentReport(key=due.key, outcome="sent", to=to, said=answer or "to the log of mail alone")


def _mail(store: Store, declared: ScheduledReport, due_at: datetime) -> _Mail:
    found = _recipients(store, declared)
    report = scheduled_report(store, declared, due_at)
    named = f"{declared.name or report.title}: {report.finding}"
    return _Mail(
        to=found.addresses,
        subject=named if len(named) <= _LONGEST_SUBJECT else f"{named[: _LONGEST_SUBJECT - 1]}…",
        text=as_text(report),
        remark=cut(f"not sent to {'; '.join(found.nobody)}") if found.nobody else None,
        pictures=_pictures(declared.id, report),
    )


def _recipients(store: Store, declared: ScheduledReport) -> Recipients:
    context = {"account": {"id": declared.account}} if declared.account else {}
    found = recipients(declared.to, context, store.catalog)
    if not found.addresses:
        said = cut(f"nobody to send it to; {'; '.join(found.nobody)}")
        raise ApplicationError(said, type=NO_RECIPIENT, non_retryable=True)
    return found


def scheduled_report(store: Store, declared: ScheduledReport, due_at: datetime) -> Report:
    """The report that is sent: its days and its now are of the instant at which it is due, its figures as recorded.

    Raises:
        NotFound, Refused: the catalog has changed, and it can not be asked so any more.
    """
    kind = ReportKind(declared.kind)
    wish = ReportWish(
        kind=kind,
        by=declared.by,
        period=None if kind in _UNDATED else declared.days,
        account=declared.account,
        entitlement=declared.entitlement,
        milestone=declared.milestone,
        process=declared.process,
        where=[f"{name}={_said(value)}" for name, value in declared.where.items()],
        now=due_at,
        zone=zone_of_report(store, declared),
    )
    return make_report(store, wish)


def _said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def zone_of_report(store: Store, declared: ScheduledReport) -> ZoneInfo:
    """The zone on whose wall clock a report is due: its own, its account's, or the organisation's."""
    named = declared.time_zone
    if named is None and declared.account is not None:
        try:
            named = store.catalog.account(declared.account).time_zone
        except NotFound:
            named = None
    return ZoneInfo(named or store.catalog.organisation().time_zone)


def _pictures(name: str, report: Report) -> list[smtp.Attachment]:
    """The picture of a report, if it has one and something here can draw."""
    picture = picture_of(report)
    if picture.is_empty or not can_draw():
        return []
    try:
        [png] = draw(picture, [("png", Theme.LIGHT)])
    except NoPicture as error:  # the numbers are in the mail all the same
        _LOG.warning("report %s goes without its picture: %s", name, error)
        return []
    return [smtp.Attachment(f"{name}.png", "image", "png", png)]
