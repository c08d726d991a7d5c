"""A customer's page: what one account was promised and what came of it, what is open, what is used and left."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from activities.reports.illustrating import illustrated_page
from activities.reports.making import ReportWish, asked_of, made
from domain.catalog.customer_page import CustomerPage
from domain.reports.grouping import Period
from domain.reports.kinds.open_cases import OpenCases, open_cases_report
from domain.reports.result import Report, ReportKind
from store import Store


def customer_page(store: Store, account: str, now: datetime) -> str:
    """The page of an account, as one HTML file that loads nothing.

    Args:
        store: of everything.
        account: its id. Nothing of any other is on the page.
        now: the instant for which it holds.

    Raises:
        NotFound: there is no such account.
    """
    with store.snapshot() as catalog:
        name = catalog.catalog.account(account).name or account
        reports = reports_of(catalog, account, now)
    return illustrated_page(reports, title=name)


def reports_of(store: Store, account: str, now: datetime) -> list[Report]:
    """The reports of which the page of an account is made.

    Raises:
        NotFound: there is no such account.
    """
    organisation = store.catalog.organisation()
    wanted = organisation.customer_page or CustomerPage()
    zone = ZoneInfo(store.catalog.account(account).time_zone or organisation.time_zone)
    first, last = _days(now.astimezone(zone).date(), wanted.months)

    def report(kind: ReportKind, *by: str) -> Report:
        wish = ReportWish(
            kind=kind, by=by, account=account, accounts=[account], now=now, zone=zone, first=first, last=last
        )
        asked = asked_of(store, wish)
        if kind is ReportKind.CASES:
            return open_cases_report(asked, _as_they_call_them(store.open_cases.of(asked)), wanted.fields)
        return made(store, asked)

    return [
        report(ReportKind.COMPLIANCE, "milestone"),
        report(ReportKind.COMPLIANCE, Period.MONTH.value),
        report(ReportKind.USAGE),
        report(ReportKind.CASES),
    ]


def _as_they_call_them(found: OpenCases) -> OpenCases:
    """Open cases by the ids that the customer knows: those of the system that opened them, where it has its own."""
    cases = [replace(case, case_id=case.external_id or case.case_id, external_id=None) for case in found.cases]
    return replace(found, cases=cases)


def _days(today: date, months: int) -> tuple[date, date]:
    """From the first of the month that lies so many before this one, to the last of this one."""
    first = Period.MONTH.first_day(today)
    for _ in range(months):
        first = Period.MONTH.first_day(first - timedelta(days=1))
    return first, Period.MONTH.after(today) - timedelta(days=1)
