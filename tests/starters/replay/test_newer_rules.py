"""The durable run of rules that no sample log has, held against the pure one: instance by instance."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from domain.messages.cases import CaseIntake
from domain.timeline.events import CaseClosed, CaseReopened, FieldsChanged
from domain.timeline.views import MilestoneView
from starters.backtest.pure_run import plan_for
from starters.files.catalogs import apply_files, read_catalog
from starters.logs.events import LoggedCase
from starters.logs.stories import LogEvent
from starters.replay.comparison import compare
from starters.replay.running import Replay, Replayed
from store import Store
from tests.support import unique
from worker.process import working

OPENED = datetime(2025, 6, 9, 9, tzinfo=UTC)
"""A Monday."""

CATALOG = """
organisation: {name: Example Support, time_zone: UTC, business_hours: Office, process: Newer}
fields: {state: string, priority: string, group: string, reminded: boolean}
business_hours:
  - name: Office
    time_zone: UTC
    week: {mon: ["09:00-17:00"], tue: ["09:00-17:00"], wed: ["09:00-17:00"], thu: ["09:00-17:00"], fri: ["09:00-17:00"]}
  - {name: Always, week: always}
processes:
  - name: Newer
    milestones:
      - name: Stay
        starts: criteria
        restart_on: [group]
        within: 2h
        complete_when: case.state == "Resolved"
        triggers: [{kind: violation, at: 0, actions: [{do: task, subject: "{{ case.group }} is late"}]}]
      - name: Solved
        within: 8h
        complete_when: case.state == "Resolved"
        when_undone: resume
        triggers:
          - {kind: warning, at: 1h, rearm: true, actions: [{do: task, subject: soon}]}
          - {kind: success, rearm: true, actions: [{do: task, subject: solved}]}
      - name: Part
        when: case.priority == "High"
        starts: criteria
        within: 1bd 16:00
        cutoff: "14:00"
        complete_when: case.state == "Resolved"
      - name: Reminder
        when: case.state == "Waiting"
        starts: criteria
        within: 3h
        promise: false
        triggers: [{kind: violation, at: 0, actions: [{do: field_update, field: reminded, value: true}]}]
      - name: Carried
        on_change: carry
        within: [{when: case.priority == "High", span: 4h, business_hours: Always}, {span: 16h}]
        complete_when: case.state == "Resolved"
"""

_Story = list[tuple[float, dict[str, Any] | str]]

STORIES: dict[str, _Story] = {
    "handed over in time and late, then solved": [
        (1, {"group": "network"}),
        (4.5, {"group": "database"}),
        (6, {"state": "Resolved"}),
        (7, "close"),
    ],
    "refused twice": [
        (2, {"state": "Resolved"}),
        (25, {"state": "Open"}),
        (26, {"state": "Resolved", "group": "network"}),
        (49, {"state": "Open", "group": "desk"}),
        (74, {"state": "Resolved"}),
        (75, "close"),
    ],
    "urgent after the cutoff, its fraction carried over and back": [
        (5.5, {"priority": "High"}),
        (7, {"priority": "Low"}),
        (24, {"priority": "High"}),
        (50, {"state": "Resolved"}),
        (51, "close"),
    ],
    "waiting until it is brought to mind": [
        (1, {"state": "Waiting"}),
        (5, {"state": "Open"}),
        (5, {"state": "Waiting", "group": "network"}),
        (31, {"state": "Open"}),
        (32, "close"),
    ],
    "closed unsolved, reopened with another group": [
        (1, {"state": "Resolved"}),
        (2, "close"),
        (50, {"state": "Open", "group": "network"}),
        (53, {"priority": "High"}),
        (80, {"state": "Resolved"}),
        (81, "close"),
    ],
}
"""What happens to a case, so many hours after its opening. Fields after a closing come with its reopening."""


def told(story: _Story) -> LoggedCase:
    case_id, events, closed = unique("n"), list[LogEvent](), False
    for number, (hours, what) in enumerate(story):
        happened: dict[str, Any] = {
            "event_id": f"{case_id}/{number}",
            "occurred_at": OPENED + timedelta(hours=hours),
        }
        if isinstance(what, str):
            events.append(CaseClosed(**happened))
        elif closed:
            events.append(CaseReopened(**happened, fields=what))
        else:
            events.append(FieldsChanged(**happened, fields=what))
        closed = what == "close"
    fields = {"state": "New", "priority": "Low", "group": "desk", "reminded": False}
    return LoggedCase(CaseIntake(case_id=case_id, fields=fields, opened_at=OPENED), OPENED, tuple(events))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    catalog = tmp_path / "newer.yaml"
    catalog.write_text(CATALOG, encoding="utf-8")
    return catalog


@pytest.fixture
def store(tmp_path: Path, path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        apply_files(opened, [path], by="test")
        yield opened


def runs(one: Replayed, name: str) -> list[MilestoneView]:
    return [milestone for milestone in one.view.milestones if milestone.milestone == name]


async def test_newer_rules_run_durably_as_they_do_purely(client: Client, store: Store, path: Path) -> None:
    """Handing over, taking back, cutoffs, carrying, reminders: equal in every instance and action; all of it occurs."""
    task_queue, cases = unique("queue"), [told(story) for story in STORIES.values()]
    async with working(client, store, task_queue=task_queue):
        replay = Replay(client, task_queue=task_queue, stored=lambda case_id: store.cases.get(case_id).carried)
        replayed = await replay.run(cases)
    done = {one.case_id: {a.key for a in store.actions.of_case(one.case_id) if a.status == "done"} for one in cases}
    plan = plan_for(read_catalog([path]), cases)
    assert [line for one in compare(replayed, plan, done) for line in one.differences] == []
    handed, refused, urgent, waiting, reopened = replayed
    assert [(m.handed_over, m.violated, m.ran_under["group"]) for m in runs(handed, "Stay")] == [
        (True, False, "desk"),
        (True, True, "network"),
        (False, False, "database"),
    ]
    assert [pause.causes for pause in runs(refused, "Solved")[0].pauses][:2] == [("completed",)] * 2
    assert f"{runs(urgent, 'Part')[0].target_at:%a %H:%M}" == "Wed 16:00"
    assert (waiting.view.fields["reminded"], waiting.view.status) == (True, "closed violation")
    assert not any(m.violated for m in runs(waiting, "Reminder"))
    assert [m.ran_under["group"] for m in runs(reopened, "Stay")] == ["desk", "network"]
