"""Records of cases and actions are taken once, in whatever order they arrive."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import event, text

from domain.calendar import ALWAYS
from domain.errors import NotFound
from domain.messages.case_state import ActionFailure, CaseState
from domain.messages.steps import CaseRecord
from domain.process import ActionCall, Email, FieldUpdate, Task, TriggerKind
from domain.timeline.effects import Noted, NoteKind, TriggerFired
from domain.timeline.facts import Firing, Violation
from domain.timeline.instances import InstanceState
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState
from domain.timeline.views import CaseView, MilestoneStatus, MilestoneView
from domain.usage.effects import UsageRecords
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord
from store import Store, tables

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
KEY = "c-1/gold/first-response/1/warning-75-percent/1"


def minutes(count: int) -> datetime:
    return T0 + timedelta(minutes=count)


def milestone(**also: Any) -> MilestoneView:
    facts: dict[str, Any] = {
        "milestone": "First response",
        "occurrence": 1,
        "process": "gold",
        "state": InstanceState.RUNNING,
        "span": "4h",
        "business_hours": "24x7",
        "start_at": T0,
        "target_at": minutes(240),
        **dict.fromkeys(("completed_at", "completed_by", "removed_at", "exited_at", "remaining_seconds")),
        "violated": False,
        "violations": [],
        "elapsed_seconds": 0,
        "paused_seconds": 0,
        "actual_seconds": 0,
        "pauses": [],
        "fired": [],
    }
    return MilestoneView.model_validate(facts | also)


def carried(**also: Any) -> CaseState:
    return CaseState(
        plan=Plan(business_hours="24x7", calendars={"24x7": ALWAYS.freeze(T0, T0 + timedelta(days=9))}),
        state=TimelineState(case_id="c-1", opened_at=T0, fields={}, last_at=T0),
        entitlement="e-1",
    )


def record(
    number: int, *, case_id: str = "c-1", account: str = "acme", view: dict[str, Any] | None = None, **also: Any
) -> CaseRecord:
    seen: dict[str, Any] = {
        "case_id": case_id,
        "now": minutes(number),
        "opened_at": T0,
        "closed_at": None,
        "process": "gold",
        "process_version": 1,
        "entered_at": T0,
        "exited_at": None,
        "stopped": False,
        "status": MilestoneStatus.COMPLIANT,
        "fields": {"priority": "High", "number": number},
        "milestones": [milestone()],
    }
    notes = also.get("notes", [])
    return CaseRecord(
        history=also.pop("history", number),
        number=number,
        carried=also.pop("carried", carried()),
        notes_from=also.pop("notes_from", min((n.number for n in notes), default=1000)),
        run_id=also.pop("run_id", f"run-{number}"),
        account=account,
        entitlement="e-1",
        view=CaseView.model_validate(seen | (view or {})),
        **also,
    )


def note(number: int, text: str = "opened") -> Noted:
    return Noted(number=number, at=minutes(number), kind=NoteKind.OPENED, text=text, by="ann", reason="a \0 in it")


def fired(*calls: ActionCall) -> TriggerFired:
    return TriggerFired(
        milestone="First response",
        occurrence=1,
        trigger="warning-75-percent",
        kind=TriggerKind.WARNING,
        firing=1,
        due_at=minutes(180),
        at=minutes(181),
        noticed_at=minutes(182),
        calls=list(calls),
    )


MAIL = ActionCall(key=f"{KEY}/email", action=Email(do="email", id="email", to=["a@example.com"], subject="soon"))
RAISE = ActionCall(
    key=f"{KEY}/field-update", action=FieldUpdate(do="field_update", id="field-update", field="priority", value="High")
)


@pytest.mark.parametrize("closed_at", [None, minutes(8)])
def test_the_opening_of_a_new_workflow_takes_the_place_of_any_run(store: Store, closed_at: datetime | None) -> None:
    """The old one was terminated in its third run, a moment ago; the late attempt of its own opening counts nothing."""
    began = datetime.now(UTC)
    store.cases.record(record(9, run=3, view={"closed_at": closed_at}))
    late = record(1, history=0, run_id="first", asked_at=began - timedelta(minutes=1))
    store.cases.record(late)
    assert store.cases.get("c-1").run_id == "run-9"
    anew = record(1, history=0, run_id="anew", asked_at=datetime.now(UTC) + timedelta(seconds=1))
    store.cases.record(anew)
    assert (store.cases.get("c-1").run_id, store.cases.get("c-1").view.closed_at) == ("anew", None)
    store.cases.record(record(2, run_id="anew"))
    assert store.cases.get("c-1").number == 2


def test_a_case_comes_back_as_it_was_recorded(store: Store) -> None:
    """The view survives the database exactly, instants aware."""
    given = record(3)
    store.cases.record(given)
    found = store.cases.get("c-1")
    assert found.view == given.view
    assert (found.number, found.run_id, found.account, found.entitlement) == (3, "run-3", "acme", "e-1")
    assert found.view.opened_at.tzinfo is not None
    assert found.carried == given.carried


def test_the_newest_record_counts(store: Store) -> None:
    """By run, then the length of its history, then number; what arrives late is old news and changes nothing."""
    store.cases.record(
        record(2, view={"milestones": [milestone(state=InstanceState.PAUSED)]}, notes=[note(1), note(2)])
    )
    for late in (record(1), record(9, history=1), record(9, run=0, history=99)):
        store.cases.record(late)
    assert store.cases.get("c-1").number == 2
    assert store.cases.get("c-1").view.milestones[0].state is InstanceState.PAUSED
    assert [n.number for n in store.cases.notes("c-1")] == [1, 2]
    store.cases.record(record(1, run=2, history=1))
    assert store.cases.get("c-1").view.milestones[0].state is InstanceState.RUNNING


def test_what_an_attempt_has_written_that_was_never_taken_is_replaced(store: Store) -> None:
    """Its notes, its instances and its triggers go; an action that was carried out stays on record."""
    key = "c-1/gold/first-response/2/warning-75-percent/1"
    mail = MAIL.model_copy(update={"key": f"{key}/email"})
    task = ActionCall(key=f"{key}/task", action=Task(do="task", id="task", subject="call"))
    attempt = fired(mail, task).model_copy(update={"occurrence": 2})
    firing = Firing(trigger="warning-75-percent", due_at=minutes(180), at=minutes(181))
    twice = {"milestones": [milestone(), milestone(occurrence=2, fired=[firing])]}
    store.cases.record(record(1, notes=[note(1)]))
    store.cases.record(record(2, history=10, view=twice, notes=[note(2, "never"), note(3, "never")], fired=[attempt]))
    store.actions.record_action_done(task.key)
    assert len(store.actions.of_case("c-1")) == 2
    store.cases.record(record(2, history=12, notes=[note(2, "so it was")]))
    assert [n.text for n in store.cases.notes("c-1")] == ["opened", "so it was"]
    assert [m.occurrence for m in store.cases.get("c-1").view.milestones] == [1]
    assert [(a.key, a.status) for a in store.actions.of_case("c-1")] == [(task.key, "done")]


def test_of_two_attempts_at_one_task_the_later_one_counts(store: Store) -> None:
    """An attempt after the first leaves no event in the history, so the next one has the same length. It was begun
    later; the one before it had written more, and goes on writing."""
    store.cases.record(record(1, notes=[note(1)]))
    lost = [record(n, history=10, began_at=minutes(2), notes=[note(n, "never")]) for n in (2, 3, 4)]
    for late in lost[:2]:
        store.cases.record(late)
    store.cases.record(record(2, history=10, began_at=minutes(3), notes=[note(2, "so it was")]))
    for late in lost:
        store.cases.record(late)
    assert [n.text for n in store.cases.notes("c-1")] == ["opened", "so it was"]
    assert store.cases.get("c-1").number == 2
    store.cases.record(record(3, history=10, began_at=minutes(3), notes=[note(3, "and this")]))
    assert [n.text for n in store.cases.notes("c-1")] == ["opened", "so it was", "and this"]


def test_attempts_of_a_build_that_does_not_say_when_they_began_count_by_their_number(store: Store) -> None:
    """An older build beside this one, before it and after it."""
    for number, began_at in ((1, None), (2, minutes(5)), (3, None), (4, minutes(4))):
        store.cases.record(record(number, history=10, began_at=began_at))
        assert store.cases.get("c-1").number == number
    for late, began_at in ((3, None), (3, minutes(3))):
        store.cases.record(record(late, history=10, began_at=began_at))
        assert store.cases.get("c-1").number == 4


def test_a_trigger_was_noticed_when_the_attempt_that_was_taken_noticed_it(store: Store) -> None:
    """An attempt that the server never took may have noticed it earlier."""
    firing = Firing(trigger="warning-75-percent", due_at=minutes(180), at=minutes(181))
    view = {"milestones": [milestone(fired=[firing])]}
    for history, noticed_at in ((10, minutes(182)), (12, minutes(190))):
        noticed = fired(MAIL).model_copy(update={"noticed_at": noticed_at})
        store.cases.record(record(2, history=history, view=view, fired=[noticed]))
    assert [action.noticed_at for action in store.actions.of_case("c-1")] == [minutes(190)]


def test_the_same_record_again_changes_nothing(store: Store) -> None:
    """A retried activity may bring a record twice."""
    given = record(
        1, notes=[note(1), note(2)], fired=[fired(MAIL, RAISE)], failures=[ActionFailure(key=MAIL.key, error="no")]
    )
    store.cases.record(given)
    before = (store.cases.get("c-1"), store.cases.notes("c-1"), store.actions.of_case("c-1"))
    store.cases.record(given)
    assert (store.cases.get("c-1"), store.cases.notes("c-1"), store.actions.of_case("c-1")) == before


def test_notes_come_back_in_order_and_without_nul(store: Store) -> None:
    """PostgreSQL takes no NUL in text; the note is kept on both, with the replacement character."""
    store.cases.record(record(1, notes=[note(2), note(1)]))
    first, second = store.cases.notes("c-1")
    assert (first.number, second.number) == (1, 2)
    assert first.at == minutes(1)
    assert first.by == "ann"
    assert first.reason == "a \N{REPLACEMENT CHARACTER} in it"
    assert store.cases.notes("nobody") == []


def test_notes_of_some_kinds_are_found(store: Store) -> None:
    """In the same order, without the others."""
    kinds = [NoteKind.TIME_LOGGED, NoteKind.REFUSED, NoteKind.TIME_REVERSED]
    notes = [note(number).model_copy(update={"kind": kind}) for number, kind in enumerate(kinds, 1)]
    store.cases.record(record(1, notes=notes))
    store.cases.record(record(1, case_id="c-2", notes=notes))
    found = store.cases.notes("c-1", (NoteKind.TIME_REVERSED, NoteKind.TIME_LOGGED))
    assert [(one.number, one.kind) for one in found] == [(1, NoteKind.TIME_LOGGED), (3, NoteKind.TIME_REVERSED)]
    assert [one.kind for one in store.cases.notes("c-1")] == kinds


def test_field_values_with_nul_are_kept(store: Store) -> None:
    """What a view holds is JSON, in which NUL is escaped."""
    store.cases.record(record(1, view={"fields": {"text": "a\0b", "é": "ü"}}))
    assert store.cases.get("c-1").view.fields == {"text": "a\0b", "é": "ü"}


def test_an_unknown_case_is_said_to_be_so(store: Store) -> None:
    """One clear message."""
    with pytest.raises(NotFound, match="unknown case 'c-9'"):
        store.cases.get("c-9")


def test_a_case_comes_with_what_another_run_goes_on_from(store: Store) -> None:
    """Of a closed case it is what a reopening takes up; of a running one what a preview tries a change on."""
    store.cases.record(record(5, carried=carried(records=5)))
    store.cases.record(record(6, view={"closed_at": minutes(6)}, carried=carried(records=6)))
    assert store.cases.get("c-1").carried == carried(records=6)


def test_milestones_are_rows_by_process_name_and_occurrence(store: Store) -> None:
    """Each instance once, as it stands now."""
    store.cases.record(record(1))
    missed = [Violation(violated_at=minutes(240), noticed_at=minutes(241))]
    instances = [
        milestone(violated=True, violations=missed, state=InstanceState.COMPLETED, completed_at=minutes(250)),
        milestone(occurrence=2),
        milestone(process="silver"),
    ]
    store.cases.record(record(2, view={"milestones": instances}))
    rows = store.cases.milestones("c-1")
    assert [(row.process, row.milestone, row.occurrence) for row in rows] == [
        ("gold", "First response", 1),
        ("gold", "First response", 2),
        ("silver", "First response", 1),
    ]
    assert rows[0].violations == missed


def test_cases_are_found_by_what_they_are(store: Store) -> None:
    """Each filter alone and together, the last opened first, so many at most."""
    for number in range(1, 5):
        view: dict[str, Any] = {"opened_at": minutes(number)}
        if number == 4:
            view |= {"closed_at": minutes(9), "status": MilestoneStatus.CLOSED_VIOLATION, "process": None}
        store.cases.record(record(1, case_id=f"c-{number}", account="acme" if number < 3 else "other", view=view))

    def ids(**filters: Any) -> list[str]:
        return [row.case_id for row in store.cases.rows(**filters)]

    assert ids() == ["c-4", "c-3", "c-2", "c-1"]
    assert ids(limit=2) == ["c-4", "c-3"]
    assert ids(account="acme") == ["c-2", "c-1"]
    assert ids(closed=True) == ids(status=MilestoneStatus.CLOSED_VIOLATION) == ["c-4"]
    assert ids(closed=False, account="other") == ["c-3"]
    assert ids(process="gold") == ["c-3", "c-2", "c-1"]
    assert ids(entitlement="e-2") == []
    assert ids(opened_from=minutes(2), opened_before=minutes(3)) == ["c-2"]


def test_instants_are_found_by_any_zone(store: Store) -> None:
    """An instant is the same, however its offset is written."""
    store.cases.record(record(1))
    there = T0.astimezone(timezone(timedelta(hours=-4)))
    assert [row.case_id for row in store.cases.rows(opened_from=there)] == ["c-1"]
    assert store.cases.rows(opened_before=there) == []


def test_an_ordered_action_waits_and_a_field_update_is_done(store: Store) -> None:
    """The timeline has carried out a field update by the time it tells of it."""
    store.cases.record(record(1, fired=[fired(MAIL, RAISE)]))
    mail, raised = store.actions.of_case("c-1")
    assert (mail.status, mail.action, mail.due_at, mail.at, mail.noticed_at) == (
        "ordered",
        MAIL.action,
        minutes(180),
        minutes(181),
        minutes(182),
    )
    assert (mail.milestone, mail.occurrence, mail.trigger, mail.kind, mail.firing) == (
        "First response",
        1,
        "warning-75-percent",
        TriggerKind.WARNING,
        1,
    )
    assert (raised.status, raised.done_at) == ("done", minutes(181))


def test_an_outcome_may_come_before_the_order(store: Store) -> None:
    """The action's own activity may be quicker than the record of its case."""
    store.actions.record_action_done(MAIL.key, at=minutes(182), result={"message": 1})
    assert [(a.status, a.action) for a in store.actions.of_case("c-1")] == [("done", None)]
    store.cases.record(record(1, fired=[fired(MAIL)]))
    found = store.actions.of_case("c-1")[0]
    assert (found.status, found.action, found.done_at, found.result) == (
        "done",
        MAIL.action,
        minutes(182),
        {"message": 1},
    )


