"""Mail on the wire: one attempt to hand a message to an SMTP server."""

from __future__ import annotations

import asyncio
import base64
import copy
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from enum import Enum

import aiosmtplib

from activities.delivery.outcomes import NotDelivered, unforeseen
from domain.bounds import cut_for_search
from domain.delivery.encryption import Encryption
from domain.delivery.hiding import Hiding
from domain.delivery.hosts import ascii_host
from domain.delivery.mailboxes import address_of, on_the_wire, one_line

GIVES_UP_AFTER = 30.0
"""Seconds for a whole attempt."""
_LEAVES_WITHIN = 2.0
"""Seconds in which a server is to say goodbye, once it has taken a mail or has not."""

_SHOWN = 200
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in.

    Attributes:
        encryption: what is asked for; a server that does not offer it gets nothing.
        password: never shown.
        sender: the address that mail comes from; its domain is that of the message ids.
        tls: how certificates are checked; as this machine does, if left out.
    """

    host: str
    sender: str
    port: int = 587
    encryption: Encryption = Encryption.STARTTLS
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    gives_up_after: float = GIVES_UP_AFTER
    tls: ssl.SSLContext | None = None

    @property
    def domain(self) -> str:
        """Of the ids of messages."""
        try:
            return ascii_host(self.sender.rpartition("@")[2].strip(">")) or "localhost"
        except ValueError:
            return "localhost"

    @property
    def hiding(self) -> Hiding:
        """What masks the password in words of the server, which may repeat the login that it refuses."""
        if not self.password:
            return Hiding()
        login = f"\0{self.user or ''}\0{self.password}".encode("utf-8", "surrogatepass")
        return Hiding([self.password, base64.b64encode(login).decode()])


class Verdict(Enum):
    """What became of a recipient in one attempt: the server took the mail, may do so later, or never will."""

    TAKEN = "taken"
    LATER = "later"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Said:
    """What a server said of one recipient, in one line."""

    line: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail.

    Attributes:
        kind: of its content type, before the slash; `form` behind it.
    """

    name: str
    kind: str
    form: str
    content: bytes = field(repr=False)


def message(  # noqa: PLR0917  in the order of a mail's own parts
    server: MailServer,
    key: str,
    to: Sequence[str],
    subject: str,
    text: str,
    html: str | None = None,
    *,
    thread: str | None = None,
    headers: Mapping[str, str] | None = None,
    attachments: Sequence[Attachment] = (),
) -> EmailMessage:
    """A mail as it goes out.

    Args:
        server: whose domain and sender it has.
        key: the effect's: its `Message-ID`, alike for every attempt.
        to: addresses.
        subject: one line; line breaks in it become spaces, so that it can't add headers.
        text: the plain text.
        html: the same for those who read HTML.
        thread: what its mails have in common, such as ``case/INC1``: mail programs show them together.
        headers: more of them, of the caller's own.
        attachments: files that go with it.

    Raises:
        NotDelivered: an address is none.
    """
    made = EmailMessage(policy=SMTP)
    made["Message-ID"] = f"<{_local_part(key)}@{server.domain}>"
    if thread is not None:
        root = f"<{_local_part(thread)}@{server.domain}>"
        made["In-Reply-To"] = root
        made["References"] = root
    made["Date"] = datetime.now(UTC)
    made["From"] = _sender(server)
    made["To"] = _recipients(to)
    made["Subject"] = one_line(subject)
    made["Auto-Submitted"] = "auto-generated"
    for name, value in (headers or {}).items():
        made[name] = one_line(value)
    made.set_content(_sendable(text))
    if html is not None:
        made.add_alternative(_sendable(html), subtype="html")
    for file in attachments:
        made.add_attachment(file.content, maintype=file.kind, subtype=file.form, filename=file.name)
    return made


def known_as(text: str) -> str:
    """What an address is known by: without a name, in lower case."""
    address = address_of(text)
    return cut_for_search(text) if address is None else address.addr_spec.casefold()


def recipients(mail: EmailMessage) -> list[str]:
    """The addresses of a mail, each once."""
    return list({one.addr_spec.casefold(): one.addr_spec for one in mail["To"].addresses}.values())


def _sender(server: MailServer) -> Address | str:
    address = address_of(server.sender)
    return server.sender if address is None else on_the_wire(address)


