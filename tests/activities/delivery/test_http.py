"""Web hooks on a real wire: what counts as delivered, and where nothing is sent."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpcore
import pytest

from activities.delivery.http import LONGEST_ANSWER, LONGEST_BODY, HookSender
from activities.delivery.outcomes import NotDelivered
from tests.activities.delivery.receiver import Received, receiver, says

HERE = ["127.0.0.1"]
BODY = b'{"a": 1}'
HEADERS = {"content-type": "application/json"}


async def attempt(url: str, *, allowed: list[str] | None = None, within: float = 5, body: bytes = BODY) -> str:
    sender = HookSender(HERE if allowed is None else allowed, gives_up_after=within)
    return (await sender.send("POST", url, HEADERS, body)).answer


async def refusal(url: str, **how: Any) -> NotDelivered:
    with pytest.raises(NotDelivered) as refused:
        await attempt(url, **how)
    assert "\n" not in str(refused.value)
    return refused.value


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content", "299 Whatever"])
async def test_only_a_2xx_is_delivered(status: str) -> None:
    async with receiver(says(status)) as there:
        assert (await attempt(there.url)).startswith(f"HTTP {status[:3]}")
        assert there.received == [
            Received("POST /hooks HTTP/1.1", there.received[0].headers, BODY),
        ]
        assert there.received[0].headers["host"] == f"127.0.0.1:{there.port}"


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "404 Not Found", "500 Oops", "503 Later"])
async def test_any_other_answer_is_tried_again(status: str) -> None:
    async with receiver(says(status, b"not  now\r\nplease")) as there:
        refused = await refusal(there.url)
    assert str(refused) == f"HTTP {status[:3]}: not now please"
    assert (refused.for_good, refused.is_gone) == (False, False)


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "410 Gone", "429 Too Many Requests"])
@pytest.mark.parametrize("before", ["invalid token: ", "x" * 190, " " * (LONGEST_ANSWER - 8)])
async def test_a_receiver_that_repeats_a_secret_is_not_quoted(status: str, before: str) -> None:
    """Whatever it answers, and wherever the text is cut: not even the head of the secret stays."""
    secret = "hunter2-" + "s" * 300
    sender = HookSender(HERE)
    sent = {"authorization": f"Bearer {secret}"}

    async def repeats(got: Received, writer: asyncio.StreamWriter) -> None:
        await says(status, (before + got.headers["authorization"].removeprefix("Bearer ")).encode())(got, writer)

    async with receiver(repeats) as there:
        try:
            line = (await sender.send("POST", there.url, sent, BODY, [secret])).answer
        except NotDelivered as error:
            line = str(error)
    assert line.startswith(f"HTTP {status[:3]}")
    assert "hun" not in line
    assert ("***" in line) is (before.strip() != "")


async def test_an_error_that_quotes_a_header_hides_its_secret() -> None:
    """The library that writes requests names the value that it does not take."""
    sender = HookSender(HERE)
    async with receiver(says("200 OK")) as there:
        with pytest.raises(NotDelivered) as refused:
            await sender.send("POST", there.url, {"x-token": " hunter2-secret"}, BODY, ["hunter2-secret"])
        assert there.received == []
    assert str(refused.value).startswith("not sent: Illegal header value")
    assert "***" in str(refused.value)
    assert "hunter2" not in str(refused.value)


async def test_410_means_never_again() -> None:
    async with receiver(says("410 Gone")) as there:
        refused = await refusal(there.url)
    assert (refused.for_good, refused.is_gone) == (True, True)


async def test_a_redirect_is_not_followed() -> None:
    """Also not to the loopback, which is where one would lead that means harm."""
    async with receiver(says("200 OK")) as inside, receiver(says("302 Found", Location=inside.url)) as there:
        refused = await refusal(there.url)
        assert "redirect is not followed" in str(refused)
        assert inside.received == []


@pytest.mark.parametrize("status", ["429 Too Many Requests", "502 Bad Gateway", "504 Gateway Timeout"])
async def test_retry_after_is_read_in_both_forms(status: str) -> None:
    async with receiver(says(status, Retry_After="120")) as there:
        assert (await refusal(there.url)).at_least == timedelta(seconds=120)
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    async with receiver(says(status, Retry_After=later)) as there:
        assert timedelta(minutes=9) < (await refusal(there.url)).at_least <= timedelta(minutes=10)
    for senseless in ("soon", "-5", "9" * 400, ""):
        async with receiver(says(status, Retry_After=senseless)) as there:
            assert (await refusal(there.url)).at_least <= timedelta(days=12)


async def test_a_receiver_that_never_answers_costs_its_time_out() -> None:
    """Whether it was delivered nobody knows, and that is said."""

    async def never(_: Received, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with receiver(never) as there:
        refused = await refusal(there.url, within=0.3)
    assert refused.may_have_arrived
    assert "0.3 s" in str(refused)


async def test_a_byte_at_a_time_is_no_answer_in_time() -> None:
    """The time-out is for the whole attempt, so that a trickle holds up nobody."""

    async def trickle(_: Received, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with receiver(trickle) as there:
        assert (await refusal(there.url, within=0.4)).may_have_arrived


async def test_a_huge_answer_is_not_read_to_its_end() -> None:
    """Its status counts; 64 KB are enough of the rest."""
    written = 0

    async def pours(_: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _chunk in range(1600):
            writer.write(b"x" * LONGEST_ANSWER)
            await writer.drain()
            written += LONGEST_ANSWER

    async with receiver(pours) as there:
        assert (await attempt(there.url)).startswith("HTTP 200")
    assert written < 50_000_000


async def test_a_connection_that_breaks_is_one_line() -> None:
    async def hangs_up(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with receiver(hangs_up) as there:
        refused = await refusal(there.url)
    assert "connection broke" in str(refused)
    assert refused.may_have_arrived


async def test_nobody_listening_is_one_line() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = await refusal(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert str(refused).startswith("no connection")
    assert not refused.may_have_arrived


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://localhost:9/",
        "http://[::1]:9/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0/",
        "http://１２７．０．０．１:9/",
        "http://127。0。0。1:9/",
        "http://ｌｏｃａｌｈｏｓｔ:9/",
        "http://①②⑦.0.0.1:9/",
    ],
)
async def test_an_address_inside_a_network_is_closed(url: str) -> None:
    """However it is written, unless its host is allowed by name."""
    refused = await refusal(url, allowed=[])
    assert refused.for_good
    assert "inside a network" in str(refused)


async def test_the_address_that_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads elsewhere at its second look-up is looked up once."""
    async with receiver(says("200 OK")) as inside:
        asked: list[str] = []

        async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            address = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        refused = await refusal(f"http://rebinding.example:{inside.port}/", allowed=[], within=1)
        assert "192.0.2.1" in str(refused)
        assert asked == ["rebinding.example"]
        assert inside.received == []


