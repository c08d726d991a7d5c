"""The schedules of reports follow the catalog one by one: what the server refuses of one keeps no other waiting."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from domain.catalog.documents import read_document
from store import Store
from worker import scheduling
from worker.scheduling import Scheduling


class Server:
    """A server that refuses the schedules of some reports.

    Attributes:
        refuses: why, by report.
        asked: what was asked of it, in order.
    """

    def __init__(self) -> None:
        self.refuses: dict[str, RPCStatusCode] = {}
        self.asked: list[str] = []

    async def put(self, report: str, *_: object) -> None:
        self.asked.append(f"put {report}")
        if report in self.refuses:
            raise RPCError("no", self.refuses[report], b"")

    async def exists(self, report: str) -> bool:
        self.asked.append(f"look for {report}")
        if report in self.refuses:
            raise RPCError("no", self.refuses[report], b"")
        return False


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(scheduling, "ReportScheduleClient", lambda *_, **__: server)
    return server


@pytest.fixture
def schedules(tmp_path: Path, server: Server) -> Iterator[Scheduling]:
    """Of three reports that are declared and have no schedule."""
    reports = [
        {
            "id": name,
            "kind": "compliance",
            "account": "acme",
            "when": {"every": "day", "at": "08:00"},
            "to": ["boss@example.com"],
        }
        for name in "abc"
    ]
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        store.catalog.apply(read_document({"accounts": [{"id": "acme"}], "reports": reports}), by="test")
        yield Scheduling(cast("Any", None), store, "queue")


async def test_what_one_schedule_is_refused_keeps_no_other_waiting(
    schedules: Scheduling, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and tried again the next time; the others are made."""
    server.refuses = {"a": RPCStatusCode.INVALID_ARGUMENT}
    with caplog.at_level(logging.WARNING):
        followed = await schedules.follow()
    assert [line.split()[1] for line in followed.done] == ["b", "c"]
    assert followed.later == "report a: no"
    assert "the schedule of report a does not follow the catalog yet, and is tried again: no" in caplog.text
    server.refuses = {}
    again = await schedules.follow()
    assert ([line.split()[1] for line in again.done], again.later) == (["a"], None)


async def test_a_schedule_that_cannot_be_looked_for_keeps_no_other_from_being_made_again(
    schedules: Scheduling, server: Server
) -> None:
    """Of those that somebody has deleted."""
    await schedules.follow()
    server.refuses = dict.fromkeys("ab", RPCStatusCode.INTERNAL)
    followed = await schedules.follow(everyone=True)
    assert [line.split()[1] for line in followed.done] == ["c"]
    assert followed.later == "report a: no, and 1 more"


async def test_without_a_server_no_other_is_tried(schedules: Scheduling, server: Server) -> None:
    """Each would be waited for in vain."""
    server.refuses = {"b": RPCStatusCode.UNAVAILABLE}
    followed = await schedules.follow()
    assert (server.asked, followed.later) == (["put a", "put b"], "no")
