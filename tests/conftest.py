"""A real Temporal server for the whole session, and a client of it."""

import asyncio
import functools
import gc
import inspect
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import settings
from temporalio.client import Client
from temporalio.worker import Worker

from tests.support import unique
from worker.clock import VirtualClock
from worker.connection import settle
from worker.embedded import RunningServer, running_server
from worker.garbage import collect_garbage_seldom
from worker.process import tasks_at_once

# Whoever starts the tests in the background has Ctrl-C ignored, and what a test starts would inherit that: a server
# that a test interrupts would never end.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is, and nothing about a rule.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


HERE = Path(__file__).parent

LONGEST = float(os.environ.get("MILEPOST_LONGEST_TEST", "420"))
"""Seconds after which a test that waits for a server fails where it waits, and the next one begins."""


def _ended_in_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
    @functools.wraps(test)
    async def ended(*given: Any, **named: Any) -> None:
        async with asyncio.timeout(LONGEST):
            await test(*given, **named)

    return ended


BESIDE_PROCESSES = {"abuse", "activities", "clients", "docs", "siege", "starters", "worker", "workflows"}
"""Folders of tests that talk to servers and programs, which a busy machine may leave without a processor for a while.

One that fails is tried once more, and the summary names it; what fails twice fails. The others have no such excuse, nor
has a run that was asked to be a long one.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(HERE).parts[0] in BESIDE_PROCESSES and "MILEPOST_LONGEST_TEST" not in os.environ:
            item.add_marker(pytest.mark.flaky(reruns=1))
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _ended_in_time(item.obj)


def pytest_collection_finish() -> None:
    """Look for garbage as seldom as the process of a worker does.

    With all that the tests have loaded it takes so long that a workflow's step beside it may pass its two seconds.
    """
    collect_garbage_seldom()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write a failure down without looking for garbage meanwhile.

    What is freed may be written down too, in the midst of it or by another thread, and Python before 3.11.8 and 3.12.2
    counts the depth of two syntax trees at once as one (gh-106905): the whole run would end, and the failure be lost.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def _bound_without_a_type(value: date) -> str:
    raise AssertionError(f"{value!r} was bound without a column type; Python 3.12 takes none without a warning")


for kind in (date, datetime):
    sqlite3.register_adapter(kind, _bound_without_a_type)


@pytest.fixture(scope="session", autouse=True)
def _hostile_if_asked_for() -> Iterator[None]:
    """With ``MILEPOST_HOSTILE=1`` no worker of this process caches a workflow: each step replays all before it."""
    if os.environ.get("MILEPOST_HOSTILE") != "1":
        yield
        return
    build = Worker.__init__

    def build_without_cache(worker: Worker, *given: Any, **named: Any) -> None:
        build(worker, *given, **{**named, "max_cached_workflows": 0, "max_concurrent_workflow_tasks": tasks_at_once(0)})

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Worker, "__init__", build_without_cache)
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[RunningServer]:
    """The session's server, with a virtual clock; it keeps nothing."""
    async with running_server(virtual_clock=True) as running:
        yield running
    del running
    await settle()


@pytest.fixture(scope="session")
def client(server: RunningServer) -> Client:
    """A client of the session's server, with the project's data converter and without plugins."""
    return server.client


@pytest.fixture
def clock(client: Client) -> VirtualClock:
    """Moves the clocks of workflows that are started through `clock.client`."""
    return VirtualClock(client)


@pytest.fixture
def task_queue() -> str:
    """A task queue of the test's own."""
    return unique("queue")