def _recipients(to: Sequence[str]) -> list[Address]:
    """The addresses of a mail.

    Raises:
        NotDelivered: one of them is none, or there are none.
    """
    found: list[Address] = []
    for text in to:
        address = address_of(text)
        if address is None:
            raise NotDelivered(f"no mail can be sent to {one_line(text)[:_SHOWN]!r}", for_good=True)
        found.append(address)
    if not found:
        raise NotDelivered("the mail has no recipient", for_good=True)
    return found


async def send(server: MailServer, mail: EmailMessage, to: Sequence[str]) -> dict[str, Said]:
    """Make one attempt; returns what the server said of each recipient.

    Args:
        server: where it is handed in.
        mail: with all its recipients in its header.
        to: addresses of those who are to get it this time.

    Raises:
        NotDelivered: the server did not take it for anybody, for no reason of a recipient's own; or nobody knows.
    """
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.encryption is Encryption.TLS,
        start_tls=server.encryption is Encryption.STARTTLS,
        username=server.user,
        password=server.password,
        timeout=server.gives_up_after,
        tls_context=server.tls,
    )
    handed_in, hiding = False, server.hiding
    told = {one: _told(one) for one in to}
    refused: Mapping[str, tuple[int, str]]
    try:
        async with asyncio.timeout(server.gives_up_after):
            await client.connect()
            handed_in = True
            refused, answer = await client.send_message(
                _sendable_mail(mail), recipients=list(dict.fromkeys(told.values()))
            )
    except TimeoutError:
        client.close()
        raise NotDelivered(f"no answer within {server.gives_up_after:g} s", may_have_arrived=handed_in) from None
    except aiosmtplib.SMTPRecipientsRefused as error:
        refused, answer = {one.recipient: (one.code, one.message) for one in error.recipients}, ""
    except aiosmtplib.SMTPException as error:
        raise _failure(error, hiding, handed_in=handed_in) from None
    except (OSError, ssl.SSLError) as error:
        raise NotDelivered(f"no connection: {hiding.line(str(error))}", may_have_arrived=handed_in) from None
    except Exception as error:  # noqa: BLE001  one that nobody foresaw is an attempt too, and is seen on record
        raise unforeseen(error, hiding) from None
    finally:
        await _leave(client)
    taken = Said(hiding.line(answer), Verdict.TAKEN)
    return {one: _refusal(*refused[name], hiding) if name in refused else taken for one, name in told.items()}


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Take leave of the server. Whatever it says to that, or does not, changes nothing of what it took."""
    try:
        async with asyncio.timeout(_LEAVES_WITHIN):
            await client.quit()
    except (aiosmtplib.SMTPException, OSError):  # TimeoutError among them
        pass
    finally:
        client.close()


def _told(recipient: str) -> str:
    """An address as the server is told it: one that it can't be told, it refuses for all of a mail's recipients."""
    address = address_of(recipient)
    return recipient if address is None else on_the_wire(address).addr_spec


def _sendable_mail(mail: EmailMessage) -> EmailMessage:
    """The same mail with addresses that every server takes in its header; people see them as they were written."""
    to = mail["To"].addresses
    if all(one.domain.isascii() for one in to):
        return mail
    sendable = copy.deepcopy(mail)
    sendable.replace_header("To", [on_the_wire(one) for one in to])
    return sendable


def _refusal(code: int, answer: str, hiding: Hiding) -> Said:
    return Said(f"{code} {hiding.line(answer)}", Verdict.NEVER if code >= _PERMANENT else Verdict.LATER)


def _failure(error: aiosmtplib.SMTPException, hiding: Hiding, *, handed_in: bool) -> NotDelivered:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return NotDelivered(f"login refused: {error.code} {hiding.line(error.message)}")
        case aiosmtplib.SMTPResponseException():
            line = f"{error.code} {hiding.line(error.message)}"
            return NotDelivered(line, for_good=handed_in and error.code >= _PERMANENT)
        case aiosmtplib.SMTPServerDisconnected():
            return NotDelivered("the server ended the connection", may_have_arrived=handed_in)
        case aiosmtplib.SMTPTimeoutError():
            return NotDelivered("the server did not answer in time", may_have_arrived=handed_in)
        case _:
            return NotDelivered(hiding.line(str(error) or type(error).__name__), may_have_arrived=handed_in)


def _local_part(key: str) -> str:
    """A key as the first half of a message id: what such an id may not hold is percent-encoded with ``~``."""
    return re.sub(r"[^A-Za-z0-9/_+=~-]", lambda found: "".join(f"~{b:02X}" for b in found[0].encode()), key)


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
