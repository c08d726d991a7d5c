"""Subscriptions at work: events go to a receiver in a process of its own, each as a signed message, in order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import update
from temporalio import workflow
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowExecutionStatus

from store import tables
from tests.siege.histories import fetch
from tests.support import assert_eventually
from tests.workflows.replaying import replay
from tests.workflows.subscription.desk import desk, first_arrivals_in_order
from tests.workflows.subscription.receiving import NEVER, body_of, event_of
from workflows.subscription.running import SubscriptionRun


async def test_events_arrive_signed_and_in_order(client: Client, tmp_path: Path) -> None:
    """What is in the feed and what comes into it, each once; verified from the text of the standard alone."""
    async with desk(client, tmp_path, begins="start") as one:
        for number in range(4):
            one.write(f"c-{number % 2}", "a", "b")
        await one.all_have_arrived()
        one.write("c-0", "later")
        await one.all_have_arrived()
        assert first_arrivals_in_order(one.taken())
        assert len(one.taken()) == len(one.written()) == 11
        requests = one.receiver.requests()
        for request in requests:
            verify(request)
            assert event_of(request)["specversion"] == "1.0"
            assert request["headers"]["content-type"] == "application/cloudevents+json"
        assert len({request["headers"]["webhook-id"] for request in requests}) == 11


def verify(request: dict[str, Any]) -> None:
    """As Standard Webhooks says: sign ``id.timestamp.body``, compare with any of the signatures, look at the time."""
    headers = request["headers"]
    name, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    signed = f"{name}.{timestamp}.".encode() + body_of(request)
    signatures = dict(one.split(",", 1) for one in headers["webhook-signature"].split(" "))
    expected = base64.b64encode(hmac.new(b"s" * 32, signed, hashlib.sha256).digest()).decode()
    assert hmac.compare_digest(signatures["v1"], expected)
    public = Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key()
    public.verify(base64.b64decode(signatures["v1a"]), signed)
    assert abs(time.time() - int(timestamp)) < 300
    assert "." not in name


async def test_types_and_accounts_choose(client: Client, tmp_path: Path) -> None:
    """Of those declared; what is declared anew holds from then on, and what was left out stays so."""
    async with desk(client, tmp_path, begins="start", types=["case.opened"], accounts=["acme"]) as one:
        one.write("ours", "a")
        one.write("theirs", "a", account="umbrella")
        one.write("ours-too", "a")

        async def has_both() -> None:
            assert sorted(one.taken()) == [("case/ours", 1), ("case/ours-too", 1)]

        await assert_eventually(has_both)
        one.declare(begins="start", types=["case.*"], accounts=[])

        async def is_amended() -> None:
            one.write("theirs", "b", account="umbrella")
            assert one.taken()[2:]

        await assert_eventually(is_amended)
        assert {subject for subject, _ in one.taken()[2:]} == {"case/theirs"}


async def test_it_begins_now_unless_it_says_otherwise(client: Client, tmp_path: Path) -> None:
    """What was there before is left alone."""
    async with desk(client, tmp_path, begins="start") as before:
        before.write("old", "a", "b")
        await before.all_have_arrived()
        before.name += "-2"
        before.declare()
        await before.follow()
        await before.stands("running")
        before.write("new", "a")

        async def has_come() -> None:
            new = [one for one in before.taken() if one[0] == "case/new"]
            assert sorted(new) == sorted([("case/new", 1), ("case/new", 2)] * 2)

        await assert_eventually(has_come)
        await before.handle.terminate()


async def test_a_failing_case_holds_up_no_other(client: Client, tmp_path: Path) -> None:
    """Its events wait, others arrive; then they come in order. What it waits for is to be seen."""
    async with desk(client, tmp_path, begins="start", pace=20) as one:
        one.receiver.answers({"case/bad": 500})
        one.write("bad", "a", "b")
        for number in range(3):
            one.write(f"good-{number}", "a")

        async def others_have_arrived() -> None:
            assert len(set(one.taken())) == 6

        await assert_eventually(others_have_arrived)
        one.write("bad", "c")
        one.write("good-0", "b")

        async def more_has_arrived() -> None:
            assert ("case/good-0", 3) in one.taken()

        await assert_eventually(more_has_arrived)

        async def shows_what_waits() -> None:
            standing = await one.subscriptions.standing(one.name)
            assert standing is not None
            [lane] = standing.state.lanes
            assert (lane.subject, lane.reason) == ("case/bad", "HTTP 500")
            metadata = await one.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
            for part in ("waits for events", f"Cursor: `{standing.state.cursor}`", "1 subject", f"{lane.event_id}: "):
                assert part in metadata.current_details

        await assert_eventually(shows_what_waits)
        one.receiver.answers({})
        await one.subscriptions.resume(one.name, by="ann")
        await one.all_have_arrived()
        assert first_arrivals_in_order(one.taken())


async def test_a_dead_receiver_loses_nothing(client: Client, tmp_path: Path) -> None:
    """While it is away everything waits, and arrives in order as soon as it is back."""
    async with desk(client, tmp_path, begins="start") as one:
        one.write("c-0", "a")
        await one.all_have_arrived()
        await one.receiver.stop()
        for number in range(20):
            one.write(f"c-{number}", "a", "b")

        async def is_noticed() -> None:
            state = one.store.subscriptions.standing(one.name).state
            assert state is not None
            assert state.is_down
            assert "connection" in state.trouble or "not tried" in state.trouble

        await assert_eventually(is_noticed)
        await one.receiver.start()
        await one.all_have_arrived()
        assert first_arrivals_in_order(one.taken())
        assert one.store.dead_letters.listed(one.name) == []


async def test_pause_resume_and_replay(client: Client, tmp_path: Path) -> None:
    """Paused nothing is sent; from a cursor everything comes again, in order, with the ids that it had."""
    async with desk(client, tmp_path, begins="start") as one:
        one.write("c-0", "a")
        await one.all_have_arrived()
        middle = one.store.feed.end()
        one.write("c-0", "b")
        await one.all_have_arrived()
        standing = await one.subscriptions.pause(one.name, by="ann", reason="a release")
        assert standing.state.paused is not None
        assert (standing.state.paused.by, standing.state.paused.reason) == ("ann", "a release")
        await one.stands("paused")
        one.write("c-0", "c")
        before = len(one.receiver.requests())
        replayed = await one.subscriptions.replay(one.name, middle, by="ann")
        assert replayed.state.paused is not None
        assert len(one.receiver.requests()) == before
        await one.subscriptions.resume(one.name, by="ann")
        await one.all_have_arrived()

        async def came_again() -> None:
            assert one.taken()[before:] == [("case/c-0", 3), ("case/c-0", 4)]

        await assert_eventually(came_again)
        ids = [request["headers"]["webhook-id"] for request in one.receiver.requests()]
        assert ids[2] == ids[3]
        await one.stands("running")


async def test_a_cursor_from_before_a_restore_is_told_so(client: Client, tmp_path: Path) -> None:
    """It pauses with that reason, and goes on from where somebody moves it to."""
    async with desk(client, tmp_path, begins="start") as one:
        one.write("c-0", "a")
        await one.all_have_arrived()
        with one.store._database.read() as connection:
            last = connection.execute(tables.feed.select()).one().last
        one.write("c-1", "lost")
        await one.all_have_arrived()
        with one.store._database.write() as connection:  # as after the restore of a backup
            connection.execute(tables.events.delete().where(tables.events.c.position > last))
            connection.execute(update(tables.feed).values(last=last))
        one.write("c-2", "new")

        async def says_so() -> None:
            state = one.store.subscriptions.standing(one.name).state
            assert state is not None
            assert state.paused is not None
            assert state.paused.why == "cursor"
            assert "from before a restore" in state.paused.reason

        await assert_eventually(says_so)
        await one.subscriptions.replay(one.name, "start", by="ann")

        async def goes_on() -> None:
            assert ("case/c-2", 2) in one.taken()

        await assert_eventually(goes_on)


async def test_what_is_given_up_is_on_record_and_sent_again(client: Client, tmp_path: Path) -> None:
    """After the last attempt, with its reason; the case's next events go on. By hand it is sent again."""
    async with desk(client, tmp_path, begins="start", pace=1_000_000) as one:
        one.receiver.answers({"case/bad": 422})
        one.write("bad", "a")
        one.write("good", "a")

        async def both_are_given_up() -> None:
            assert [(got.letter.sequence, got.status) for got in one.store.dead_letters.listed(one.name)] == [
                (1, "given_up"),
                (2, "given_up"),
            ]

        await assert_eventually(both_are_given_up, within=30)
        [letter, _] = one.store.dead_letters.listed(one.name)
        assert (letter.letter.subject, letter.letter.reason, letter.letter.attempts) == ("case/bad", "HTTP 422", 10)
        one.receiver.answers({})
        assert one.store.dead_letters.send_again(one.name) == 2

        async def none_is_left() -> None:
            assert one.store.dead_letters.listed(one.name) == []

        await assert_eventually(none_is_left)
        assert one.taken()[-2:] == [("case/bad", 1), ("case/bad", 2)]