async def test_a_url_of_any_script_is_requested_as_a_browser_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host in punycode, wherever it is named and allowed, and UTF-8 behind it, percent-encoded."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with receiver(says("200 OK")) as there:
        url = f"http://Bücher.example:{there.port}/häuser/%20?größe=1"
        for allowed in (["bücher.example"], [f"bücher.example:{there.port}"], ["xn--bcher-kva.example"]):
            await attempt(url, allowed=allowed)
        assert (await refusal(url, allowed=["bucher.example", "bü..cher"])).for_good
    assert {one.line for one in there.received} == {"POST /h%C3%A4user/%20?gr%C3%B6%C3%9Fe=1 HTTP/1.1"}
    assert {one.headers["host"] for one in there.received} == {f"xn--bcher-kva.example:{there.port}"}
    assert set(asked) == {"xn--bcher-kva.example"}


async def test_an_error_that_nobody_foresaw_is_a_failed_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its kind, without a secret, and it says nothing of other messages."""

    def stream(*_: Any, **__: Any) -> Any:
        raise TypeError("planted, hunter2-secret")

    monkeypatch.setattr(httpcore.AsyncConnectionPool, "stream", stream)
    with pytest.raises(NotDelivered) as refused:
        await HookSender(HERE).send("POST", "http://127.0.0.1:9/", {}, BODY, ["hunter2-secret"])
    assert str(refused.value) == "not sent, by an unexpected error: TypeError: planted, ***"
    assert (refused.value.for_good, refused.value.concerns) == (False, "message")


async def test_one_closed_address_among_several_closes_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in ("1.1.1.1", "127.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    assert (await refusal("http://mixed.example/", allowed=[])).for_good


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "https:///nowhere",
        "http://user:secret@example.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://exa mple.org/",
        "http://example.org/\r\nX: y",
        "http://[::1/",
        "example.org",
        "http://ex..ämple.org/",
        "http://a／ä.org/",
        "http://ann@häuser.example/",
        "http://example.org:８０/",
        "http://example.org/\ud800",
    ],
)
async def test_a_url_that_is_none_is_refused_for_good(url: str) -> None:
    refused = await refusal(url)
    assert refused.for_good
    assert "secret@" not in str(refused)


async def test_a_body_is_below_20_kb() -> None:
    async with receiver(says("200 OK")) as there:
        assert await attempt(there.url, body=b"x" * LONGEST_BODY)
        assert (await refusal(there.url, body=b"x" * (LONGEST_BODY + 1))).for_good
        assert len(there.received) == 1
