"""What another system calls a case stands beside its id where its actions, mails and messages are listed."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.ids import case_id_of
from domain.process import EntitlementProcess
from domain.timeline.plan import Plan
from starters.terminal.actions import failed_lines
from store import Store, tables
from tests.domain.timeline.test_model import calendars
from tests.recorded import RecordedCase

T0 = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
FOREIGN = "INC/2024/001"
OURS = case_id_of(FOREIGN)
PROCESS = {
    "name": "P",
    "milestones": [
        {
            "name": "M",
            "within": "1h",
            "triggers": [{"kind": "violation", "actions": [{"do": "task", "subject": "late"}]}],
        }
    ],
}


@pytest.fixture
def filled(store: Store) -> Store:
    """Two cases, one of a foreign id, with an action that failed and a mail that waits each."""
    plan = Plan(
        process=EntitlementProcess.model_validate(PROCESS), business_hours="always", calendars=calendars(), fields={}
    )
    for case_id, foreign in ((OURS, FOREIGN), ("4711", None)):
        RecordedCase(store, plan, case_id, {}, T0, external_id=foreign).advance(T0 + timedelta(hours=2))
        [action] = store.actions.of_case(case_id)
        store.actions.record_action_failed(action.key, "no such host")
        store.deliveries.begin_delivery(action.key, "email", "desk", T0)
    return store


def test_an_action_names_its_case_as_another_system_does(filled: Store) -> None:
    """In every list of actions; one of a case without such an id is written as before."""
    failed = filled.actions.failed()
    assert {one.case_id: one.external_id for one in failed} == {OURS: FOREIGN, "4711": None}
    assert [one.external_id for one in filled.actions.of_case(OURS)] == [FOREIGN]
    lines = failed_lines(failed, UTC, {})
    assert any(f"case {OURS} ({FOREIGN}): no such host" in line for line in lines)
    assert any("case 4711: no such host" in line for line in lines)
    [plain] = [one for one in failed if one.case_id == "4711"]
    assert "external_id" not in plain.model_dump(mode="json")


def test_an_action_of_an_entitlement_is_of_no_case(filled: Store) -> None:
    """Even of one that has the id of a case."""
    key = f"{OURS}/usage/1/threshold/1/task"
    with filled._database.write() as connection:
        columns = {"key": key, "case_id": OURS, "status": "failed", "entitlement": OURS}
        connection.execute(tables.actions.insert().values(columns))
    assert [one.external_id for one in filled.actions.failed() if one.entitlement] == [None]


def test_what_goes_out_names_its_case_as_another_system_does(filled: Store) -> None:
    found = filled.outbox.newest(limit=9)
    assert {one.case_id: one.external_id for one in found} == {OURS: FOREIGN, "4711": None}