async def test_an_endpoint_that_is_off_pauses_it(client: Client, tmp_path: Path) -> None:
    """By HTTP 410, to be seen; when it is on again a worker has it go on, and nothing is lost."""
    async with desk(client, tmp_path, begins="start") as one:
        one.receiver.answers({"*": 410})
        one.write("c-0", "a", "b")
        await one.stands("paused")
        state = one.store.subscriptions.standing(one.name).state
        assert state is not None
        assert state.paused is not None
        assert (state.paused.why, "HTTP 410" in state.paused.reason) == ("endpoint", True)
        assert await one.follow() == []
        one.receiver.answers({})
        one.store.endpoints.switch("desk", off_at=None)
        assert await one.follow() == [f"subscription {one.name} goes on: its endpoint is on again"]
        await one.all_have_arrived()
        assert first_arrivals_in_order(one.taken())


async def test_it_ends_with_its_declaration_and_comes_back(client: Client, tmp_path: Path) -> None:
    """Retired it ends, paused or not; declared again it goes on where it stood."""
    async with desk(client, tmp_path, begins="start") as one:
        one.write("c-0", "a")
        await one.all_have_arrived()
        await one.subscriptions.pause(one.name, by="ann")
        await one.stands("paused")
        one.declare(begins="start", retired=True)
        assert await one.follow() == [f"subscription {one.name} has ended"]
        await one.handle.result()
        assert (await one.handle.describe()).status is WorkflowExecutionStatus.COMPLETED
        await one.stands("ended")
        one.write("c-0", "b")
        one.declare(begins="start")
        assert await one.follow() == [f"subscription {one.name} has begun"]
        await one.subscriptions.resume(one.name, by="ann")
        await one.all_have_arrived()
        assert one.taken() == [("case/c-0", 1), ("case/c-0", 2), ("case/c-0", 3)]
        one.declare(begins="start", retired=True)  # and one that waits sees it by itself
        await one.stands("ended")


