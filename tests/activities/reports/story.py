"""A small desk's month, recorded: what the guide to reports shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from domain.calendar import BusinessHours
from domain.catalog.declarations import Catalog
from domain.criteria.fields import FieldType
from domain.process import EntitlementProcess
from domain.timeline.events import CaseClosed, FieldsChanged
from domain.timeline.plan import Plan
from domain.usage.effects import UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from store import Store
from tests.recorded import RecordedCase

NOW = datetime(2026, 3, 31, 16, tzinfo=UTC)
"""The last day of the month, in the evening."""

OFFICE = {
    "name": "Office",
    "time_zone": "UTC",
    "week": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-17:00",)),
}
SUPPORT = {
    "name": "Support",
    "business_hours": "Office",
    "milestones": [
        {
            "name": "First response",
            "within": "4h",
            "complete_when": 'case.status != "new"',
            "triggers": [
                {"kind": "violation", "actions": [{"do": "email", "to": "desk@example.com", "subject": "late"}]}
            ],
        },
        {
            "name": "Resolution",
            "within": "16h",
            "complete_when": 'case.status == "solved"',
            "pause_when": 'case.status == "waiting"',
            "triggers": [{"kind": "warning", "at": "75%", "actions": [{"do": "task", "subject": "hurry"}]}],
        },
    ],
}
FIELDS = {"status": "string", "priority": "string", "owner": "string"}
CATALOG = {
    "organisation": {"name": "Desk", "time_zone": "UTC"},
    "fields": FIELDS,
    "business_hours": [OFFICE],
    "processes": [SUPPORT],
    "accounts": [{"id": "acme", "name": "Acme"}, {"id": "globex", "name": "Globex"}],
    "entitlements": [
        {
            "id": "acme-gold",
            "account": "acme",
            "process": "Support",
            "starts_on": date(2026, 1, 1),
            "ends_on": date(2026, 12, 31),
            "allowance": {"unit": "cases", "cap": 50, "period": "quarter", "overage_price": "90.00 EUR"},
        },
        {
            "id": "globex-hours",
            "account": "globex",
            "starts_on": date(2026, 3, 1),
            "allowance": {"unit": "hours", "cap": 20, "period": "month", "overage_price": "85.00 EUR"},
        },
    ],
}

_HOURS = BusinessHours.model_validate(OFFICE)
PLAN = Plan(
    process=EntitlementProcess.model_validate(SUPPORT),
    business_hours="Office",
    calendars={"Office": _HOURS.freeze(datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))},
    fields={name: FieldType(type_) for name, type_ in FIELDS.items()},
)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of March 2026."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


_Change = tuple[datetime, str, dict[str, Any]]

CASES: list[tuple[str, str, str, datetime, list[_Change], datetime | None]] = [
    ("4711", "acme", "High", at(2, 9), [
        (at(2, 10), "ann", {"status": "open", "owner": "ann"}),
        (at(2, 14), "ann", {"status": "waiting"}),
        (at(3, 14), "ann", {"status": "open"}),
        (at(4, 11), "ann", {"status": "solved"}),
    ], at(5, 9)),
    ("4712", "acme", "Low", at(3, 11), [
        (at(3, 16), "bo", {"status": "open", "owner": "bo"}),
        (at(5, 10), "bo", {"owner": "ann"}),
        (at(5, 12), "ann", {"status": "solved"}),
    ], at(6, 9)),
    ("4713", "acme", "Low", at(16, 9), [
        (at(16, 9, 30), "ann", {"status": "open", "owner": "ann"}),
        (at(17, 16), "ann", {"status": "solved"}),
    ], at(18, 9)),
    ("4714", "globex", "High", at(17, 10), [
        (at(17, 15), "bo", {"status": "open", "owner": "bo"}),
        (at(19, 9, 55), "bo", {"status": "waiting"}),
        (at(20, 12), "bo", {"status": "open"}),
        (at(23, 12), "bo", {"status": "solved"}),
    ], at(24, 9)),
    ("4715", "globex", "High", at(26, 9), [
        (at(26, 11), "bo", {"status": "open", "owner": "bo"}),
    ], None),
]  # fmt: skip
"""Case, account, priority, opening, what changed when and by whom, and its close."""


def tell(store: Store) -> None:
    """Record the month."""
    store.catalog.apply(Catalog.model_validate(CATALOG), by="story")
    for case_id, account, priority, opened_at, changes, closed_at in CASES:
        fields = {"status": "new", "priority": priority}
        case = RecordedCase(store, PLAN, case_id, fields, opened_at, account=account, entitlement=f"{account}-gold")
        for number, (when, by, new) in enumerate(changes):
            case.apply(FieldsChanged(event_id=str(number), occurred_at=when, by=by, fields=new))
        if closed_at is not None:
            case.apply(CaseClosed(event_id="closed", occurred_at=closed_at, by="ann"))
        case.advance(NOW)
    _take(store)


def _take(store: Store) -> None:
    """Forty-five of fifty cases, and more hours than there were."""
    _row(store, "acme-gold", "acme", "cases", 1, used=45, used_after=45, cap=50)
    _row(store, "globex-hours", "globex", "hours", 1, used=1200, used_after=1200, cap=1200)
    also = {
        "reference": "t-9",
        "amount": 90,
        "overage": 90,
        "overage_after": 90,
        "price": "85.00 EUR",
        "reason": "agreed",
    }
    _row(store, "globex-hours", "globex", "hours", 2, kind=RowKind.OVERRIDE, used_after=1200, cap=1200, **also)


def _row(store: Store, entitlement: str, account: str, unit: str, number: int, *, cap: int, **also: Any) -> None:
    facts: dict[str, Any] = {"kind": RowKind.TAKEN, "used": 0, "overage_after": 0, "by": "ann", **also}
    row = LedgerRow(
        number=number,
        period=0,
        first_day=date(2026, 1, 1) if unit == "cases" else date(2026, 3, 1),
        cap_after=cap,
        balance_after=cap - facts["used_after"],
        at=at(20, 10),
        recorded_at=at(20, 10) + timedelta(seconds=number),
        **facts,
    )
    news = UsageRecords(entitlement_id=entitlement, account=account, unit=unit, count="one", rows=[row], periods=[])
    store.ledgers.record(news)
