"""Web hooks on the wire: one request to one address that was looked at, one short answer, and no redirects."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpcore

from activities.delivery.outcomes import Delivered, NotDelivered, unforeseen
from domain.delivery.addresses import is_open
from domain.delivery.hiding import Hiding
from domain.delivery.hosts import ascii_host, ascii_url

GIVES_UP_AFTER = 20.0
"""Seconds for a whole attempt, from looking the name up to the end of the answer."""

LONGEST_ANSWER = 64 * 1024
LONGEST_BODY = 20 * 1024

_SLOWS_DOWN = frozenset({429, 502, 504})
_SAYS_WHEN = _SLOWS_DOWN | {503}
"""Of which `Retry-After` is read."""
_GONE = 410
_OF_THE_RECEIVER = frozenset({408, 425})
"""Of those that refuse a request, which say nothing about it: whatever else is sent would fare alike."""


class _CheckedAddresses(httpcore.AsyncNetworkBackend):
    """Connects to the very address that it has found to be open, so that a second look-up can't lead elsewhere."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = frozenset(_allowed(name) for name in allowed)
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the base class asks with it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Look the host up once, refuse it if any of its addresses is closed, connect to one of them."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NotDelivered(f"host {host} can't be found: {error}") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if host.lower() not in self._allowed and f"{host.lower()}:{port}" not in self._allowed:
            closed = [address for address in addresses if not is_open(address)]
            if closed:
                raise NotDelivered(
                    f"host {host} leads to {closed[0]}, an address inside a network; allow the host by name if it is "
                    "meant to",
                    for_good=True,
                )
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or NotDelivered(f"host {host} has no address")


class HookSender:
    """Sends web hooks from one process.

    Args:
        allowed: hosts, or ``host:port``, that may lie inside a network.
        tls: how certificates are checked; as this machine does, if left out.
        gives_up_after: seconds for an attempt.
    """

    def __init__(
        self,
        allowed: Collection[str] = (),
        *,
        tls: ssl.SSLContext | None = None,
        gives_up_after: float = GIVES_UP_AFTER,
    ) -> None:
        self._allowed = allowed
        self._tls = tls or ssl.create_default_context()
        self._gives_up_after = gives_up_after

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, secrets: Collection[str] = ()
    ) -> Delivered:
        """Make one attempt.

        Args:
            method: of the request.
            url: where to.
            headers: as they go out.
            body: as it goes out.
            secrets: what was read for this attempt. No answer and no error has any of them.

        Raises:
            NotDelivered: it has not arrived, or nobody knows.
        """
        url = url_to_ask(url)
        hiding = Hiding(secrets)
        if len(body) > LONGEST_BODY:
            raise NotDelivered(f"the body has {len(body)} bytes; a web hook has at most {LONGEST_BODY}", for_good=True)
        try:
            async with asyncio.timeout(self._gives_up_after):
                status, answered, answer, is_cut = await self._exchange(method, url, headers, body)
        except TimeoutError:
            raise NotDelivered(f"no whole answer within {self._gives_up_after:g} s", may_have_arrived=True) from None
        except httpcore.TimeoutException as error:
            raise NotDelivered(f"no answer: {type(error).__name__}", may_have_arrived=True) from None
        except httpcore.ConnectError as error:
            raise NotDelivered(f"no connection: {hiding.line(str(error))}") from None
        except httpcore.LocalProtocolError as error:  # it quotes the header that it does not take
            raise NotDelivered(f"not sent: {hiding.line(str(error))}") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise NotDelivered(
                f"the connection broke: {hiding.line(str(error) or type(error).__name__)}", may_have_arrived=True
            ) from None
        except NotDelivered:
            raise
        except Exception as error:  # noqa: BLE001  one that nobody foresaw is an attempt too, and is seen on record
            raise unforeseen(error, hiding) from None
        return _judged(status, answered, hiding.line(answer, is_cut=is_cut))

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], str, bool]:
        """The status, the headers and the text of the answer, and whether that was cut."""
        async with httpcore.AsyncConnectionPool(
            ssl_context=self._tls, network_backend=_CheckedAddresses(self._allowed), keepalive_expiry=0
        ) as pool:
            sent = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
            sent += [(b"Host", urlsplit(url).netloc.encode("ascii"))]
            async with pool.stream(method, url, headers=sent, content=body) as response:
                answered = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}
                answer = b""
                async for chunk in response.aiter_stream():
                    answer += chunk
                    if len(answer) > LONGEST_ANSWER:
                        # Whoever answers so much is not read to the end; what counts is the status.
                        break
                text = answer[:LONGEST_ANSWER].decode("utf-8", "replace")
                return response.status, answered, text, len(answer) > LONGEST_ANSWER


def url_to_ask(url: str) -> str:
    """A URL as it is requested, looked at before anything is sent: in ASCII, whatever script it is written in.

    Raises:
        NotDelivered: it is none that a web hook may have.
    """
    try:
        asked = ascii_url(url)
        parts = urlsplit(asked)
        port = parts.port
    except ValueError as error:
        raise NotDelivered(f"the URL can't be read: {Hiding().line(str(error))}", for_good=True) from None
    if parts.scheme not in {"http", "https"}:
        raise NotDelivered(f"scheme {parts.scheme or 'none'!r}: a web hook goes to http or https", for_good=True)
    if not parts.hostname:
        raise NotDelivered("the URL names no host", for_good=True)
    if port == 0 or parts.username or parts.password:
        raise NotDelivered("the URL has a user, a password or port 0; put secrets into headers", for_good=True)
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        raise NotDelivered("the URL holds spaces or control characters", for_good=True)
    return asked


def _allowed(name: str) -> str:
    """A host that is allowed, with its port if it has one, as hosts are looked up."""
    host, colon, port = name.rpartition(":") if not name.isascii() and ":" in name else (name, "", "")
    try:
        return f"{ascii_host(host)}{colon}{port}".lower()
    except ValueError:  # no host has that name
        return name.lower()


def _judged(status: int, answered: Mapping[str, str], answer: str) -> Delivered:
    """What an answer means: only 2xx is success, and a redirect is not followed."""
    line = f"HTTP {status}" + (f": {answer}" if answer else "")
    if 200 <= status < 300:  # noqa: PLR2004  the success of HTTP
        return Delivered(line)
    if 300 <= status < 400:  # noqa: PLR2004  the redirects of HTTP
        raise NotDelivered(f"HTTP {status}: a redirect is not followed")
    if status == _GONE:
        raise NotDelivered(f"{line}; the receiver wants nothing more", for_good=True, is_gone=True)
    if status in _SAYS_WHEN:
        at_least = _retry_after(answered.get("retry-after", ""))
        raise NotDelivered(line, at_least=at_least, slows_down=status in _SLOWS_DOWN)
    # 4xx is tried again too: a receiver that is being deployed answers 404 for a while.
    is_own = 400 <= status < 500 and status not in _OF_THE_RECEIVER  # noqa: PLR2004  the client's errors of HTTP
    raise NotDelivered(line, concerns="message" if is_own else "receiver")


def _retry_after(text: str) -> timedelta:
    """What ``Retry-After`` asks for: seconds, or an HTTP date; nothing where it can't be read."""
    if text.strip().isdecimal():
        return timedelta(seconds=min(int(text.strip()[:9]), 10**6))
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return timedelta()
    if at.utcoffset() is None:
        return timedelta()
    return max(at - datetime.now(UTC), timedelta())
