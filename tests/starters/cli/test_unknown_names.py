"""What narrows a list down and is known to nobody is refused: it would look as if there were nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.planning import Planner
from domain.messages.cases import CaseIntake
from store import Store
from tests.recorded import RecordedCase
from tests.starters.command_line import milepost
from tests.starters.stored_case import store_a_case

CATALOG = """
fields: {priority: {type: string, values: [Critical, Low]}, desk: string}
organisation: {process: Support}
processes: [{name: Support, milestones: [{name: First response, within: 4h}]}]
accounts: [{id: acme}, {id: globex}]
entitlements: [{id: gold, account: globex, process: Support, starts_on: 2026-01-01, ends_on: 2035-12-31}]
intake:
  - id: desk
    signature: {scheme: header, header: X-Key, secrets: [{env: DESK}]}
    delivery_header: X-Id
    case: payload.id
"""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with a case of acme, found by the environment."""
    store_a_case(tmp_path, monkeypatch, CATALOG, hours_ago=1)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["list", "--account", "acm"], "unknown account 'acm'; did you mean 'acme'?"),
        (["list", "--account", "acm", "--json"], "unknown account 'acm'"),
        (["list", "--priority", "critical"], "no case can have the priority 'critical'; did you mean 'Critical'?"),
        (["list", "--owner", "ann"], "cases have no field 'owner'; there are desk, priority"),
        (["tasks", "--account", "acm"], "unknown account 'acm'"),
        (["tasks", "--case", "INC2"], "there is no case and no entitlement 'INC2'"),
        (["outbox", "--case", "INC2"], "there is no case and no entitlement 'INC2'"),
        (["outbox", "--kind", "mail"], "unknown kind 'mail'; did you mean 'email'?"),
        (["actions", "--failed", "--kind", "mail"], "unknown kind 'mail'"),
        (["retry", "--kind", "mail"], "unknown kind 'mail'"),
        (["entitlements", "--account", "acm"], "unknown account 'acm'"),
        (["links", "list", "--account", "acm"], "unknown account 'acm'"),
        (["intake", "list", "--source", "dsk"], "unknown intake source 'dsk'; did you mean 'desk'?"),
        (["intake", "list", "--case", "INC2"], "unknown case 'INC2'"),
        (["events", "--account", "acm"], "unknown account 'acm'"),
        (["events", "--case", "INC2"], "unknown case 'INC2'"),
        (["events", "--entitlement", "gol"], "unknown entitlement 'gol'; did you mean 'gold'?"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_a_name_that_nobody_knows_is_refused(asked: list[str], says: str) -> None:
    done = milepost(*asked)
    assert done.exit_code == 2
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""


@pytest.mark.parametrize(
    "asked",
    [
        ["list", "--account", "globex"],
        ["list", "--priority", "Low"],
        ["tasks", "--account", "globex"],
        ["tasks", "--case", "INC1"],
        ["outbox", "--case", "gold"],
        ["outbox", "--kind", "digest"],
        ["actions", "--failed", "--kind", "signal"],
        ["retry", "--kind", "outbound_message"],
        ["entitlements", "--account", "acme"],
        ["links", "list", "--account", "acme"],
        ["intake", "list", "--source", "desk"],
        ["intake", "list", "--case", "INC1"],
        ["events", "--account", "globex"],
        ["events", "--entitlement", "gold"],
    ],
    ids=" ".join,
)
def test_of_what_is_known_there_may_be_nothing(asked: list[str]) -> None:
    done = milepost(*asked)
    assert done.exit_code == 0, done.output


def test_an_account_that_only_a_record_names_is_known(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        plan = Planner(store).plan(
            CaseIntake(case_id="INC3", account="gone"), at := datetime.now(UTC), entitlement=None, account=None
        )
        RecordedCase(store, plan, "INC3", {}, at, account="gone").advance(at)
    assert "INC3" in milepost("list", "--account", "gone").stdout
    assert milepost("tasks", "--account", "gone").exit_code == 0
