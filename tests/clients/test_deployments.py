"""Builds of workers: one that is not the current one gets nothing new, and whoever asks is told so."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from clients.cases import MilepostClient
from clients.deployments import builds, current_build, last_polled_at, make_current, why_nobody_answers
from clients.sending import NoAnswer
from domain.errors import NotFound
from domain.messages.cases import CaseIntake
from store import Store
from tests.starters.command_line import ROOT, milepost
from tests.starters.http.between import relay_to
from tests.support import assert_eventually, unique
from worker.process import working


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store of the test's own."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        yield opened


async def known(client: Client, build: str) -> None:
    """Wait until Temporal knows a build, which is a moment after its worker has begun to poll."""

    async def is_known() -> None:
        assert build in [one.build_id for one in await builds(client)]

    await assert_eventually(is_known)


async def test_a_build_that_is_not_current_is_named(client: Client, store: Store, task_queue: str) -> None:
    """Nobody answers though a worker polls: the request says why and what to do; once that is done it is answered."""
    build = unique("build")
    cases = MilepostClient(client, task_queue=task_queue, patience=2)
    async with working(client, store, task_queue=task_queue, build_id=build):
        await known(client, build)
        with pytest.raises(NoAnswer) as silence:
            await cases.open(CaseIntake(case_id=unique("case")))
        assert f"a worker of build {build!r} polls, but it is not the current build" in str(silence.value)
        assert f"milepost upgrade current {build}" in str(silence.value)
        await make_current(client, build, patience=30, anyway=True)
        assert await current_build(client) == build
        assert await why_nobody_answers(client, task_queue) is None
        patient = MilepostClient(client, task_queue=task_queue, patience=30)
        answer = await patient.open(CaseIntake(case_id=unique("case")))
        assert answer.outcome in {"taken", "opened", "already"}


async def test_a_case_that_waits_for_an_ended_build_names_it(client: Client, store: Store, task_queue: str) -> None:
    """It stays with the build that opened it, whichever is current: requests and looks say which worker is missing."""
    monday, tuesday, case = unique("monday"), unique("tuesday"), unique("case")
    patient = MilepostClient(client, task_queue=task_queue, patience=30)
    async with working(client, store, task_queue=task_queue, build_id=tuesday):
        async with working(client, store, task_queue=task_queue, build_id=monday):
            await known(client, monday)
            await make_current(client, monday, patience=30, anyway=True)
            await patient.open(CaseIntake(case_id=case))
        await known(client, tuesday)
        await make_current(client, tuesday, patience=30, anyway=True)
        hasty = MilepostClient(client, task_queue=task_queue, patience=1)
        said = (
            f"case {case} does not answer: it waits for a worker of build {monday!r}, with which it stays until its "
            f"next step: MILEPOST_BUILD_ID={monday} milepost worker"
        )
        with pytest.raises(NoAnswer) as silence:
            await hasty.view(case)
        assert str(silence.value) == said
        with pytest.raises(NoAnswer) as silence:
            await hasty.request(case, "stop_clock", event_id="stop-1")
        assert (str(silence.value), silence.value.event_id) == (said, "stop-1")


async def test_a_connection_that_was_ended_keeps_nobody_from_asking(client: Client, task_queue: str) -> None:
    """A server ends each after some minutes. Whoever looks just then sees what there is."""
    async with relay_to(client.service_client.config.target_host) as relay:
        through = await Client.connect(relay.address)
        for _ in range(20):
            relay.cut()
            relay.mend()
            assert await builds(through) == await builds(client)
            relay.cut()
            relay.mend()
            assert await last_polled_at(through, task_queue) is None


async def test_a_build_that_nobody_runs_is_not_made_current(client: Client) -> None:
    """It would get every new case, and nobody would do anything for it."""
    with pytest.raises(NotFound, match="no worker of build 'typo' has polled"):
        await make_current(client, "typo")


async def test_commands_make_a_build_current_and_list_them(client: Client, store: Store, task_queue: str) -> None:
    """`upgrade current` is the step of an upgrade that Temporal does not take by itself; `upgrade list` shows it."""
    older, newer = unique("older"), unique("newer")
    env = {"TEMPORAL_ADDRESS": client.service_client.config.target_host, "TEMPORAL_NAMESPACE": client.namespace}
    async with (
        working(client, store, task_queue=task_queue, build_id=older),
        working(client, store, task_queue=task_queue, build_id=newer),
    ):
        for build in (older, newer):
            await known(client, build)
            made = await asyncio.to_thread(milepost, "upgrade", "current", build, "--anyway", env=env)
            assert made.output == f"Build {build} is the current one: it gets what is new.\n"
        listed = await asyncio.to_thread(milepost, "upgrade", "list", "--json", env=env)
        statuses = {one["build_id"]: one["status"] for one in json.loads(listed.output)}
        assert statuses[newer] == "current"
        assert statuses[older] in {"draining", "drained"}
        back = await asyncio.to_thread(milepost, "upgrade", "current", older, "--anyway", env=env)
        assert (back.exit_code, await current_build(client)) == (0, older), "a roll back is the same step"
    refused = await asyncio.to_thread(milepost, "upgrade", "current", "nobody-has-it", env=env)
    assert refused.exit_code == 2
    assert "no worker of build 'nobody-has-it' has polled" in refused.output


@pytest.mark.parametrize("asked", [[], ["--make-current"]])
async def test_a_worker_says_whether_its_build_is_current(client: Client, tmp_path: Path, asked: list[str]) -> None:
    """Without `--make-current` it says what is to be done; with it, that it gets what is new."""
    build, namespace = unique("build"), unique("namespace")
    environment = {
        **os.environ,
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": namespace,
        "MILEPOST_DATA": str(tmp_path),
        "MILEPOST_TASK_QUEUE": unique("queue"),
        "MILEPOST_BUILD_ID": build,
        "COLUMNS": "200",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "starters", "worker", "--claim", *asked]
    said = tmp_path / "said"
    with said.open("wb") as out:
        process = subprocess.Popen(  # noqa: ASYNC220  it is only begun here
            command, env=environment, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
        )
    try:

        async def it_has_said_so() -> None:
            text = said.read_text()
            if asked:
                assert f"Build {build} is the current one" in text
            else:
                assert f"Build {build} is not the current one" in text
                assert f"milepost upgrade current {build}" in text

        await assert_eventually(it_has_said_so)
    finally:
        process.terminate()
        process.wait(30)
    there = await Client.connect(client.service_client.config.target_host, namespace=namespace)
    assert await current_build(there) == (build if asked else None)


def test_a_worker_without_a_build_has_none_to_make_current(tmp_path: Path) -> None:
    """What can't be done is refused before anything is begun."""
    refused = milepost("worker", "--make-current", env={"MILEPOST_DATA": str(tmp_path)})
    assert refused.exit_code == 2
    assert "set MILEPOST_BUILD_ID" in refused.output