def test_what_is_done_stays_done_and_what_failed_may_yet_be(store: Store) -> None:
    """A retry by hand after a failure; a failure that is told late."""
    store.actions.record_action_failed(MAIL.key, "mailbox full", at=minutes(1))
    failed = store.actions.of_case("c-1")[0]
    assert (failed.status, failed.error, failed.failed_at) == ("failed", "mailbox full", minutes(1))
    store.actions.record_action_done(MAIL.key, at=minutes(2))
    store.actions.record_action_failed(MAIL.key, "late news", at=minutes(3))
    store.actions.record_action_done(MAIL.key, at=minutes(4))
    store.cases.record(record(1, failures=[ActionFailure(key=MAIL.key, error="later news")]))
    done = store.actions.of_case("c-1")[0]
    assert (done.status, done.done_at, done.error) == ("done", minutes(2), None)


def test_a_failure_in_a_record_is_kept(store: Store) -> None:
    """With the time of the record."""
    store.cases.record(record(7, fired=[fired(MAIL)], failures=[ActionFailure(key=MAIL.key, error="refused")]))
    found = store.actions.of_case("c-1")[0]
    assert (found.status, found.error, found.failed_at) == ("failed", "refused", minutes(7))


def test_a_trigger_without_actions_is_recorded_too(store: Store) -> None:
    """Its key is made of the same parts."""
    store.cases.record(record(1, fired=[fired()]))
    store.cases.record(record(2, fired=[fired(MAIL)]))
    assert store.cases.triggers("c-1") == [KEY]


