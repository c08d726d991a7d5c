"""The Python client for HTTP: typed answers, errors that a program can tell apart, and nothing done twice."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from milepost.http import MilepostHttp, NoAnswer, NotFound, Refused
from milepost.reference import page
from tests.docs.blocks import File, steps
from tests.docs.reading import ROOT
from tests.starters.http_api import Api
from tests.support import unique


async def test_a_case_is_opened_and_completed(api: Api) -> None:
    """From the first request to the last, by an id of another system."""
    case = f"INC/{unique('c')}"

    def lived() -> None:
        with MilepostHttp(str(api.http.base_url), api.keys["all"]) as client:
            opened = client.open(case, account="acme", fields={"priority": "High"}, by="ann")
            assert (opened.outcome, opened.case.fields) == ("taken", {"priority": "High"})
            assert client.open(case, account="acme").outcome == "already"
            assert client.complete_milestone(case, "First response").outcome == "taken"
            assert client.stop_clock(case, event_id=unique("s")).case.stopped
            assert client.resume_clock(case).outcome == "taken"
            assert client.change_fields(case, {"priority": "Low"}).case.fields["priority"] == "Low"
            assert client.log_time(case, unique("T"), 5) is not None
            shown = client.show(case)
            assert (shown.case_id, shown.account) == (case.replace("/", "~2F"), "acme")
            assert client.explanation(case).case_id == case.replace("/", "~2F")
            assert client.close(case).case.closed_at is not None
            assert client.reopen(case).case.closed_at is None
            assert client.balance(api.named("acme-visits")).unit == "visits"
            assert client.take(api.named("acme-visits"), unique("V")).answer.outcome == "granted"
            assert client.coverage(account="acme", channel="phone").covered_by == api.named("acme-gold")
            page = client.events(limit=2)
            assert len(page.events) == 2
            assert client.events(page.cursor).events
            verdicts = client.open_many([{"case_id": unique("c"), "account": "acme"}])
            assert [one.status for one in verdicts] == [201]
            listed = [one.case_id for one in client.cases(account="acme", limit=1, state="open")]
            assert len(listed) == len(set(listed)) > 1

    await asyncio.to_thread(lived)


async def test_what_is_refused_is_told_apart(api: Api) -> None:
    """By its code, as the Temporal client tells it."""
    case = await api.opened()

    def refused() -> None:
        with MilepostHttp(str(api.http.base_url), api.keys["all"]) as client:
            with pytest.raises(Refused, match="unknown milestone") as unknown:
                client.complete_milestone(case, "Nope")
            with pytest.raises(NotFound):
                client.show(unique("nope"))
        assert unknown.value.code == "unknown_milestone"
        with MilepostHttp(str(api.http.base_url), "mp_nope") as client, pytest.raises(Refused) as stranger:
            client.show(case)
        assert stranger.value.code == "unknown_key"

    await asyncio.to_thread(refused)


def _answering(*answers: Callable[[], httpx.Response]) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answers[min(len(seen), len(answers)) - 1]()

    return httpx.MockTransport(answer), seen


def _lost() -> httpx.Response:
    raise httpx.ReadError("the connection was lost")


def _said(status: int, code: str, **headers: str) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(status, json={"code": code, "detail": "why"}, headers=headers)


def test_a_request_is_sent_again_under_one_key_until_it_is_answered() -> None:
    """After a lost connection, a proxy without an API behind it, a busy API, and one that is at it still."""
    transport, seen = _answering(
        _lost,
        lambda: httpx.Response(502, text="<html>"),
        _said(503, "no_answer", **{"Retry-After": "0"}),
        _said(409, "still_running"),
        lambda: httpx.Response(200, json={"done": True}),
    )
    with MilepostHttp("http://nowhere", "mp_x", transport=transport) as client:
        assert client.ask("POST", "/v1/x", {"a": None, "b": 1}, event_id="e1") == {"done": True}
    assert [request.headers["idempotency-key"] for request in seen] == ["e1"] * 5
    assert {request.content for request in seen} == {b'{"b":1}'}


def test_patience_ends() -> None:
    """And what was refused is not sent again."""
    transport, _ = _answering(_lost)
    with (
        MilepostHttp("http://nowhere", "mp_x", transport=transport, patience=0.1) as client,
        pytest.raises(NoAnswer, match="lost"),
    ):
        client.show("4711")
    transport, seen = _answering(_said(422, "bad_field"))
    with MilepostHttp("http://nowhere", "mp_x", transport=transport) as client, pytest.raises(Refused, match="why"):
        client.open("4711")
    assert len(seen) == 1


@pytest.mark.parametrize("slip", ["", "desk.complete_milestone(1, nope=2)\n", "desk.balance('x').nope\n"])
def test_a_program_that_uses_it_is_typed(tmp_path: Path, slip: str) -> None:
    """Those of the guide are, where Milepost is installed and nothing of it at hand; a slip is found."""
    programs = [step for step in steps((ROOT / "docs/guide/clients.md").read_text()) if isinstance(step, File)]
    for program in programs:
        (tmp_path / program.name).write_text(program.text + slip)
    names = [program.name for program in programs]
    checked = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={ROOT / '.mypy_cache/programs'}", *names]
    found = subprocess.run(checked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (found.returncode, len(names)) == (int(slip != ""), 2), found.stdout + found.stderr


def test_the_reference_has_every_call() -> None:
    """Written anew by `python -m milepost.reference > docs/reference/python-client.md`."""
    assert (ROOT / "docs/reference/python-client.md").read_text() == page()
