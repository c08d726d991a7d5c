"""Reports that are sent by mail: which, of what, when and to whom."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from domain.catalog.mailing import Role, TimeZone, field_meant
from domain.catalog.problems import Problem
from domain.catalog.report_times import Every, ReportTimes
from domain.criteria.fields import FieldsError, FieldType, check_values, nearest
from domain.ids import Id
from domain.model import Value
from domain.process.milestones import Name

Sent = Literal[
    "compliance", "response", "margin", "overrun", "usage", "overrides", "actions", "breakdown", "pauses", "cases"
]
"""The reports there are (`domain.reports.result.ReportKind`)."""

Days = Literal[
    "last-week", "last-month", "last-quarter", "last-year", "this-week", "this-month", "this-quarter", "this-year"
]
"""Which days a report is about, as seen from the day on which it is sent."""

PERIODS = ("week", "month", "quarter", "year")
GROUPS = ("milestone", "process", "account", "entitlement", "channel", *PERIODS)
"""What makes groups beside the fields of cases (`domain.reports.asking`)."""

OWN_GROUPS: Mapping[str, tuple[str, ...]] = {"pauses": ("cause", "person"), "actions": ("trigger", "action")}
"""What else makes those of a report."""

SUMS: Mapping[str, tuple[str, ...]] = {
    "usage": ("account", "entitlement", "unit"),
    "overrides": ("account", "entitlement", "unit", "decided_by"),
}
"""Reports that have lines of their own, and what these can be added up by, beside a period."""

_USUAL: Mapping[Every, Days] = {
    "day": "this-month",
    "week": "last-week",
    "month": "last-month",
    "quarter": "last-quarter",
}


class ScheduledReport(Value):
    """A report that is sent again and again.

    Attributes:
        retired: ended; nothing is deleted by being left out of the files.
        by: what makes the groups; none named: what is usual for the report.
        period: the days that it is about; None: the last whole week, month or quarter, as `when` says how often it is
            sent; of a daily report the current month.
        account: only of this one; so with `entitlement`, `milestone` and `process`.
        where: only of cases whose fields have these values.
        time_zone: of `when`; None: the account's, if one is named, or else the organisation's.
        to: addresses, ids of people and contacts, or `account_manager`.
    """

    id: Id
    name: str = Field(default="", max_length=200)
    retired: bool = False
    kind: Sent
    by: list[Name] = Field(default_factory=list, max_length=4, exclude_if=operator.not_)
    period: Days | None = None
    account: Id | None = None
    entitlement: Id | None = None
    milestone: Name | None = None
    process: Name | None = None
    where: dict[str, str | int | float | bool] = Field(default_factory=dict, exclude_if=operator.not_)
    when: ReportTimes
    time_zone: TimeZone | None = None
    to: list[str] = Field(min_length=1, max_length=50)

    @property
    def days(self) -> Days:
        """The days that it is about."""
        return self.period or _USUAL[self.when.every]


ACCOUNT_MANAGER = "account_manager"


def report_problems(
    path: tuple[str | int, ...], report: ScheduledReport, fields: Mapping[str, FieldType], roles: Mapping[Role, str]
) -> Iterator[Problem]:
    """What does not fit of a report to the fields that cases have; which of them says who owner is, the roles say."""
    by = [field_meant(name, fields, roles) for name in report.by]
    yield from _group_problems((*path, "by"), report.kind, by, fields)
    for key in ("milestone", "process", "where"):
        if report.kind in SUMS and getattr(report, key):
            message = f"the {report.kind} report is of entitlements; {key} chooses cases. Name account or entitlement"
            yield Problem((*path, key), message)
    for name, value in report.where.items():
        if name not in fields:
            yield Problem((*path, "where", name), f"no field {name!r} to filter by; {nearest(name, fields)}")
            continue
        try:
            check_values({name: value}, fields)
        except FieldsError as error:
            yield Problem((*path, "where", name), str(error))
    for number, recipient in enumerate(report.to):
        if recipient == ACCOUNT_MANAGER and report.account is None:
            message = "account_manager is that of one account; name it with account, or write an address"
            yield Problem((*path, "to", number), message)


def _group_problems(
    path: tuple[str | int, ...], kind: str, by: Sequence[str], fields: Mapping[str, FieldType]
) -> Iterator[Problem]:
    sums = SUMS.get(kind)
    known = [*GROUPS, *OWN_GROUPS.get(kind, ()), *fields] if sums is None else [*sums, *PERIODS]
    for number, name in enumerate(by):
        if name not in known and sums is None:
            yield Problem((*path, number), f"no field {name!r} to group by; {nearest(name, known)}")
        elif name not in known:
            said = f"{kind} can be added up by {', '.join(known[:-1])} or {known[-1]}; not by {name!r}"
            yield Problem((*path, number), said)
