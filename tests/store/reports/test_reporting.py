"""What reports count over what is recorded, on each database: groups, periods, filters, instants, exports."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from activities.reports.making import ReportWish, export_overrides, make_report
from domain.calendar import ALWAYS, BusinessHours
from domain.catalog.declarations import Catalog
from domain.criteria.fields import FieldType
from domain.errors import NotFound, Refused
from domain.feed.usage import UsageOutcome
from domain.ids import case_id_of
from domain.messages.steps import CaseRecord
from domain.process import Email, EntitlementProcess
from domain.reports.result import Report, ReportKind
from domain.timeline.events import CaseClosed, ClockResumed, ClockStopped, FieldsChanged, MilestoneCompleted
from domain.timeline.plan import Plan
from domain.usage.effects import FailedUsageAction, UsageRecords
from domain.usage.rows import LedgerRow, RowKind
from store import Store, tables
from store.reports.filling import fill
from tests.recorded import RecordedCase
from tests.store.cases.test_folded import T0 as T0_OF_FOLDED
from tests.store.cases.test_folded import Recorded

T0 = datetime(2026, 3, 28, 20, 30, tzinfo=UTC)
"""The evening before the clocks change in Berlin."""

CATALOG = {
    "organisation": {"name": "Desk", "time_zone": "Europe/Berlin"},
    "fields": {"team": "string", "vip": "boolean", "size": "integer", "tags": "list"},
    "accounts": [{"id": "acme"}, {"id": "globex", "time_zone": "America/Los_Angeles"}],
    "processes": [{"name": "Support desk", "milestones": [{"name": "Answer", "within": "4h"}]}],
    "entitlements": [
        {
            "id": "gold",
            "account": "acme",
            "starts_on": date(2026, 3, 1),
            "allowance": {"unit": "hours", "cap": 20, "period": "month", "overage_price": "85.00 EUR"},
        }
    ],
}
PROCESS = EntitlementProcess.model_validate(
    {"name": "Support desk", "milestones": [{"name": "Answer", "within": "4h", "starts": "process"}]}
)
PLAN = Plan(
    process=PROCESS,
    business_hours=ALWAYS.name,
    calendars={ALWAYS.name: ALWAYS.freeze(T0 - timedelta(days=9), T0 + timedelta(days=900))},
    fields={name: FieldType(type_) for name, type_ in CATALOG["fields"].items()},  # type: ignore[attr-defined]
)


@pytest.fixture
def store(store: Store) -> Store:
    """A new store that knows the catalog."""
    store.catalog.apply(Catalog.model_validate(CATALOG), by="test")
    return store


def case(store: Store, case_id: str, account: str | None = "acme", at: datetime = T0, **fields: Any) -> RecordedCase:
    return RecordedCase(store, PLAN, case_id, fields, at, account=account, entitlement="gold")


def completed(case: RecordedCase, after: timedelta) -> None:
    case.apply(MilestoneCompleted(event_id=f"{after}", occurred_at=T0 + after, milestone="Answer"))


def report(store: Store, kind: ReportKind, *by: str, **wish: Any) -> Report:
    return make_report(store, ReportWish(kind, by=by, **{"now": T0 + timedelta(days=2), **wish}))


def counts(store: Store, *by: str, **wish: Any) -> dict[Any, int]:
    """How many instances there are in each group."""
    made = report(store, ReportKind.COMPLIANCE, *by, **wish)
    many = len(made.groups)
    return {row[:many]: row[many] for row in made.rows}  # type: ignore[misc]


def test_an_instance_lies_in_the_day_of_its_target_in_its_accounts_zone(store: Store) -> None:
    """00:30 of the next month is still March in Los Angeles, and a day of the change of clocks is one day."""
    for number, account in enumerate(("acme", "globex", None)):
        case(store, f"c{number}", account, at=datetime(2026, 3, 31, 18, 30, tzinfo=UTC))  # target 22:30Z
    assert counts(store, "account", "month") == {
        ("acme", "2026-04"): 1,
        ("globex", "2026-03"): 1,
        ("none", "2026-04"): 1,
    }
    assert counts(store, "account", period="2026-04") == {("acme",): 1, ("none",): 1}
    assert counts(store, "account", period="2026-Q1") == {("globex",): 1}
    assert counts(store, "quarter", account="globex") == {("2026-Q1",): 1}
    case(store, "early", at=T0)  # target 00:30Z, which is 01:30 on the 29th in Berlin, before the change
    assert counts(store, first=date(2026, 3, 29), last=date(2026, 3, 29)) == {("Answer",): 1}
    assert counts(store, first=date(2026, 3, 28), last=date(2026, 3, 28)) == {}


def test_every_period_between_is_named_and_empty_ones_have_no_row(store: Store) -> None:
    """A picture leaves their places empty."""
    case(store, "a", at=T0)
    case(store, "b", at=T0 + timedelta(days=70))
    made = report(store, ReportKind.COMPLIANCE, "month")
    assert made.periods == ("2026-03", "2026-04", "2026-05", "2026-06")
    assert [row[0] for row in made.rows] == ["2026-03", "2026-06"]


def test_groups_by_fields_of_any_type_and_filters_by_their_values(store: Store) -> None:
    case(store, "a", team="Äpfel", vip=True, size=3, tags=["x", "y"])
    case(store, "b", team="Äpfel", vip=False, size=12)
    case(store, "c", vip=True)
    assert counts(store, "team") == {("Äpfel",): 2, ("none",): 1}
    assert counts(store, "vip") == {("true",): 2, ("false",): 1}
    assert list(counts(store, "size")) == [("3",), ("12",), ("none",)]
    assert counts(store, "tags") == {("x, y",): 1, ("none",): 2}
    assert counts(store, "process") == {("Support desk",): 3}
    assert counts(store, "team", where=["vip=true"]) == {("Äpfel",): 1, ("none",): 1}
    assert counts(store, where=["team=Äpfel", "size=12"]) == {("Answer",): 1}
    assert counts(store, process="Support desk", milestone="Answer", entitlement="gold") == {("Answer",): 3}
    with pytest.raises(NotFound, match="unknown process 'Other'"):
        counts(store, process="Other")


def test_open_cases_are_those_that_are_asked_for(store: Store) -> None:
    """By fields of any type too, and of a milestone those alone that have it open: they are mailed to others."""
    case(store, "a", team="Äpfel", vip=True, size=3)
    case(store, "b", "globex", team="Äpfel", vip=False, size=12)
    completed(case(store, "c", team="Äpfel", vip=True), timedelta(hours=1))

    def listed(**wish: Any) -> list[Any]:
        return [row[0] for row in report(store, ReportKind.CASES, **wish).rows]

    assert listed(where=["team=Äpfel"]) == ["c", "b", "a"]
    assert listed(where=["vip=true"]) == ["c", "a"]
    assert listed(where=["vip=true"], milestone="Answer") == ["a"]
    assert listed(where=["size=12"], account="acme") == []
    assert report(store, ReportKind.CASES, where=["vip=true"], milestone="Answer").finding == "1 open case, 1 late"


def test_open_cases_have_the_ids_of_other_systems_beside_ours(store: Store) -> None:
    """Where one of those that are listed has such an id; else nobody needs the column."""
    case(store, "a")
    plain = report(store, ReportKind.CASES)
    assert [column.name for column in plain.columns[:2]] == ["case", "opened_at"]
    ours = case_id_of("INC/7")
    RecordedCase(store, PLAN, ours, {}, T0 + timedelta(days=1), account="acme", external_id="INC/7")
    listed = report(store, ReportKind.CASES)
    assert [column.name for column in listed.columns[:3]] == ["case", "external_id", "opened_at"]
    assert [row[:2] for row in listed.rows] == [(ours, "INC/7"), ("a", "")]


def test_a_stay_is_of_the_team_that_had_it_and_else_of_its_case(store: Store) -> None:
    """A milestone that restarts on the team knows that alone of its stay; an empty one too."""
    stays = {"name": "Stay", "within": "4h", "starts": "criteria", "restart_on": ["team"]}
    process = EntitlementProcess.model_validate({"name": "Support desk", "milestones": [stays]})
    plan, fields = PLAN.model_copy(update={"process": process}), {"team": "one", "size": 3, "vip": True}
    handed = RecordedCase(store, plan, "a", fields, T0, account="acme")
    for hours, team in ((1, "two"), (2, None)):
        handed.apply(FieldsChanged(event_id=f"{team}", occurred_at=T0 + timedelta(hours=hours), fields={"team": team}))
    assert counts(store, "team") == {("one",): 1, ("two",): 1, ("none",): 1}
    assert counts(store, "team", "size", "vip") == {(team, "3", "true"): 1 for team in ("one", "none", "two")}


def test_one_that_runs_is_late_from_the_second_after_its_target(store: Store) -> None:
    """Whoever recorded it, and when: at the target it is open, a second later violated, and its overrun grows."""
    case(store, "a")
    target = T0 + timedelta(hours=4)

    def outcome(now: datetime) -> tuple[Any, ...]:
        row = report(store, ReportKind.COMPLIANCE, now=now).rows[0]
        return row[4], row[5]

    assert outcome(target) == (0, 1)
    assert outcome(target + timedelta(seconds=1)) == (1, 0)
    late = report(store, ReportKind.OVERRUN, now=target + timedelta(minutes=30))
    assert late.rows[0][late.column("overrun_mean_seconds")] == 1800


def test_a_pause_grows_until_the_report_and_holds_the_target(store: Store) -> None:
    """An hour after the stop it is an hour long; the milestone is not late, whatever the time."""
    stopped = case(store, "a")
    stopped.apply(ClockStopped(event_id="s", occurred_at=T0 + timedelta(hours=3, minutes=50), by="ann"))
    made = report(store, ReportKind.PAUSES, "person", now=T0 + timedelta(hours=4, minutes=50))
    assert made.rows == (("ann", 1, 3600, 1, 0),)
    assert report(store, ReportKind.COMPLIANCE).rows[0][4] == 0


def test_time_is_divided_among_those_who_held_it(store: Store) -> None:
    """An hour with one team, and with the next one until now; a case that never changed hands counts whole."""
    handed = case(store, "a", team="one")
    handed.apply(FieldsChanged(event_id="f", occurred_at=T0 + timedelta(hours=1), fields={"team": "two"}))
    case(store, "b", team="one")
    made = report(store, ReportKind.BREAKDOWN, "team", now=T0 + timedelta(hours=3))
    assert {row[0]: row[1:4] for row in made.rows} == {"one": (2, 1, 4 * 3600), "two": (1, 1, 2 * 3600)}
    done = made.rows[0][made.column("of_span_percent")]
    assert done == 50.0


def test_who_holds_a_case_is_its_owner_if_nobody_says_otherwise(store: Store) -> None:
    """By the field that the organisation reads owners from; a field that is called `owner` comes before it."""
    fields = {"queue": "string", "handler": "string"}
    roles: dict[str, Any] = {"organisation": {"name": "Desk", "roles": {"owner": "handler"}}}
    store.catalog.apply(Catalog.model_validate({**CATALOG, **roles, "fields": fields}), by="test")
    assert report(store, ReportKind.BREAKDOWN).by == ("milestone", "handler")
    store.catalog.apply(
        Catalog.model_validate({**CATALOG, **roles, "fields": {**fields, "owner": "string"}}), by="test"
    )
    assert report(store, ReportKind.BREAKDOWN).by == ("milestone", "owner")


class RecordedAmongOthers(Recorded):
    """As several cases at once are recorded."""

    def put(self, record: CaseRecord) -> None:
        self.store.cases.record_all([record])


@pytest.mark.parametrize("recorded", [Recorded, RecordedAmongOthers])
def test_what_was_folded_before_a_field_changed_stays_with_who_held_it(store: Store, recorded: type[Recorded]) -> None:
    """Of each field by itself, whoever has the case then; the newest are divided, as they are by every change."""
    lived = recorded(store, team="one", vip="no")
    for number in range(1, 16):
        lived.complete(40 * number)
    lived.change(40 * 15 + 10, team="two")
    for number in range(16, 31):
        lived.complete(40 * number)
    lived.change(40 * 30 + 10, team="three")
    lived.change(40 * 30 + 20, vip="yes")
    now = T0_OF_FOLDED + timedelta(minutes=40 * 30 + 20)

    def held(field: str) -> dict[Any, Any]:
        made = report(store, ReportKind.BREAKDOWN, field, now=now)
        return {row[0]: row[made.column("open_seconds")] / 60 for row in made.rows}  # type: ignore[operator]

    assert held("team") == {"one": 40 * 15 + 10, "two": 40 * 15, "three": 10}
    assert held("vip") == {"no": 40 * 30 + 20, "yes": 0}


def test_time_counts_by_the_hours_that_ruled_it(store: Store) -> None:
    """Two hours of the office, one of them paused, then two of day and night; alike by a field that never changed."""
    rows = [{"when": "case.vip", "span": "9h", "business_hours": ALWAYS.name}, {"span": "9h"}]
    answer = {"name": "Answer", "within": rows, "on_change": "carry"}
    process = EntitlementProcess.model_validate({"name": "Support desk", "milestones": [answer]})
    week = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
    office = BusinessHours.model_validate({"name": "Office", "time_zone": "Europe/Berlin", "week": week})
    calendars = {**PLAN.calendars, "Office": office.freeze(T0 - timedelta(days=9), T0 + timedelta(days=900))}
    plan = PLAN.model_copy(update={"process": process, "business_hours": "Office", "calendars": calendars})
    three = datetime(2026, 3, 30, 13, tzinfo=UTC)  # Monday, in Berlin
    carried = RecordedCase(store, plan, "a", {"team": "one", "vip": False}, three, account="acme")
    carried.apply(ClockStopped(event_id="s", occurred_at=three + timedelta(hours=1), by="ann"))
    carried.apply(ClockResumed(event_id="r", occurred_at=three + timedelta(hours=3)))
    carried.apply(FieldsChanged(event_id="f", occurred_at=three + timedelta(hours=5), fields={"vip": True}))

    def held(field: str, hours: int) -> dict[Any, Any]:
        made = report(store, ReportKind.BREAKDOWN, field, now=three + timedelta(hours=hours))
        return {row[0]: row[made.column("open_seconds")] / 3600 for row in made.rows}  # type: ignore[operator]

    assert held("team", 7) == {"one": 3}
    assert held("vip", 7) == {"false": 1, "true": 2}
    assert held("vip", 9) == {"false": 1, "true": 4}
    assert report(store, ReportKind.PAUSES, "person").rows == (("ann", 1, 3600, 0, 0),)


def test_what_ended_before_its_start_was_held_for_no_time(store: Store) -> None:
    """The next occurrence of a sequential milestone is scheduled when the case is closed; nothing is taken off."""
    answer = {"name": "Answer", "within": "4h", "starts": "criteria", "recurrence": "sequential"}
    process = EntitlementProcess.model_validate({"name": "Support desk", "milestones": [answer]})
    plan = PLAN.model_copy(update={"process": process})
    closed = RecordedCase(store, plan, "a", {"team": "one"}, T0, account="acme")
    completed(closed, timedelta(hours=1))
    closed.apply(FieldsChanged(event_id="f", occurred_at=T0 + timedelta(hours=2), fields={"team": "two"}))
    closed.apply(CaseClosed(event_id="c", occurred_at=T0 + timedelta(hours=3)))
    made = report(store, ReportKind.BREAKDOWN, "team")
    assert {row[0]: row[1:4] for row in made.rows} == {"one": (1, 1, 3600), "two": (1, 1, 0)}


def test_what_cannot_be_asked_says_what_can(store: Store) -> None:
    for wish, error in (
        ({"by": ("teem",)}, NotFound),
        ({"by": ("week", "month")}, Refused),
        ({"where": ["team"]}, Refused),
        ({"where": ["size=many"]}, Refused),
        ({"period": "2026-13"}, Refused),
    ):
        with pytest.raises(error):
            report(store, ReportKind.COMPLIANCE, *wish.pop("by", ()), **wish)
    with pytest.raises(NotFound, match="did you mean 'team'"):
        counts(store, "teem")


def test_an_override_is_exported_once(store: Store) -> None:
    """With what it costs; the next export has what came since, and each can be shown again."""
    _override(store, 1, 90, "85.00 EUR")
    wish = ReportWish(ReportKind.OVERRIDES, now=T0)
    first = export_overrides(store, wish, by="ann")
    cost = first.column("cost")
    assert [row[cost] for row in first.rows] == ["127.50 EUR"]
    assert export_overrides(store, wish, by="ann").rows == ()
    _override(store, 2, -30, "85.00 EUR")
    assert [row[cost] for row in report(store, ReportKind.OVERRIDES, new=True).rows] == ["-42.50 EUR"]
    second = export_overrides(store, wish, by="bo")
    assert [row[cost] for row in second.rows] == ["-42.50 EUR"]
    assert report(store, ReportKind.OVERRIDES, export=1).rows == first.rows
    assert report(store, ReportKind.OVERRIDES).finding == "2 overrides, 85.00 EUR together"


def test_usage_says_what_is_used_and_where_it_leads(store: Store) -> None:
    """Ten hours of twenty after ten days of March: thirty-one at this pace."""
    untouched = report(store, ReportKind.USAGE, now=datetime(2026, 3, 11, tzinfo=UTC))
    assert untouched.rows == (("acme", "gold", "2026-03-01", "hours", 0.0, 20.0, 20.0, 0.0, 0.0, 0.0),)
    _override(store, 1, 0, None, kind=RowKind.TAKEN, used=600)
    ten_days = datetime(2026, 3, 10, 23, tzinfo=UTC)  # midnight in Berlin
    made = report(store, ReportKind.USAGE, now=ten_days)
    (row,) = made.rows
    assert row[4:9] == (10.0, 20.0, 10.0, 50.0, 0.0)
    assert row[9] == pytest.approx(31, abs=0.1)
    assert made.finding.startswith("gold: 10 of 20 hours used (50%), at this pace 30h58m")
    april = report(store, ReportKind.USAGE, now=datetime(2026, 4, 2, tzinfo=UTC))
    assert [(r[2], r[4]) for r in april.rows] == [("2026-04-01", 0.0), ("2026-03-01", 10.0)]


def test_actions_of_entitlements_are_counted_by_what_ordered_them(store: Store) -> None:
    """Done, failed for good and dropped; none of them where cases are chosen by what only these have."""
    mail = Email(do="email", to=["ann@example.org"], subject="8 of 10")
    told = {"entitlement": "gold", "account": "acme", "do": "email", "at": T0}
    for key in ("gold/0/threshold/80-percent/1/manager", "gold/2/overflow/1-3/1/manager"):
        outcome = UsageOutcome(kind="sent", key=key, **told)  # type: ignore[arg-type]
        store.actions.record_action_done(key, at=T0, outcome=outcome, action=mail)
    key = "gold/2026-03-31/notice/30/1/manager"
    dropped = UsageOutcome(kind="dropped", key=key, said="it has expired", **told)  # type: ignore[arg-type]
    store.actions.record_action_dropped(key, "it has expired", at=T0 + timedelta(hours=2), outcome=dropped, action=mail)
    failed = FailedUsageAction(key="gold/0/term-end/unused/1/renewals", error="550 no such user", action=mail)
    store.ledgers.record(
        UsageRecords(
            entitlement_id="gold", count="c-1", account="acme", unit="hours", rows=[], periods=[], failed=[failed]
        )
    )
    made = report(store, ReportKind.ACTIONS)
    assert {row[:3]: row[3:] for row in made.rows} == {
        ("none", "threshold-80-percent", "email"): (1, 1, 0, 0, 0),
        ("none", "overflow", "email"): (1, 1, 0, 0, 0),
        ("none", "notice-30", "email"): (1, 0, 0, 0, 1),
        ("none", "term-end", "email"): (1, 0, 0, 1, 0),
    }
    of_march = report(store, ReportKind.ACTIONS, "account", "entitlement", "month", period="2026-03")
    assert of_march.rows == (("acme", "gold", "2026-03", 3, 2, 0, 0, 1),)
    assert report(store, ReportKind.ACTIONS, "trigger", last=date(2026, 3, 28)).total == (None, 3, 2, 0, 0, 1)
    for wish in ({"account": "globex"}, {"milestone": "Answer"}, {"where": ["team=one"]}):
        assert report(store, ReportKind.ACTIONS, "trigger", **wish).rows == ()
    assert store.actions.get(key).action == mail  # type: ignore[union-attr]


def _override(
    store: Store, number: int, amount: int, price: str | None, *, kind: RowKind = RowKind.OVERRIDE, used: int = 0
) -> None:
    row = LedgerRow(
        number=number,
        kind=kind,
        reference=f"t{number}",
        period=0,
        first_day=date(2026, 3, 1),
        amount=amount,
        used=used,
        used_after=used,
        overage_after=0,
        cap_after=1200,
        balance_after=1200 - used,
        price=price,
        at=T0 - timedelta(days=20),
        recorded_at=T0 + timedelta(seconds=number),
        by="ann",
    )
    news = UsageRecords(entitlement_id="gold", account="acme", unit="hours", count="one", rows=[row], periods=[])
    store.ledgers.record(news)


def test_cases_of_before_are_measured_from_their_records(store: Store) -> None:
    """As a database is brought up to date: the same rows come of what is on record as came with it."""
    old = case(store, "a", team="one")
    old.apply(FieldsChanged(event_id="f", occurred_at=T0 + timedelta(hours=1), by="bo", fields={"team": "two"}))
    old.apply(ClockStopped(event_id="s", occurred_at=T0 + timedelta(hours=2), by="ann"))
    completed(case(store, "b"), timedelta(hours=5))
    written = (tables.measures, tables.pauses, tables.holdings)
    with store._database.write() as connection:
        before = [_rows(connection, table) for table in written]
        for table in (*written, tables.field_changes):
            connection.execute(table.delete())
        connection.execute(tables.cases.update().values(fields=None))
        assert fill(connection) == 2
        assert [_rows(connection, table) for table in written] == before
        assert fill(connection) == 0


@pytest.mark.parametrize("one_by_one", [True, False])
def test_pauses_are_counted_that_a_case_keeps_as_their_sum(store: Store, *, one_by_one: bool) -> None:
    """A case keeps the newest thousand of an instance; the report has all, in whichever way the records are written."""
    paused = case(store, "a")
    for many in (900, 300, 300):
        effects = []
        for _ in range(many):
            at = paused.timeline.state.last_at + timedelta(seconds=60)
            stopped = ClockStopped(event_id=f"s-{at}", occurred_at=at)
            resumed = ClockResumed(event_id=f"r-{at}", occurred_at=at + timedelta(seconds=30))
            effects += paused.timeline.apply(stopped) + paused.timeline.apply(resumed)
        paused.record(effects, one_by_one=one_by_one)
    [instance] = paused.timeline.state.instances
    assert instance.rested is not None
    with store._database.read() as connection:
        lengths = connection.execute(select(tables.pauses.c.open_seconds)).scalars().all()
    assert lengths == [30] * 1500


def test_an_audit_tells_what_does_not_agree(store: Store) -> None:
    """A row that was lost or changed, and an event that is missing, each with the case and the milestone."""
    for case_id in ("a", "b", "c"):
        completed(case(store, case_id), timedelta(hours=5))
    assert [one.discrepancies for one in store.reports.audit()] == [[], [], []]
    measures, events = tables.measures, tables.events
    with store._database.write() as connection:
        connection.execute(measures.update().where(measures.c.case_id == "a").values(outcome="met"))
        connection.execute(measures.delete().where(measures.c.case_id == "b"))
        violated = events.c.type == "milepost.case.milestone.violated.v1"
        connection.execute(events.delete().where(events.c.subject == "case/c", violated))
    assert [one.discrepancies for one in store.reports.audit()] == [
        ["Answer is met late, and reports count it as met"],
        ["Answer is met late, and reports count nothing of it"],
        ["Answer is met late, and the feed tells it as met"],
    ]


def _rows(connection: Connection, table: Any) -> list[Any]:
    return sorted(map(str, connection.execute(table.select()).all()))