def test_mails_and_tasks_are_written_once_by_key(store: Store) -> None:
    """A retry writes no second one."""
    for body in ("first", "second"):
        new = store.actions.record_mail(
            "c-1/a", to=["x@example.com", "y@example.com"], subject="s", body=body, at=T0, due_at=T0
        )
        assert new is (body == "first")
        assert store.actions.record_task("c-1/b", subject="s", assign_to="desk", body=body, at=T0) is (body == "first")
    store.actions.record_mail("c-2/a", to=["x@example.com"], subject="s", body="", at=minutes(1))
    assert [(m.key, m.to, m.body, m.due_at) for m in store.actions.mails("c-1")] == [
        ("c-1/a", ["x@example.com", "y@example.com"], "first", T0)
    ]
    assert [m.key for m in store.actions.mails()] == ["c-1/a", "c-2/a"]
    assert [(t.key, t.assign_to, t.body, t.at) for t in store.tasks.find()] == [("c-1/b", "desk", "first", T0)]
    assert store.tasks.find("c-2") == []


def row(number: int, **fields: Any) -> LedgerRow:
    told = {
        "kind": "taken",
        "period": 0,
        "first_day": "2025-06-01",
        "used": 1,
        "amount": 1,
        "at": T0,
        "recorded_at": T0,
    }
    after = {"used_after": number, "overage_after": 0, "cap_after": 50, "balance_after": 50 - number}
    return LedgerRow.model_validate({"number": number, **told, **after, **fields})


