"""What a run leaves to the next one: larger than any message may be, and never more than the server takes."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from domain.bounds import MOST_MESSAGE_BYTES
from domain.messages.case_state import ActionOrder, CaseState
from domain.messages.cases import CaseIntake
from domain.messages.migrations import CarriedMigration, CaseFailure, MigrationOrder, MigrationTally, Versions
from domain.timeline.effects import NoteKind
from domain.usage.machine import Usage
from domain.usage.requests import CarriedUsage, EntitlementStart, EntitlementTerms, Outbox
from tests.support import assert_eventually
from tests.usage import NOON, RememberingStore, consumption, counting, terms
from tests.workflows.case.test_state import AT, full_state
from tests.workflows.entitlement.test_entitlement import start, take
from workflows.case import recorder
from workflows.case.actions import CARRIES_WHAT_FITS, MOST_FAILED_BYTES, Actions
from workflows.case.opening import read_intake, take_up
from workflows.case.running import RunningCase
from workflows.entitlement.start import read_start
from workflows.migration.workflow import MigrationWorkflow

LONG = "x" * 900


def run_of(monkeypatch: pytest.MonkeyPatch, workflow_id: str, *, is_continued: bool) -> None:
    """Have the code of a workflow believe that it runs."""
    info = SimpleNamespace(
        workflow_id=workflow_id,
        continued_run_id="before" if is_continued else None,
        run_id="0123456789",
        get_current_history_length=lambda: 3,
    )
    monkeypatch.setattr(workflow, "info", lambda: info)
    monkeypatch.setattr(workflow, "now", lambda: AT)
    monkeypatch.setattr(workflow, "patched", lambda _: True)


def large_state(orders: int) -> CaseState:
    """The state of a case with actions that are not done, each with a text of 32 KB for its templates."""
    state = full_state()
    context = {"case": {"note": "x" * 32_000}}
    return state.model_copy(
        update={"orders": [state.orders[0].model_copy(update={"context": context}) for _ in range(orders)]}
    )


def wire(value: Any) -> Any:
    """As a workflow gets it, with how many bytes it has."""
    return value.model_dump(mode="json")


def test_a_case_takes_up_more_than_a_message_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a megabyte of actions on their way; the same from outside is refused."""
    intake = CaseIntake(case_id="c", carried=large_state(16))
    assert len(intake.model_dump_json()) > MOST_MESSAGE_BYTES
    run_of(monkeypatch, "case/c", is_continued=True)
    read, refusal = read_intake([wire(intake)])
    assert refusal is None
    assert read.carried is not None
    case = RunningCase(read)
    take_up(case, read.carried)
    assert len(case.carried().orders) == 16
    run_of(monkeypatch, "case/c", is_continued=False)
    read, refusal = read_intake([{**wire(intake), "fields": {"note": "x" * MOST_MESSAGE_BYTES}}])
    assert refusal is not None


def test_an_entitlement_takes_up_thirty_thousand_cases() -> None:
    """What it remembers of them is more than a message may have."""
    of = terms(cap=None)
    usage = Usage.begin(of, NOON)
    for number in range(30_000):
        usage.take(consumption(f"C{number}"), NOON)
    carried = EntitlementStart(
        entitlement_id=of.entitlement_id, terms=of, carried=CarriedUsage(state=usage.state, outbox=Outbox())
    )
    assert len(carried.model_dump_json()) > MOST_MESSAGE_BYTES
    taken_up = read_start((wire(carried),), is_continued=True)
    assert taken_up.carried is not None
    assert taken_up.carried.state == usage.state


def test_a_migration_goes_on_however_many_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run takes up what it is given, and lists no more failures than a new start may have."""
    failures = [CaseFailure(case_id=f"case-{n}", error=LONG[:300]) for n in range(1000)]
    carried = CarriedMigration(goals=Versions(), total=5000, tally=MigrationTally(refused=1000, failures=failures))
    order = MigrationOrder(migration_id="m", carried=carried)
    assert len(order.model_dump_json()) > MOST_MESSAGE_BYTES
    run_of(monkeypatch, "migration/m", is_continued=True)
    monkeypatch.setattr(workflow, "set_current_details", lambda _details: None)
    batch = MigrationWorkflow(wire(order))
    assert batch.refusal is None
    assert batch.tally.refused == 1000
    fresh = MigrationWorkflow(wire(order.model_copy(update={"carried": None})))
    for number in range(1000):
        fresh._count("refused", f"case-{number}", LONG)
    assert fresh.tally.refused == 1000
    assert 300 < len(fresh.tally.failures) < 500
    assert len(fresh.tally.model_dump_json()) < MOST_MESSAGE_BYTES


# --- and never too much ---


def test_a_case_carries_no_more_than_the_server_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """With so much that the store has not been told, a case goes on in its run."""
    run_of(monkeypatch, "case/c", is_continued=False)
    case = RunningCase(CaseIntake(case_id="c"))
    take_up(case, large_state(16))
    assert case.fits
    case.kept.orders.extend(large_state(50).orders)
    assert not case.fits


@pytest.mark.parametrize(("orders", "asked", "goes_on"), [(15, 0, True), (40, 1, True), (70, 0, False)])
def test_actions_that_are_not_done_are_carried_as_long_as_all_fits(
    monkeypatch: pytest.MonkeyPatch,
    orders: int,
    asked: int,
    goes_on: bool,  # noqa: FBT001
) -> None:
    """Nobody may take them for days. A run of before stays where it has over half a megabyte of them."""
    run_of(monkeypatch, "case/c", is_continued=True)
    case, nobody = RunningCase(CaseIntake(case_id="c")), SimpleNamespace()
    take_up(case, large_state(orders))
    actions = Actions(case, nobody)  # type: ignore[arg-type]  # nothing is told
    actions.pause()
    actions.resume(is_continued=True)
    patches: list[str] = []

    def is_new(patch: str) -> bool:
        patches.append(patch)
        return True

    monkeypatch.setattr(workflow, "patched", is_new)
    assert actions.can_be_carried == goes_on
    assert patches == [CARRIES_WHAT_FITS] * asked
    monkeypatch.setattr(workflow, "patched", lambda _: False)
    assert actions.can_be_carried == (goes_on and not asked)


def test_failed_actions_are_kept_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest, up to half a megabyte: an older one can no longer be retried."""
    run_of(monkeypatch, "case/c", is_continued=False)
    case = RunningCase(CaseIntake(case_id="c"))
    take_up(case, large_state(0))
    case.kept.failed.clear()
    told: list[str] = []
    teller: Any = SimpleNamespace(tell_failure=lambda failure: told.append(failure.key))
    actions = Actions(case, teller)
    [order] = large_state(1).orders
    for number in range(40):
        actions._give_up(_named(order, f"k{number}"), "no such address")
    kept = list(case.kept.failed)
    assert kept == [f"k{number}" for number in range(40 - len(kept), 40)]
    assert sum(len(one.model_dump_json()) for one in case.kept.failed.values()) <= MOST_FAILED_BYTES
    assert len(kept) == 16
    assert len(told) == 40