async def test_terminated_it_is_begun_again_where_it_stood(client: Client, tmp_path: Path) -> None:
    """From what the store kept; what was under way may come twice, nothing is lost."""
    async with desk(client, tmp_path, begins="start") as one:
        one.write("c-0", "a")
        await one.all_have_arrived()
        await one.handle.terminate()
        one.write("c-0", "b")
        await one.subscriptions.begin(one.name)
        await one.all_have_arrived()
        assert first_arrivals_in_order(one.taken())


async def test_a_batch_under_way_holds_up_no_new_run(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that does not answer for a minute: the next run begins at once, and sends the event again."""
    monkeypatch.setattr(SubscriptionRun, "should_roll_over", property(lambda run: run._moves > 0))
    async with desk(client, tmp_path, begins="start", gives_up_after=60) as one:
        first = (await one.handle.describe()).run_id
        one.receiver.answers({"*": NEVER})
        one.write("c-0", "a")

        async def is_under_way() -> None:
            assert len(one.receiver.requests()) == 1

        await assert_eventually(is_under_way)
        begun = time.monotonic()
        one.receiver.answers({})
        await one.subscriptions.replay(one.name, "start", by="ann")

        async def another_runs() -> None:
            assert (await one.handle.describe()).run_id != first

        await assert_eventually(another_runs)
        await one.all_have_arrived()
        assert time.monotonic() - begun < 40
        assert one.taken() == [("case/c-0", 1), ("case/c-0", 2)]
        assert len({request["headers"]["webhook-id"] for request in one.receiver.requests()[:2]}) == 1


@pytest.mark.parametrize("cached_workflows", [0, 100])
async def test_it_goes_on_in_new_runs(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached_workflows: int
) -> None:
    """With its cursor and what failed; a batch under way holds none up. Also if each step replays all before it."""
    early = property(lambda _: workflow.info().get_current_history_length() > 40)
    monkeypatch.setattr(SubscriptionRun, "should_roll_over", early)
    async with desk(client, tmp_path, begins="start", cached_workflows=cached_workflows) as one:
        first = (await one.handle.describe()).run_id
        one.receiver.answers({"case/bad": 500})
        for number in range(6):
            one.write("bad" if number == 2 else f"c-{number % 3}", "a", "b")
            await one.subscriptions.pause(one.name, by=None)
            await one.subscriptions.resume(one.name, by=None)
        one.receiver.answers({})
        await one.all_have_arrived()
        assert first_arrivals_in_order(one.taken())
        assert (await one.handle.describe()).run_id != first
        assert len(one.written()) <= len(one.taken())

        async def is_at_rest() -> None:
            described = (await one.handle.describe()).raw_description
            assert not described.HasField("pending_workflow_task")
            assert not described.pending_activities

        await one.subscriptions.pause(one.name, by=None)  # nothing comes back behind the last task
        await assert_eventually(is_at_rest)
        await one.handle.terminate()
        [runs] = (await fetch(client, [one.handle.id])).values()
        for run in runs:
            assert run.failed_tasks == []
            replayed = await replay(run.history)
            assert (replayed.failure, replayed.differences) == (None, [])
