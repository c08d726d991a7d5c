"""A real SMTP server on the loopback that behaves as a test tells it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Behaviour:
    """What the server answers; what it took.

    Attributes:
        recipient: to a recipient.
        data: to the message itself.
        drops: when it ends the connection: before the message, or after it has all of it.
        taken: mails.
        asked: recipients that it was told of.
    """

    recipient: str = "250 OK"
    data: str = "250 taken as 4711"
    drops: str = ""
    taken: list[EmailMessage] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name and order
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.drops == "before":
            assert server.transport is not None
            server.transport.abort()  # type: ignore[attr-defined]  # a transport of a stream
        self.asked.append(address)
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's
        assert isinstance(envelope.content, bytes)
        if self.data.startswith("250"):
            self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        if self.drops == "after":
            assert server.transport is not None
            server.transport.abort()  # type: ignore[attr-defined]  # a transport of a stream
        return self.data


def _knows(_: Any, __: Any, ___: Any, ____: Any, given: Any) -> AuthResult:
    return AuthResult(success=(given.login, given.password) == (b"milepost", b"hunter2"), handled=False)


@asynccontextmanager
async def mail_server(
    behaviour: object, *, over: ssl.SSLContext | None = None, knows_utf8: bool = True, **how: Any
) -> AsyncIterator[int]:
    """Its port, for as long as a test needs it.

    Args:
        behaviour: what it answers.
        over: encrypts the connection from its first byte on.
        knows_utf8: whether it offers SMTPUTF8.
        how: more arguments of aiosmtpd's.
    """
    made = partial(SMTP, behaviour, hostname="127.0.0.1", authenticator=_knows, enable_SMTPUTF8=knows_utf8, **how)
    server = await asyncio.get_running_loop().create_server(made, "127.0.0.1", 0, ssl=over)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def certificate(folder: Path, name: str = "127.0.0.1") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The context of a server whose certificate is made out to a name, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    other: x509.GeneralName = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([other]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, private)
    return server, ssl.create_default_context(cafile=str(chain))
