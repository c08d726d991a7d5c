"""A log under a process: figures, pauses, trend, and two processes side by side."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from domain.catalog.declarations import Catalog
from domain.catalog.documents import read_document
from domain.errors import NotFound
from domain.messages.cases import CaseIntake
from domain.process import EntitlementProcess
from domain.reports.compliance import ALL, Outcome, compliance
from domain.reports.grouping import grouping
from domain.reports.tally import Spread
from domain.timeline.events import CaseClosed, FieldsChanged
from domain.timeline.views import CaseView
from starters.backtest.comparing import Standing, compare
from starters.backtest.picture import pictured
from starters.backtest.pure_run import walk
from starters.backtest.report import notable_cases, report
from starters.backtest.running import Backtest, backtest, process_named, trial
from starters.backtest.tables import tables
from starters.logs.events import LoggedCase
from tests.starters.backtests import PREMIUM, PRIORITIES, compared, reported, run_of
from tests.starters.incidents import catalog, log, walked

OPENED = datetime(2025, 6, 9, 9, tzinfo=UTC)


def own(milestones: list[dict[str, Any]], **declared: Any) -> Catalog:
    """A catalog with one process."""
    return read_document(
        {
            "fields": {"state": "string", "priority": "string", "vip": "boolean"},
            "business_hours": [{"name": "Mornings", "time_zone": "UTC", "week": {"mon": ["09:00-12:00"]}}],
            "processes": [{"name": "P", "milestones": milestones}],
            **declared,
        }
    )


def case(case_id: str, *changes: tuple[int, dict[str, Any]], closed: int | None = None) -> LoggedCase:
    """A case opened as New on a Monday at 09:00Z, with changes so many minutes later."""
    fields = {"state": "New", "priority": "High"}
    events: list[FieldsChanged | CaseClosed] = [
        FieldsChanged(event_id=f"{case_id}/{number}", occurred_at=OPENED + timedelta(minutes=at), fields=changed)
        for number, (at, changed) in enumerate(changes)
    ]
    if closed is not None:
        events.append(CaseClosed(event_id=f"{case_id}/closed", occurred_at=OPENED + timedelta(minutes=closed)))
    return LoggedCase(CaseIntake(case_id=case_id, fields=fields, opened_at=OPENED), OPENED, tuple(events))


def tried_on(cases: list[LoggedCase], known: Catalog, *, by: str | None = None, **how: Any) -> Backtest:
    tried = trial(known, cases, known.processes[0], account=None, **how)
    groups = grouping(by, known.fields, UTC) if by else None
    return backtest(cases, tried, by=groups, state="state")


# --- figures ----------------------------------------------------------------------------------------------------------


def test_a_backtest_counts_as_a_replay_does() -> None:
    """Milestone by milestone and group by group, the outcomes of the pure run."""
    views = ((one.view, one.kept) for one in walked().values())
    expected = [
        (row.milestone, row.group, row.met, row.met_late, row.violated, row.open, row.removed)
        for row in compliance(views, by="priority", groups=PRIORITIES)
    ]
    found = [
        (row.milestone, row.group or ALL, f.met, f.met_late, f.violated, f.open, f.removed)
        for row in reported().rows
        if row.milestone
        for f in [row.figures]
    ]
    assert found == expected


def test_stays_that_were_handed_over_are_counted_apart() -> None:
    """One after 30 minutes of 60, one after 90; the columns for them are there where there are any."""
    stay = {"name": "Stay", "within": "1h", "starts": "criteria", "restart_on": ["priority"]}
    changes = [(30, {"priority": "Low"}), (120, {"priority": "High"}), (150, {"priority": "Low"})]
    found = report(tried_on([case("A", *changes, closed=160)], own([stay])))
    figures = found.find("Stay", None)
    assert figures is not None
    counted = {each.value: figures.of(each) for each in Outcome if figures.of(each)}
    assert counted == {"handed over": 2, "handed over late": 1, "open": 1}
    assert (figures.missed, figures.met_percent, found.cases_missed) == (0, None, 1)
    assert figures.overrun_seconds == Spread.of([30 * 60])
    told, picture = StringIO(), pictured(found, source="a log")
    Console(file=told, width=140).print(*tables(found, source="a log"))
    assert "◆◆ handed over   ◇◇ handed over late" in told.getvalue()
    assert "handed over late" in {part.name for bar in picture.panels[0].bars for part in bar.parts}
    reminder = report(tried_on([case("A", *changes, closed=160)], own([{**stay, "promise": False}])))
    assert not reminder.find("Stay", None).instances  # type: ignore[union-attr]  # each milestone has a row of all


def test_a_stay_counts_for_the_group_that_had_it() -> None:
    """The one that had it for 90 minutes of 60 was late, not the last one; a promise to the customer is of the last."""
    stay = {"name": "Stay", "within": "1h", "starts": "criteria", "restart_on": ["priority"]}
    whole = {"name": "Whole", "within": "1h"}
    changes = [(30, {"priority": "Low"}), (120, {"priority": "High"})]
    found = report(tried_on([case("A", *changes, closed=160)], own([stay, whole]), by="priority"))
    late = {row.group: row.figures.of(Outcome.HANDED_OVER_LATE) for row in found.of("Stay")}
    assert late == {"High": 0, "Low": 1, None: 1}
    assert {row.group: row.figures.instances for row in found.of("Stay")} == {"High": 2, "Low": 1, None: 3}
    assert {row.group: row.figures.violated for row in found.of("Whole")} == {"High": 1, None: 1}


def test_all_milestones_together_are_the_sum_of_each() -> None:
    found = reported()
    for group in [*PRIORITIES, None]:
        together = found.find(None, group)
        each = [found.find(name, group) for name in found.milestones]
        assert together is not None
        for name in (
            "instances",
            "met",
            "missed",
            "violations",
            "paused_seconds",
            "met_in_last_part",
            "met_in_last_hour",
        ):
            assert getattr(together, name) == sum(getattr(one, name) for one in each)


def test_the_logs_own_verdict_stands_beside() -> None:
    """Cases, each judged by all its milestones."""
    found = reported()
    judged = [(not any(m.violated for m in one.view.milestones), one.kept) for one in walked().values()]
    assert (found.cases, found.events) == (150, sum(len(one.events) for one in log().cases))
    assert (found.log_met, found.log_missed) == (64, 86)
    assert found.log_agreed == sum(ours == theirs for ours, theirs in judged)
    assert found.cases_missed == sum(not ours for ours, _ in judged)


def test_incidents_that_were_reckoned_by_hand() -> None:
    """INC0000510 answers 8 h 11 after its target, and is resolved in its very second: met with nothing left."""
    (answer, resolution) = next(c for c in run_of().cases if c.case_id == "INC0000510").instances
    assert (answer.outcome, answer.overrun_seconds) == (Outcome.MET_LATE, 8 * 3600 + 11 * 60)
    assert (resolution.outcome, resolution.margin_seconds, resolution.span_seconds) == (Outcome.MET, 0, 24 * 3600)
    near = [row.case_id for row in notable_cases(run_of()) if row.outcome is Outcome.MET]
    assert near[0] == "INC0000510"


def test_missed_cases_come_worst_first_and_then_the_closest() -> None:
    rows = list(notable_cases(run_of()))
    missed = [row for row in rows if row.overrun_seconds is not None]
    near = rows[len(missed) :]
    together = reported().find(None, None)
    assert together is not None
    assert len(missed) == together.missed
    assert [row.overrun_seconds for row in missed] == sorted((r.overrun_seconds or 0 for r in missed), reverse=True)
    assert [row.margin_seconds for row in near] == sorted(row.margin_seconds or 0 for row in near)
    assert {row.outcome for row in near} == {Outcome.MET}


def test_pauses_add_up_to_the_time_paused() -> None:
    """By state they are parts of the pauses: the clock of the resolution stands in the four Awaiting states alone."""
    found = reported()
    resolution = found.find("Resolution", None)
    assert resolution is not None
    assert {row.milestone for row in found.pauses} == {"Resolution"}
    assert {row.cause for row in found.pauses} == {"pause_when"}
    assert all(row.state.startswith("Awaiting ") for row in found.pauses)
    assert len(found.pauses) == 4
    assert sum(row.open_seconds for row in found.pauses) == resolution.paused_seconds
    assert resolution.paused == sum(
        1 for one in walked().values() if any(p.from_at < p_end(one.view) for p in one.view.milestones[1].pauses)
    )


def p_end(view: CaseView) -> datetime:
    ended = view.milestones[1].completed_at
    assert ended is not None
    return ended


def test_a_pause_over_two_states_counts_in_each() -> None:
    """Waits from 10:00 on the user, from 10:30 on the vendor until 11:30; open time ends at noon."""
    waits = [(60, {"state": "Awaiting User"}), (90, {"state": "Awaiting Vendor"}), (150, {"state": "Active"})]
    known = own(
        [{"name": "M", "within": "4h", "business_hours": "Mornings", "pause_when": 'case.state.startsWith("Aw")'}]
    )
    found = report(
        tried_on([case("A", *waits), case("B", (120, {"state": "Awaiting User"}), (600, {"state": "Done"}))], known)
    )
    rows = [(row.state, row.pauses, row.open_seconds) for row in found.pauses]
    assert rows == [("Awaiting User", 2, 5400), ("Awaiting Vendor", 1, 3600)]


def test_trend_counts_every_target_once_and_leaves_no_period_out() -> None:
    found = reported()
    for name in found.milestones:
        rows = [row for row in found.trend if row.milestone == name]
        together = found.find(name, None)
        assert together is not None
        assert sum(row.counts.instances for row in rows) == together.instances
        assert sum(row.counts.missed for row in rows) == together.missed
        assert [row.period for row in rows] == sorted({row.period for row in rows})
    assert any(row.counts.instances == 0 for row in found.trend)


def test_triggers_and_actions_are_those_of_the_pure_run() -> None:
    fired = Counter((f.milestone, f.trigger) for one in walked().values() for f in one.fired)
    done = Counter(call.action.do for one in walked().values() for f in one.fired for call in f.calls)
    found = reported()
    assert {(row.milestone, row.trigger): row.fired for row in found.triggers} == fired
    assert found.actions == done


def test_groups_may_be_made_by_any_field_or_period() -> None:
    """A field counts as it is in the end: four incidents rose to Critical or fell from it."""
    by_field = report(run_of(by="escalated"))
    assert {row.group for row in by_field.of("Resolution")} == {"true", "none", None}
    escalated = by_field.find("Resolution", "true")
    assert escalated is not None
    assert escalated.instances == sum(one.view.fields.get("escalated") is True for one in walked().values())
    by_month = report(run_of(by="month"))
    assert [row.group for row in by_month.of("First response")] == ["2016-02", "2016-03", None]
    assert [row.group for row in report(run_of(by=None)).of("Resolution")] == [None]


def test_criteria_that_cannot_be_evaluated_are_told() -> None:
    """A field that the log does not fill makes them false, silently for the case, not for who reads the report."""
    known = own([{"name": "M", "within": "4h", "complete_when": "case.vip"}])
    found = report(tried_on([case("A", closed=60), case("B", (60, {"state": "Active"}))], known))
    ((said, cases),) = found.failed.items()
    assert said.startswith("complete_when of M counts as false:")
    assert cases == 2


def test_a_milestone_that_no_case_has_is_shown_with_nothing() -> None:
    known = own([{"name": "M", "within": "4h"}, {"name": "N", "within": "4h", "when": 'case.priority == "Low"'}])
    nothing = report(tried_on([case("A", closed=60)], known)).find("N", None)
    assert nothing is not None
    assert (nothing.instances, nothing.met_percent, nothing.response_seconds) == (0, None, None)


def test_no_cases_are_no_trouble() -> None:
    known = own([{"name": "M", "within": "4h"}])
    found = report(tried_on([], known))
    assert (found.cases, found.trend, found.pauses) == (0, [], [])


# --- which process, and what its cases run by -------------------------------------------------------------------------


def test_a_process_is_named_with_or_without_its_version() -> None:
    known = catalog()
    assert process_named(known, "Incident") is process_named(known, "Incident@1")
    older = EntitlementProcess.model_validate({"name": "Incident", "milestones": [{"name": "M", "within": "1h"}]})
    assert process_named(known, "Incident@7", lambda name, version: older) is older


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Incidnt", r"no process 'Incidnt'; did you mean 'Incident'\?"),
        ("Incidnt@1", r"no process 'Incidnt'; did you mean 'Incident'\?"),
        ("Incident@x", r"no process 'Incident@x'; did you mean 'Incident'\?"),
        ("Incident@2", r"process 'Incident' has version 1 in the catalog's files, and no 2"),
    ],
)
def test_an_unknown_process_is_named(name: str, said: str) -> None:
    with pytest.raises(NotFound, match=said):
        process_named(catalog(), name)


def test_a_process_may_have_an_at_in_its_name() -> None:
    known = own([{"name": "M", "within": "1h"}]).model_copy(
        update={
            "processes": [
                EntitlementProcess.model_validate({"name": "P@2", "milestones": [{"name": "M", "within": "1h"}]})
            ]
        }
    )
    assert process_named(known, "P@2").name == "P@2"


def test_criteria_see_the_accounts_entitlement_as_if_it_had_the_process() -> None:
    """No entitlement names the premium process; it is tried under the one that the account has."""
    tried = run_of(PREMIUM).tried
    assert (tried.account, tried.entitlement) == ("workplace-it", "workplace-it-support")
    assert tried.plan.entitlement is not None
    assert tried.plan.entitlement["process"] == PREMIUM
    assert tried.plan.account is not None
    assert tried.plan.account["type"] == "internal"


def test_the_entitlement_that_has_the_process_comes_first_and_gives_its_hours() -> None:
    entitlements = [
        {"id": "other", "account": "acme"},
        {"id": "retired", "account": "acme", "process": "P", "retired": True},
        {"id": "fitting", "account": "acme", "process": "P", "business_hours": "Mornings"},
    ]
    known = own([{"name": "M", "within": "4h"}], accounts=[{"id": "acme"}], entitlements=entitlements)
    tried = trial(known, [], known.processes[0], account="acme")
    assert (tried.entitlement, tried.plan.business_hours) == ("fitting", "Mornings")


def test_without_an_entitlement_criteria_see_the_account_alone() -> None:
    known = own([{"name": "M", "within": "4h"}], accounts=[{"id": "acme", "type": "gold"}])
    tried = trial(known, [], known.processes[0], account="acme")
    assert (tried.account, tried.entitlement, tried.plan.entitlement) == ("acme", None, None)
    assert tried.plan.account == {"id": "acme", "name": "", "type": "gold", "time_zone": "UTC"}
    unknown = trial(known, [], known.processes[0], account="nobody")
    assert (unknown.account, unknown.plan.account) == (None, None)


# --- two processes ----------------------------------------------------------------------------------------------------


def test_flips_are_the_cases_that_differ() -> None:
    """Reckoned again from the pure runs of both processes."""
    found = compared()
    premium = {c.case_id: walk(c, run_of(PREMIUM).tried.plan).view for c in log().cases}
    expected: Counter[tuple[str, Standing, Standing]] = Counter()
    for case_id, one in walked().items():
        for before, after in zip(one.view.milestones, premium[case_id].milestones, strict=True):
            if before.violated != after.violated:
                sides = [Standing.MISSED if m.violated else Standing.MET for m in (before, after)]
                expected[before.milestone, sides[0], sides[1]] += 1
    assert {(f.milestone, f.before, f.after): f.cases for f in found.flips} == expected
    assert len(found.flipped) == expected.total()
    assert len(expected) == 3  # the sample shows both directions
    assert all(flip.before.standing is not flip.after.standing for flip in found.flipped)


def test_flips_are_what_the_missed_differ_by() -> None:
    found = compared()
    for name in found.shared:
        a, b = found.first.find(name, None), found.second.find(name, None)
        lost = found.flip_count(name, Standing.MET, Standing.MISSED)
        won = found.flip_count(name, Standing.MISSED, Standing.MET)
        assert a is not None
        assert b is not None
        assert b.missed - a.missed == lost - won


def test_a_process_beside_itself_differs_in_nothing() -> None:
    assert compare(run_of(), run_of()).flipped == []


def test_milestones_that_only_one_has_are_shown_and_do_not_flip() -> None:
    cases = [case("A", closed=60)]
    one = tried_on(cases, own([{"name": "M", "within": "4h"}, {"name": "N", "within": "4h"}]))
    other = tried_on(cases, own([{"name": "O", "within": "30m"}, {"name": "N", "within": "30m"}]))
    found = compare(one, other)
    assert (found.milestones, found.shared) == (["M", "N", "O"], ["N"])
    assert [(f.milestone, f.before.standing, f.after.standing) for f in found.flipped] == [
        ("N", Standing.NEITHER, Standing.MISSED)
    ]


def test_of_a_recurring_milestone_the_missed_time_decides() -> None:
    """Answered after 20 and again after 100 minutes: in time by two hours each, missed once by one hour."""

    def recurring(span: str) -> Catalog:
        return own(
            [
                {
                    "name": "Answer",
                    "within": span,
                    "starts": "criteria",
                    "recurrence": "independent",
                    "when": 'case.state != "Active"',
                    "complete_when": 'case.state == "Replied"',
                }
            ]
        )

    changes = [
        (20, {"state": "Replied"}),
        (21, {"state": "Active"}),
        (30, {"state": "Asked"}),
        (130, {"state": "Replied"}),
    ]
    cases = [case("A", *changes, closed=140)]
    found = compare(tried_on(cases, recurring("2h")), tried_on(cases, recurring("1h")))
    (flip,) = found.flipped
    assert (flip.before.standing, flip.before.margin_seconds) == (Standing.MET, 20 * 60)
    assert (flip.after.standing, flip.after.overrun_seconds) == (Standing.MISSED, 40 * 60)