def usage(
    *rows: LedgerRow,
    entitlement: str = "e-1",
    count: str = "run-1",
    account: str = "acme",
    unit: str = "cases",
    periods: Sequence[PeriodRecord] = (),
) -> UsageRecords:
    return UsageRecords(
        entitlement_id=entitlement, count=count, account=account, unit=unit, rows=list(rows), periods=list(periods)
    )


FIRST_PERIOD = PeriodRecord(
    number=1,
    period=0,
    first_day=date(2025, 6, 1),
    ended_at=T0,
    used=7,
    overage=0,
    cap=10,
    carried=0,
    unused=3,
    carried_over=3,
    overflows=0,
    again=False,
    ends_term=False,
)


def test_a_row_of_a_ledger_is_stored_once_by_its_number(store: Store) -> None:
    """And comes back as it was, in the order in which it was written."""
    rows = [row(1, reference="c-1", by="ann"), row(2, kind="override", price="85.00 EUR", reason="agreed")]
    assert store.ledgers.record(usage(*reversed(rows), rows[0])) == 2
    assert store.ledgers.record(usage(row(1, reference="another"))) == 0
    assert store.ledgers.record(usage()) == 0
    store.ledgers.record(usage(row(1), entitlement="e-2"))
    assert store.ledgers.rows("e-1") == rows
    assert store.ledgers.rows("e-3") == []
    assert store.ledgers.entitlements() == ["e-1", "e-2"]


