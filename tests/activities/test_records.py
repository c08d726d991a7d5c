"""Records of several cases share a transaction; those that come before their time are tried again."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.recording import Recording
from activities.records import BRIDGES_AT, Records
from domain.messages.steps import CaseRecord
from store import Store
from store.cases.feed import FeedGap
from tests.feeds import Recorded


async def test_a_gap_is_waited_for_and_then_bridged(tmp_path: Path) -> None:
    """The first attempts are refused; after two minutes a snapshot takes the place of events that never come."""
    case = Recorded("c-1")
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.cases.record(case.remarks("one"))
        case.remarks("lost with a restore")
        early = case.remarks("next")
        records, environment = Records(store, Recording(store)), ActivityEnvironment()
        for attempt in (1, BRIDGES_AT - 1):
            environment.info = replace(environment.info, attempt=attempt)
            with pytest.raises(FeedGap):
                await environment.run(records.record_case, early)
        environment.info = replace(environment.info, attempt=BRIDGES_AT)
        await environment.run(records.record_case, early)
        found = store.feed.read().events
        assert [one.sequence for one in found] == [1, 2, 3, 4]
        assert [one.type for one in found][2:] == ["milepost.case.snapshot.v1", "milepost.case.news_refused.v1"]


async def test_what_several_cases_record_at_once_is_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer comes when its own record is stored, or could not be."""
    cases = [Recorded(f"c-{number}") for number in range(5)]
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        for case in cases:
            store.cases.record(case.remarks("one"))
        early = Recorded("late")
        early.remarks("that is on its way yet")
        records, environment = Records(store, Recording(store)), ActivityEnvironment()
        environment.info = replace(environment.info, is_local=True)
        together: list[int] = []
        write = store.cases.record_all

        def counted(some: Sequence[CaseRecord], **how: Any) -> Any:
            together.append(len(some))
            return write(some, **how)

        monkeypatch.setattr(store.cases, "record_all", counted)
        asked = [*(case.remarks("two") for case in cases), early.remarks("too early")]
        said = await asyncio.gather(
            *(environment.run(records.record_case, record) for record in asked), return_exceptions=True
        )
        assert together == [6]
        assert said[:5] == [0] * 5
        assert isinstance(said[5], ApplicationError)
        assert said[5].type == "StoreBusy"
        assert [store.cases.get(case.timeline.state.case_id).number for case in cases] == [2] * 5


async def test_two_records_of_a_case_are_written_one_after_the_other(tmp_path: Path) -> None:
    """Never in one transaction: the second is written by what the first has left."""
    case = Recorded("c-1")
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        records, environment = Records(store, Recording(store)), ActivityEnvironment()
        environment.info = replace(environment.info, is_local=True)
        asked = [case.remarks("one"), case.remarks("two"), case.remarks("three")]
        await asyncio.gather(*(environment.run(records.record_case, record) for record in asked))
        assert store.cases.get("c-1").number == 3
        assert [event.sequence for event in store.feed.read().events] == [1, 2, 3, 4]
