"""The Temporal UI names a case by both of its ids, where it has two: when it is opened, and taken up again."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import clients.cases
from activities.planning import Planner
from clients.cases import MilepostClient
from clients.showing import case_details, case_summary
from domain.errors import MilepostError
from domain.ids import case_id_of
from domain.messages.cases import CaseIntake
from starters.operations.cases import CaseDesk
from store import Store
from tests.recorded import RecordedCase

FOREIGN = "INC/2026/1"
OURS = case_id_of(FOREIGN)
AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
MOST_SUMMARY_BYTES = 400
"""That the server takes; of details 20,000."""


class Sent(MilepostError):
    """Stands for all that follows once something was sent."""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The summary and the details of workflows that are started, in place of a server that starts them."""
    started: list[tuple[str, str]] = []

    async def nobody(*_: object) -> None:
        return None

    async def send(_: object, __: str, ___: str, start: Callable[[], object], *____: str) -> None:
        start()
        raise Sent

    def starts(*_: object, static_summary: str, static_details: str, **__: object) -> None:
        started.append((static_summary, static_details))

    monkeypatch.setattr(MilepostClient, "_described", nobody)
    monkeypatch.setattr(MilepostClient, "_start", send)
    monkeypatch.setattr(clients.cases, "WithStartWorkflowOperation", starts)
    return started


async def test_a_case_is_named_by_both_of_its_ids_in_the_ui(shown: list[tuple[str, str]]) -> None:
    milepost = MilepostClient(None)  # type: ignore[arg-type]
    for intake in (CaseIntake(case_id=OURS, external_id=FOREIGN), CaseIntake(case_id="4711")):
        with pytest.raises(Sent):
            await milepost.open(intake)
    [(summary, details), (plain, nothing_more)] = shown
    assert (summary, plain) == (f"Case INC~2F2026~2F1 ({FOREIGN})", "Case 4711")
    assert details.startswith(f"A support case, which another system calls {FOREIGN}. Its timeline is under")
    assert nothing_more.startswith("A support case. Its timeline is under")


async def test_a_case_that_is_taken_up_again_is_named_likewise(shown: list[tuple[str, str]], tmp_path: Path) -> None:
    """By whoever asks: the store knows the id of another system."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        for case, foreign in ((OURS, FOREIGN), ("4711", None)):
            plan = Planner(store).plan(CaseIntake(case_id=case), AT, entitlement=None, account=None)
            RecordedCase(store, plan, case, {}, AT, external_id=foreign)

        async def ask(question: Callable[[Store], Any]) -> Any:
            return question(store)

        desk = CaseDesk(MilepostClient(None), ask)  # type: ignore[arg-type]
        for case in (OURS, "4711"):
            with pytest.raises(Sent):
                await desk.reopen(case, occurred_at=AT)
    assert [summary for summary, _ in shown] == [f"Case {OURS} ({FOREIGN}), reopened", "Case 4711, reopened"]
    assert [FOREIGN in details for _, details in shown] == [True, False]


def test_a_long_foreign_id_fits_into_what_the_server_takes() -> None:
    """Its beginning in the summary, in one line; all of it in the details."""
    foreign = "é\n" + "💩" * 998
    summary = f"{case_summary(case_id_of(foreign), foreign)}, reopened"
    assert len(summary.encode()) <= MOST_SUMMARY_BYTES
    assert "(é 💩💩" in summary
    assert summary.isprintable()
    assert "💩" * 998 in case_details(foreign)