def test_of_a_period_the_last_report_counts(store: Store) -> None:
    """Also when an older one comes after it."""
    first = FIRST_PERIOD
    last = first.model_copy(update={"number": 3, "used": 8, "unused": 2, "carried_over": 2, "again": True})
    other = first.model_copy(update={"number": 2, "period": 1, "cap": None, "unused": None})
    store.ledgers.record(usage(row(1), row(2), row(3), periods=[first, other, last]))
    store.ledgers.record(usage(periods=[first]))
    assert store.ledgers.periods("e-1") == [last, other]


def test_rows_and_periods_of_another_count_are_others(store: Store) -> None:
    """Whatever their numbers; the newest count is the one that has recorded last, in whatever order the rows arrive."""
    old = [row(number, reference=f"old-{number}") for number in (1, 2, 3)]
    new = [row(number, reference=f"new-{number}", recorded_at=minutes(1)) for number in (1, 2)]
    second = FIRST_PERIOD.model_copy(update={"number": 3, "period": 1})
    again = second.model_copy(update={"number": 1, "used": 2})
    assert store.ledgers.record(usage(*new, count="a-new", periods=[again])) == 2
    assert store.ledgers.record(usage(*old, count="the-old", periods=[FIRST_PERIOD, second])) == 3
    assert store.ledgers.counts("e-1") == ["the-old", "a-new"]
    assert store.ledgers.rows("e-1") == store.ledgers.rows("e-1", "a-new") == new
    assert store.ledgers.rows("e-1", "the-old") == old
    assert store.ledgers.periods("e-1") == [FIRST_PERIOD, again]
    assert store.ledgers.entitlements() == ["e-1"]
    assert store.ledgers.counts("e-3") == []
    assert store.ledgers.periods("e-3") == []


