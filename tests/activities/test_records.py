"""Records that come before their time are tried again, until what is missing is taken for lost."""

from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.records import BRIDGES_AT, Records
from store import Store
from store.feed import FeedGap
from tests.feeds import Recorded


async def test_a_gap_is_waited_for_and_then_bridged(tmp_path: Path) -> None:
    """The first attempts are refused; after two minutes a snapshot takes the place of events that never come."""
    case = Recorded("c-1")
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.cases.record(case.remarks("one"))
        case.remarks("lost with a restore")
        early = case.remarks("next")
        records, environment = Records(store), ActivityEnvironment()
        for attempt in (1, BRIDGES_AT - 1):
            environment.info = replace(environment.info, attempt=attempt)
            with pytest.raises(FeedGap):
                await environment.run(records.record_case, early)
        environment.info = replace(environment.info, attempt=BRIDGES_AT)
        await environment.run(records.record_case, early)
        found = store.feed.read().events
        assert [one.sequence for one in found] == [1, 2, 3, 4]
        assert [one.type for one in found][2:] == ["milepost.case.snapshot.v1", "milepost.case.news_refused.v1"]