def _named(order: ActionOrder, key: str) -> ActionOrder:
    return order.model_copy(update={"call": order.call.model_copy(update={"key": key})})


def test_a_record_is_cut_by_count_and_by_size() -> None:
    """Notes of a kilobyte: two hundred; of many: as many as come to half a megabyte, and at least one."""
    [note, *_] = full_state().unrecorded
    assert note.kind is not NoteKind.REFUSED
    short = [note.model_copy(update={"text": "x"})] * 300
    long = [note.model_copy(update={"text": "x" * 100_000})] * 300
    assert len(recorder._first(short)) == recorder.MOST_EFFECTS
    assert len(recorder._first(long)) == 5
    assert len(recorder._first([note.model_copy(update={"text": "x" * 10**6})])) == 1


async def told_little(client: Client, task_queue: str, store: RememberingStore, of: EntitlementTerms) -> Any:
    """An entitlement with 200 KB of rows that its store has not confirmed, of which a new run was to take over."""
    store.down = True
    entitlement = await start(client, task_queue, of)
    for part in "ab":
        await take(entitlement, *(consumption(f"{part}{n}", by=LONG) for n in range(150)))
    return entitlement


@pytest.mark.parametrize(("most", "goes_on"), [(1_900_000, True), (100_000, False)])
async def test_a_lagging_store_loses_no_row_at_a_new_run(
    client: Client,
    task_queue: str,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    goes_on: bool,  # noqa: FBT001
) -> None:
    """What the next run can be given goes with it, and is more than a message may have; what is more is awaited."""
    monkeypatch.setattr("domain.usage.requests.MOST_UPDATES_A_RUN", 2)
    monkeypatch.setattr("workflows.entitlement.running.MOST_CARRIED_BYTES", most)
    store = RememberingStore()
    async with counting(client, task_queue, store):
        entitlement = await told_little(client, task_queue, store, terms(cap=None))
        first = (await entitlement.describe()).run_id

        async def is_new() -> None:
            assert (await client.get_workflow_handle(entitlement.id).describe()).run_id != first

        if goes_on:
            await assert_eventually(is_new)
        else:
            await take(entitlement, consumption("one more"))
            assert (await entitlement.describe()).run_id == first
        store.down = False
        await assert_eventually(is_new)

        async def all_are_told() -> None:
            assert len(store.rows) == 300 + (not goes_on)

        await assert_eventually(all_are_told)


async def test_so_many_actions_of_an_entitlement_are_under_way(client: Client, task_queue: str) -> None:
    """Of 150 mails at once a hundred; the others follow as those come back, and each is sent once."""
    mail = {"do": "email", "to": "am@example.com", "subject": "{{ usage.used }}"}
    thresholds = [{"at": at, "actions": [mail]} for at in range(1, 151)]
    store = RememberingStore()
    async with counting(client, task_queue, store):
        entitlement = await start(client, task_queue, terms(cap=1000, thresholds=thresholds))
        await take(entitlement, consumption("C1", amount=150))

        async def all_are_sent() -> None:
            assert len(store.mails) == 150

        await assert_eventually(all_are_sent, within=timedelta(seconds=60).total_seconds())
        history = await entitlement.fetch_history()
    most = under_way = 0
    for event in history.events:
        scheduled = event.activity_task_scheduled_event_attributes
        acts = event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        under_way += acts and scheduled.activity_type.name == "perform_usage_action"
        most = max(most, under_way)
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            begun = history.events[event.activity_task_completed_event_attributes.scheduled_event_id - 1]
            name = begun.activity_task_scheduled_event_attributes.activity_type.name
            under_way -= name == "perform_usage_action"
    assert most == 100