def hours(number: int, kind: str = "taken", **fields: Any) -> LedgerRow:
    """A row of the entry T-1 of case c-1."""
    return row(number, **{"kind": kind, "reference": "T-1", "case_id": "c-1", **fields})


def test_an_entry_is_found_whole_from_each_of_its_entitlements(store: Store) -> None:
    """Whosever they are; what has its id in another case, time or unit, or is no part of the work, is not of it."""
    bank = [hours(1, amount=60), hours(2, "overflow", amount=120)]
    reserve = [hours(2, amount=90), hours(3, "overage", amount=30)]
    no_parts = [
        hours(4, "override", amount=30),
        hours(5, "reversed", amount=-120),
        hours(6, reference="T-2"),
    ]
    other_reserve = row(1, reference="T-9", case_id="c-1")
    store.ledgers.record(usage(*bank, unit="hours"))
    store.ledgers.record(usage(other_reserve, *reserve, *no_parts, entitlement="e-2", account="parent", unit="hours"))
    store.ledgers.record(usage(hours(1, case_id="c-2"), entitlement="e-3", unit="hours"))
    store.ledgers.record(usage(hours(1, at=minutes(1)), entitlement="e-4", unit="hours"))
    store.ledgers.record(usage(hours(1, case_id=None), entitlement="e-5", unit="hours"))
    store.ledgers.record(usage(hours(1), entitlement="e-6", unit="visits"))
    assert (
        store.ledgers.entry_rows("e-1", "T-1")
        == store.ledgers.entry_rows("e-2", "T-1")
        == {"e-1": bank, "e-2": reserve}
    )
    assert list(store.ledgers.entry_rows("e-3", "T-1")) == ["e-3"]
    assert (
        store.ledgers.entry_rows("e-1", "T-2")
        == store.ledgers.entry_rows("e-6", "T-1")
        == store.ledgers.entry_rows("e-7", "T-1")
        == {}
    )


