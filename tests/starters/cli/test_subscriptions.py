"""``subscriptions``: how they stand, and what people do with them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.catalog.documents import read_document
from domain.subscriptions.state import DeadLetter, Lane, Pause, SubscriptionState
from store import Store
from tests.feeds import Recorded
from tests.starters.command_line import milepost
from tests.support import assert_eventually
from tests.workflows.subscription.desk import desk

AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
OFF = "HTTP 410; the receiver wants nothing more"
LETTER = DeadLetter(
    event_id="case/c-1/1-abc",
    position=1,
    subject="case/c-1",
    sequence=1,
    type="milepost.case.opened.v1",
    attempts=10,
    reason="HTTP 422",
    at=AT,
)
LANE = Lane(
    subject="case/c-2",
    done=1,
    event_id="case/c-2/1-def",
    attempts=2,
    failing_since=AT,
    due_at=AT,
    reason="HTTP 500",
)


@pytest.fixture
def known(tmp_path: Path) -> dict[str, str]:
    """Three subscriptions: one runs, one is paused, one has not begun."""
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    endpoint = {"id": "desk", "url": "https://desk.example.com", "secrets": [{"env": "S"}]}
    declared = [
        {"id": "new", "endpoint": "desk"},
        {"id": "still", "endpoint": "desk"},
        {"id": "well", "endpoint": "desk", "types": ["case.*"]},
    ]
    with Store.open(database) as store:
        store.catalog.apply(read_document({"endpoints": [endpoint], "subscriptions": declared}), by="test")
        cursor = store.feed.end()
        store.cases.record(Recorded("c-1").remarks("a", "b"))
        well = SubscriptionState(cursor=cursor, sent=1204, lanes=[LANE], given_up=[LETTER], trouble="HTTP 500")
        store.subscriptions.keep("well", well, AT)
        pause = Pause(why="endpoint", at=AT, reason=OFF)
        store.subscriptions.keep("still", SubscriptionState(cursor="gone", paused=pause), AT)
    return {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": database}


@pytest.mark.parametrize("asked", [["pause"], ["resume"], ["replay", "--from", "start"]])
def test_one_that_is_retired_has_ended(known: dict[str, str], asked: list[str]) -> None:
    """It says so at once, and asks nobody, least of all whether a worker runs."""
    with Store.open(known["MILEPOST_DATABASE_URL"]) as store:
        endpoint = {"id": "desk", "url": "https://desk.example.com", "secrets": [{"env": "S"}]}
        retired = {"id": "well", "endpoint": "desk", "retired": True}
        store.catalog.apply(read_document({"endpoints": [endpoint], "subscriptions": [retired]}), by="test")
    said = milepost("subscriptions", asked[0], "well", *asked[1:], env=known)
    assert said.exit_code == 2
    assert "subscription well is declared retired: it has ended, or ends as soon as a worker runs" in said.stderr


def test_subscriptions_are_listed(known: dict[str, str]) -> None:
    """A line each: how it stands, how much is behind, what is held back or was given up; and what went wrong."""
    assert milepost("subscriptions", "list", env=known).stdout.splitlines() == [
        "new -> desk: not begun; a worker begins it",
        f"still -> desk: PAUSED since Mon 2026-06-01 09:00 UTC: {OFF}; 0 events sent, 0 behind",
        "well -> desk: runs; 1,204 events sent, 3 behind (chosen or not), 1 case held back, 1 dead letter",
        "    HTTP 500",
    ]
    found = json.loads(milepost("subscriptions", "list", "--json", env=known).stdout)
    assert [(one["id"], one["status"], one["behind"], one["dead"]) for one in found] == [
        ("new", None, 0, 0),
        ("still", "paused", 0, 0),
        ("well", "running", 3, 1),
    ]


def test_one_is_shown_with_its_cursor_and_what_fails(known: dict[str, str]) -> None:
    """And with its dead letters, which are sent again by their ids or all together."""
    shown = milepost("subscriptions", "show", "well", env=known).stdout
    for part in (
        "types: case.*; accounts: all",
        "cursor: ",
        "case/c-2/1-def  2 attempts",
        "case/c-1/1-abc  10 attempts",
    ):
        assert part in shown
    assert milepost("subscriptions", "resend", "well", env=known).stdout == "1 are sent again\n"
    assert "; is sent again" in milepost("subscriptions", "show", "well", env=known).stdout
    told = json.loads(milepost("subscriptions", "show", "well", "--json", env=known).stdout)
    assert [one["status"] for one in told["dead_letters"]] == ["waits"]
    assert milepost("subscriptions", "resend", "well", env=known).stdout == "there is no dead letter to send again\n"


def test_what_can_not_be_asked_of_subscriptions_says_so(known: dict[str, str]) -> None:
    """Exit code 2, and what would be right."""
    unknown = milepost("subscriptions", "show", "wel", env=known)
    assert (unknown.exit_code, "did you mean 'well'?" in unknown.stderr) == (2, True)
    other = milepost("subscriptions", "resend", "well", "case/x/1", env=known)
    assert (other.exit_code, "is no dead letter" in other.stderr) == (2, True)
    bad = milepost("subscriptions", "replay", "well", "--from", "nonsense", env=known)
    assert (bad.exit_code, "no cursor of an event feed" in bad.stderr) == (2, True)


async def test_one_is_paused_resumed_and_replayed(client: Client, tmp_path: Path) -> None:
    """By commands beside a worker; what is asked is answered by the workflow."""
    async with desk(client, tmp_path, begins="start") as one:
        env = {
            "TEMPORAL_ADDRESS": client.service_client.config.target_host,
            "TEMPORAL_NAMESPACE": client.namespace,
            "MILEPOST_DATA": str(tmp_path),
            "MILEPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'milepost.db'}",
            "MILEPOST_TASK_QUEUE": one.task_queue,
        }

        async def run(*words: str) -> str:
            ran = await asyncio.to_thread(milepost, "subscriptions", *words, env=env)
            assert ran.exit_code == 0, ran.output
            return ran.stdout

        one.write("c-1", "a")
        await one.all_have_arrived()
        assert "is paused" in await run("pause", one.name, "--by", "ann", "--reason", "a release")
        await one.stands("paused")
        assert "PAUSED by ann" in await run("list")
        said = await run("replay", one.name, "--from", "start")
        assert said == f"subscription {one.name} sends everything from there as soon as it is resumed\n"
        assert await run("resume", one.name) == f"subscription {one.name} goes on\n"

        async def came_again() -> None:
            assert one.taken() == [("case/c-1", 1), ("case/c-1", 2)] * 2

        await assert_eventually(came_again)


def test_what_is_applied_without_a_server_is_begun_later(tmp_path: Path) -> None:
    """It is stored, and the command says who begins it."""
    file = tmp_path / "catalog.yaml"
    file.write_text(
        "endpoints: [{id: desk, url: 'https://desk.example.com', secrets: [{env: S}]}]\n"
        "subscriptions: [{id: all, endpoint: desk}]\n",
        encoding="utf-8",
    )
    env = {"MILEPOST_DATA": str(tmp_path), "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    applied = milepost("apply", file, env=env)
    assert applied.exit_code == 0
    assert "a worker will begin or end the subscriptions" in applied.stderr
    assert milepost("subscriptions", "list", env=env).stdout == "all -> desk: not begun; a worker begins it\n"
