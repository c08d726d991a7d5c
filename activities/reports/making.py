"""Making a report: what is asked for is checked against the catalog, counted in the store, and put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from domain.errors import Refused
from domain.reports.asking import ReportAsked, checked_fields, checked_groups, days_asked
from domain.reports.kinds.compliance import compliance_report
from domain.reports.kinds.open_cases import open_cases_report
from domain.reports.kinds.times import margin_report, overrun_report, response_report
from domain.reports.result import Report, ReportKind
from store import Store

_BY_MILESTONE = (ReportKind.COMPLIANCE, ReportKind.RESPONSE, ReportKind.MARGIN, ReportKind.OVERRUN)
USUAL_GROUPS: dict[ReportKind, tuple[str, ...]] = {
    **dict.fromkeys(_BY_MILESTONE, ("milestone",)),
}
"""What makes the groups, if nothing is said."""


@dataclass(frozen=True)
class ReportWish:
    """A report as somebody words it.

    Attributes:
        by: what makes the groups; none named: what is usual for the report.
        period: in words, such as ``2026-Q1`` or ``last-month``; or `first` and `last` day.
        where: values of fields, ``NAME=VALUE`` each.
        accounts: of these only; None: of all. Of a caller that is bound to accounts.
        minutes: how close to its target a pause begins that is marked.
        now: the instant for which it holds; None: now.
    """

    kind: ReportKind
    by: Sequence[str] = ()
    period: str | None = None
    first: date | None = None
    last: date | None = None
    account: str | None = None
    entitlement: str | None = None
    milestone: str | None = None
    process: str | None = None
    where: Sequence[str] = field(default_factory=tuple)
    accounts: Sequence[str] | None = None
    minutes: int = 15
    now: datetime | None = None


def make_report(store: Store, wish: ReportWish) -> Report:
    """The report.

    Raises:
        NotFound: there is no such field, account, entitlement or process.
        Refused: it can not be asked so.
    """
    with store.snapshot() as catalog:
        return made(catalog, asked_of(catalog, wish))


def asked_of(store: Store, wish: ReportWish) -> ReportAsked:
    """What a wish asks for, checked.

    Raises:
        NotFound, Refused: as `make_report`.
    """
    types = store.catalog.fields()
    zone = ZoneInfo(store.catalog.organisation().time_zone)
    now = wish.now or datetime.now(UTC)
    days = days_asked(wish.period, wish.first, wish.last, today=now.astimezone(zone).date(), zone=zone)
    return ReportAsked(
        kind=wish.kind,
        days=days,
        now=now,
        by=checked_groups(wish.by or USUAL_GROUPS.get(wish.kind, ()), types),
        accounts=None if wish.accounts is None else tuple(sorted(wish.accounts)),
        account=wish.account,
        entitlement=wish.entitlement,
        milestone=wish.milestone,
        process=wish.process,
        fields=checked_fields(wish.where, types),
        minutes=wish.minutes,
        types=types,
        first={"milestone": store.reports.milestone_names()},
    )


def made(store: Store, asked: ReportAsked) -> Report:
    """The report that is asked for.

    Raises:
        Refused: it can not be asked so.
    """
    match asked.kind:
        case ReportKind.COMPLIANCE:
            return compliance_report(asked, store.reports.outcomes(asked))
        case ReportKind.RESPONSE:
            return response_report(asked, store.reports.responses(asked))
        case ReportKind.MARGIN:
            return margin_report(asked, store.reports.margins(asked))
        case ReportKind.OVERRUN:
            return overrun_report(asked, store.reports.overruns(asked))
        case ReportKind.CASES:
            fields = tuple(name for name in asked.by if asked.is_field(name))
            return open_cases_report(asked, store.open_cases.of(asked), fields)
        case other:
            raise Refused("bad_report", f"there is no report {other.value!r} yet")