def test_an_entry_without_a_case_is_looked_for_in_its_account(store: Store) -> None:
    """Case and time tell the entries of a case apart; two accounts may well have worked at the same instant."""
    for entitlement, account in (("e-1", "acme"), ("e-2", "acme"), ("e-3", "globex")):
        news = usage(hours(1, case_id=None), entitlement=entitlement, account=account, unit="hours")
        store.ledgers.record(news)
    assert list(store.ledgers.entry_rows("e-1", "T-1")) == ["e-1", "e-2"]
    assert list(store.ledgers.entry_rows("e-3", "T-1")) == ["e-3"]


def test_of_an_entry_only_the_newest_counts_have_parts(store: Store) -> None:
    old, new = hours(1, amount=60), hours(1, amount=45, recorded_at=minutes(1))
    begun_anew = row(1, reference="another", recorded_at=minutes(1))
    store.ledgers.record(usage(old, unit="hours"))
    store.ledgers.record(usage(new, count="run-2", unit="hours"))
    store.ledgers.record(usage(old, entitlement="e-2", unit="hours"))
    store.ledgers.record(usage(begun_anew, entitlement="e-2", count="run-2", unit="hours"))
    assert store.ledgers.entry_rows("e-1", "T-1") == {"e-1": [new]}
    assert store.ledgers.entry_rows("e-2", "T-1") == {}


def test_of_an_entry_that_was_taken_again_after_it_was_forgotten_the_last_counts(store: Store) -> None:
    """It is what the count knows, and what would be undone."""
    again = hours(2, at=minutes(1), recorded_at=minutes(1))
    store.ledgers.record(usage(hours(1), again, unit="hours"))
    assert store.ledgers.entry_rows("e-1", "T-1") == {"e-1": [again]}


def test_what_has_taken_an_entry_of_a_case_is_found_whenever_it_was_worked(store: Store) -> None:
    """The first that was asked is the first; each with the time by which it was taken. Newest counts only."""
    asked_later = hours(1, recorded_at=minutes(1), at=minutes(-60))
    store.ledgers.record(usage(asked_later, entitlement="e-1", account="parent", unit="hours"))
    store.ledgers.record(usage(hours(4, "overflow"), hours(5, "overage"), entitlement="e-2", unit="hours"))
    store.ledgers.record(usage(hours(1, case_id="c-2"), entitlement="e-3", unit="hours"))
    store.ledgers.record(usage(hours(1, reference="T-2"), entitlement="e-4", unit="hours"))
    store.ledgers.record(usage(hours(1), entitlement="e-5", unit="visits"))
    store.ledgers.record(usage(hours(1, "reversed"), entitlement="e-6", unit="hours"))
    store.ledgers.record(usage(hours(1), entitlement="e-7", unit="hours"))
    begun_anew = row(1, reference="another", recorded_at=minutes(1))
    store.ledgers.record(usage(begun_anew, entitlement="e-7", count="run-2", unit="hours"))
    assert list(store.ledgers.entry_takers("T-1", "c-1").items()) == [("e-2", T0), ("e-1", minutes(-60))]
    assert store.ledgers.entry_takers("T-1", "c-9") == {}


def test_what_has_taken_a_visit_is_found_in_its_account(store: Store) -> None:
    """Of the same unit, also beyond the cap; what had not enough left took nothing. Newest counts only."""

    def visit(number: int, kind: str = "taken", **fields: Any) -> LedgerRow:
        return row(number, **{"kind": kind, "reference": "V-1", **fields})

    store.ledgers.record(usage(visit(1, recorded_at=minutes(1)), entitlement="e-1", unit="visits"))
    store.ledgers.record(usage(visit(1, "override", case_id="c-1"), entitlement="e-2", unit="visits"))
    store.ledgers.record(usage(visit(1), entitlement="e-3", unit="visits", account="globex"))
    store.ledgers.record(usage(visit(1), entitlement="e-4", unit="lessons"))
    store.ledgers.record(usage(visit(1, "overflow"), entitlement="e-5", unit="visits"))
    store.ledgers.record(usage(visit(1, reference="V-2"), entitlement="e-6", unit="visits"))
    store.ledgers.record(usage(visit(1), entitlement="e-7", unit="visits"))
    begun_anew = row(1, reference="another", recorded_at=minutes(1))
    store.ledgers.record(usage(begun_anew, entitlement="e-7", count="run-2", unit="visits"))
    assert store.ledgers.takers("V-1", account="acme", unit="visits") == ["e-2", "e-1"]


