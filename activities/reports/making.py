"""Making a report: what is asked for is checked against the catalog, counted in the store, and put into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from domain.catalog.mailing import Role, field_meant
from domain.criteria.fields import FieldType
from domain.errors import Refused
from domain.reports.asking import USUAL_MINUTES, ReportAsked, checked_fields, checked_groups, checked_sums, days_asked
from domain.reports.kinds import actions, overrides, pauses, usage
from domain.reports.kinds.actions import actions_report
from domain.reports.kinds.breakdown import USUAL_HOLDERS, breakdown_report, holder_of
from domain.reports.kinds.compliance import compliance_report
from domain.reports.kinds.open_cases import open_cases_report
from domain.reports.kinds.overrides import overrides_report
from domain.reports.kinds.pauses import pauses_report
from domain.reports.kinds.times import margin_report, overrun_report, response_report
from domain.reports.kinds.usage import usage_report
from domain.reports.result import Report, ReportKind
from store import Store

_BY_MILESTONE = (ReportKind.COMPLIANCE, ReportKind.RESPONSE, ReportKind.MARGIN, ReportKind.OVERRUN)
USUAL_GROUPS: dict[ReportKind, tuple[str, ...]] = {
    **dict.fromkeys(_BY_MILESTONE, ("milestone",)),
    ReportKind.PAUSES: ("cause", "person"),
    ReportKind.ACTIONS: ("milestone", "trigger", "action"),
}
"""What makes the groups, if nothing is said."""


SUMS: dict[ReportKind, tuple[str, ...]] = {ReportKind.USAGE: usage.SUMS, ReportKind.OVERRIDES: overrides.SUMS}
"""Of reports that have a line for each period, or each decision, what these can be added up by, beside a period."""

OWN_NAMES: dict[ReportKind, tuple[str, ...]] = {
    ReportKind.PAUSES: pauses.NAMES,
    ReportKind.ACTIONS: actions.NAMES,
}
"""What else can make the groups of a report."""


@dataclass(frozen=True)
class ReportWish:
    """A report as somebody words it.

    Attributes:
        by: what makes the groups; none named: what is usual for the report.
        period: in words, such as ``2026-Q1`` or ``last-month``; or `first` and `last` day.
        where: values of fields, ``NAME=VALUE`` each.
        accounts: of these only; None: of all. Of a caller that is bound to accounts.
        minutes: how close to its target a pause begins that is marked; None: as is usual.
        new: of overrides, only those that no export has taken; `export`: only those that this one has.
        now: the instant for which it holds; None: now.
        zone: whose wall clock says which day it is then, and shows instants; None: the organisation's.
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
    minutes: int | None = None
    new: bool = False
    export: int | None = None
    now: datetime | None = None
    zone: ZoneInfo | None = None


def check_said(wish: ReportWish) -> None:
    """Refuse what somebody says and what makes no difference to the report: they mean another one.

    Raises:
        Refused: they say such a thing.
    """
    kind = wish.kind
    if wish.minutes is not None and kind is not ReportKind.PAUSES:
        said = f"minutes is how close to a target a pause begins; the {kind.value} report is another one"
        raise Refused("bad_report", said)
    if (wish.new or wish.export is not None) and kind is not ReportKind.OVERRIDES:
        raise Refused("bad_report", f"new and export are of overrides; the {kind.value} report is another one")
    if kind is ReportKind.CASES and (wish.by or wish.period or wish.first or wish.last):
        raise Refused("bad_report", "the cases report lists what is open now; leave groups and days out")


def make_report(store: Store, wish: ReportWish) -> Report:
    """The report.

    Raises:
        NotFound: there is no such field, account, entitlement or process.
        Refused: it can not be asked so.
    """
    with store.snapshot() as catalog:
        return made(catalog, asked_of(catalog, wish))


def export_overrides(store: Store, wish: ReportWish, *, by: str) -> Report:
    """The overrides that no export has taken yet, which are taken by this one.

    Raises:
        NotFound, Refused: as `make_report`.
    """
    if wish.by:
        raise Refused("bad_report", "an export has a line for each decision; leave what they are added up by out")
    asked = asked_of(store, wish)
    return overrides_report(asked, store.reports.export_overrides(asked, by=by))


def asked_of(store: Store, wish: ReportWish) -> ReportAsked:
    """What a wish asks for, checked.

    Raises:
        NotFound, Refused: as `make_report`.
    """
    if wish.kind in SUMS and (wish.milestone or wish.process or wish.where):
        said = "is of entitlements: ask for those of an account, or for one; milestone, process and fields are of cases"
        raise Refused("bad_report", f"the {wish.kind.value} report {said}")
    types = store.catalog.fields()
    organisation = store.catalog.organisation()
    zone = wish.zone or ZoneInfo(organisation.time_zone)
    now = wish.now or datetime.now(UTC)
    days = days_asked(wish.period, wish.first, wish.last, today=now.astimezone(zone).date(), zone=zone)
    is_of_all = wish.accounts is None  # whoever is bound to accounts is not told what others have
    declared = store.reports.milestone_names()
    milestone = store.names.milestone(wish.milestone, declared) if wish.milestone and is_of_all else wish.milestone
    asked = ReportAsked(
        kind=wish.kind,
        days=days,
        now=now,
        by=_groups(wish, types, organisation.roles),
        accounts=None if wish.accounts is None else tuple(sorted(wish.accounts)),
        account=wish.account,
        entitlement=wish.entitlement,
        milestone=milestone,
        process=wish.process,
        fields=checked_fields(wish.where, types),
        minutes=USUAL_MINUTES if wish.minutes is None else wish.minutes,
        new=wish.new,
        export=wish.export,
        types=types,
        first={"milestone": declared},
    )
    if is_of_all:
        store.names.check(account=asked.account, entitlement=asked.entitlement, process=asked.process)
        if asked.export is not None:
            store.reports.check_export(asked.export)
    return asked


def _groups(wish: ReportWish, types: Mapping[str, FieldType], roles: Mapping[Role, str]) -> tuple[str, ...]:
    """What makes the groups.

    Raises:
        NotFound, Refused: as `make_report`.
    """
    if wish.kind in SUMS:
        return checked_sums(wish.by, SUMS[wish.kind], wish.kind.value)
    by = [field_meant(name, types, roles) for name in wish.by]
    return checked_groups(by or _usual(wish.kind, types, roles), types, OWN_NAMES.get(wish.kind, ()))


def _usual(kind: ReportKind, types: Mapping[str, FieldType], roles: Mapping[Role, str]) -> tuple[str, ...]:
    """What makes the groups, if nothing is said. Who has a case is said by the field of its owner, if there is one."""
    if kind is ReportKind.BREAKDOWN:
        holders = (field_meant(Role.OWNER, types, roles), *USUAL_HOLDERS)
        return ("milestone", *[name for name in holders if name in types][:1])
    return USUAL_GROUPS.get(kind, ())


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
        case ReportKind.PAUSES:
            return pauses_report(asked, store.reports.pauses(asked))
        case ReportKind.BREAKDOWN:
            return breakdown_report(asked, store.reports.holdings(asked, holder_of(asked)))
        case ReportKind.ACTIONS:
            return actions_report(asked, store.reports.actions(asked))
        case ReportKind.USAGE:
            return usage_report(asked, store.reports.usage(asked))
        case ReportKind.OVERRIDES:
            return overrides_report(asked, store.reports.overrides(asked))
        case ReportKind.CASES:
            fields = tuple(name for name in asked.by if asked.is_field(name))
            return open_cases_report(asked, store.open_cases.of(asked), fields)
        case other:
            assert_never(other)