def test_an_entry_is_found_by_an_index(store: Store, kind: str) -> None:
    """However long the ledger is, and however many cases have entries of that id: no plan reads the whole."""
    told = {"account": "acme", "unit": "hours", "count": "run-1"}
    entries = [hours(n, reference=f"T-{n}").model_dump() for n in range(1, 21)]
    with store._database.write() as connection:
        rows = [
            {**told, **entry, "entitlement": f"e-{n}", "case_id": f"c-{n}"} for n in range(500) for entry in entries
        ]
        connection.execute(tables.ledger.insert(), rows)
        if kind == "postgresql":  # which does so by itself after a while
            connection.execute(text("ANALYZE"))
    plans: list[list[str]] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked = "EXPLAIN" if kind == "postgresql" else "EXPLAIN QUERY PLAN"
        driver = connection.connection.driver_connection
        plans.append([str(line) for line in driver.execute(f"{asked} {statement}", parameters)])

    engine = store._database._engine
    event.listen(engine, "before_cursor_execute", explain)
    assert list(store.ledgers.entry_rows("e-7", "T-7")) == ["e-7"]
    assert list(store.ledgers.entry_takers("T-7", "c-7")) == ["e-7"]
    assert store.ledgers.takers("T-7", account="acme", unit="visits") == []
    event.remove(engine, "before_cursor_execute", explain)
    assert not [line for plan in plans for line in plan if "SCAN" in line or "Seq Scan" in line], plans
    assert [plan for plan in plans if "ix_ledger_reference_case_id_at" in str(plan)], plans


def test_a_ledger_from_before_counts_were_told_apart_is_kept_by_the_migration(store: Store) -> None:
    """Its rows are those of a count without a name."""
    rows = [row(1), row(2, kind="adjusted", by="ann")]
    store.ledgers.record(usage(*rows, periods=[FIRST_PERIOD]))
    with store._database.write() as connection:
        config = Config()
        config.set_main_option("script_location", "store:migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
        command.upgrade(config, "head")
    assert store.ledgers.counts("e-1") == [""]
    assert (store.ledgers.rows("e-1"), store.ledgers.periods("e-1")) == (rows, [FIRST_PERIOD])
    new = row(1, recorded_at=minutes(1))
    assert store.ledgers.record(usage(new)) == 1
    assert (store.ledgers.counts("e-1"), store.ledgers.rows("e-1")) == (["", "run-1"], [new])


def test_mails_from_before_html_are_kept_by_the_migration(store: Store) -> None:
    """They are plain, with nothing to remark."""
    store.actions.record_mail("c-1/x", ["a@b.example"], "Due", "Soon.", T0, answer="250 taken")
    kept = store.actions.mails("c-1")
    with store._database.write() as connection:
        config = Config()
        config.set_main_option("script_location", "store:migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "0008")
        command.upgrade(config, "head")
    assert store.actions.mails("c-1") == kept
    assert (kept[0].html, kept[0].remark) == (None, None)
    assert (store.catalog.person("ann"), store.catalog.team("Desk")) == (None, [])


def test_values_go_through_json(store: Store) -> None:
    """What the store gives back can be sent on as JSON."""
    store.cases.record(record(1, fired=[fired(MAIL)], notes=[note(1)]))
    for value in (store.cases.get("c-1"), *store.actions.of_case("c-1"), *store.cases.rows()):
        assert type(value).model_validate(json.loads(value.model_dump_json())) == value
