"""Mail on a real wire: what goes out, and one line for each way in which it does not."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import AuthResult

from activities.delivery.outcomes import NotDelivered
from activities.delivery.smtp import MailServer, Verdict, message, recipients, send
from domain.delivery.encryption import Encryption
from tests.activities.delivery.mail_server import Behaviour, certificate, mail_server

KEY = "INC.1/gold/first-response/1/warning-75-percent/1/email"


def at(port: int, **how: Any) -> MailServer:
    asked: dict[str, Any] = {"encryption": Encryption.NONE, "gives_up_after": 5, **how}
    return MailServer("127.0.0.1", "Milepost <sla@example.org>", port, **asked)


async def handed_in(server: MailServer, **parts: Any) -> str:
    mail: dict[str, Any] = {"to": ["ann@example.org"], "subject": "Due soon", "text": "In an hour.", **parts}
    made = message(server, KEY, **mail)
    [said] = set((await send(server, made, recipients(made))).values())
    return said.line


async def refusal(server: MailServer, **parts: Any) -> NotDelivered:
    with pytest.raises(NotDelivered) as refused:
        await handed_in(server, **parts)
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)
    return refused.value


async def test_a_mail_arrives_as_it_was_written() -> None:
    """With its key as its id, in the thread of its case, with its date, marked as written by a machine."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        said = await handed_in(
            at(port),
            to=["ann@example.org", "Bo <bo@example.org>"],
            html="<p>In an <b>hour</b>.</p>",
            thread="case/INC.1",
        )
    assert "4711" in said
    [mail] = behaviour.taken
    assert mail["Message-ID"].strip() == "<INC~2E1/gold/first-response/1/warning-75-percent/1/email@example.org>"
    assert mail["In-Reply-To"] == mail["References"] == "<case/INC~2E1@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert abs(datetime.now(UTC) - mail["Date"].datetime) < timedelta(minutes=10)
    assert (mail["Subject"], mail["From"]) == ("Due soon", "Milepost <sla@example.org>")
    assert mail["To"] == "ann@example.org, Bo <bo@example.org>"
    text, html = (part.get_content().strip() for part in mail.iter_parts())
    assert (text, html) == ("In an hour.", "<p>In an <b>hour</b>.</p>")


async def test_a_subject_adds_no_headers() -> None:
    """Line breaks of whatever kind become spaces."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        for ends in ("\r\n", "\n", "\r", "\x85", "\u2028", "\x0b"):
            await handed_in(at(port), subject=f"Due{ends}Bcc: eve@example.org{ends}{ends}Body")
    assert len(behaviour.taken) == 6
    for mail in behaviour.taken:
        assert mail["Bcc"] is None
        assert mail["Subject"].split() == ["Due", "Bcc:", "eve@example.org", "Body"]


@pytest.mark.parametrize(
    "to", [[""], ["nobody"], ["jürgen@example.org"], ["jo@ex..ämple.de"], ["a@b\r\nBcc: c@d"], ["<>"], ["@"], [","], []]
)
async def test_what_is_no_address_is_refused_for_good(to: list[str]) -> None:
    with pytest.raises(NotDelivered) as refused:
        message(at(1), KEY, to, "s", "t")
    assert refused.value.for_good


async def test_text_of_any_script_arrives() -> None:
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        await handed_in(at(port), subject="Überfällig 期限切れ \ud800", text="Grüße \ud800 مرحبا\n.\nlast")
    assert behaviour.taken[0]["Subject"] == "Überfällig 期限切れ ?"
    assert behaviour.taken[0].get_content().replace("\r\n", "\n").strip() == "Grüße ? مرحبا\n.\nlast"


async def test_a_connection_that_ends_after_the_mail_may_have_delivered_it() -> None:
    """It is sent again under the same id; by that its reader knows."""
    behaviour = Behaviour(drops="after")
    async with mail_server(behaviour) as port:
        refused = await refusal(at(port))
    assert (refused.for_good, refused.may_have_arrived) == (False, True)
    assert len(behaviour.taken) == 1


async def test_starttls_with_a_login(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    behaviour = Behaviour()
    async with mail_server(behaviour, tls_context=server, require_starttls=True, auth_required=True) as port:
        where = {"encryption": Encryption.STARTTLS, "tls": client, "user": "milepost"}
        await handed_in(at(port, **where, password="hunter2"))  # noqa: S106  the test server's own
        refused = await refusal(at(port, **where, password="hunter3"))  # noqa: S106  a wrong one
    assert str(refused).startswith("login refused: 535")
    assert not refused.for_good
    assert len(behaviour.taken) == 1


class Repeating:
    """Refuses a login, or a recipient after one, by repeating what it was told."""

    def __init__(self, *, takes_logins: bool) -> None:
        self._takes_logins = takes_logins

    async def auth_PLAIN(self, server: Any, args: list[str]) -> AuthResult | None:  # noqa: N802  aiosmtpd's name
        if self._takes_logins:
            return AuthResult(success=True)
        told = b64decode(args[1]).split(b"\0")[2].decode()
        await server.push(f"535 5.7.8 AUTH PLAIN {args[1]}: password {told} is wrong")
        return AuthResult(success=False, handled=True)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        return "450 4.7.1 not for hunter2-'s word"


@pytest.mark.parametrize("takes_logins", [False, True])
async def test_a_server_that_repeats_the_password_is_not_quoted(tmp_path: Path, takes_logins: bool) -> None:  # noqa: FBT001
    """Neither the password nor the login that holds it is in what is kept."""
    over, client = certificate(tmp_path)
    login = {"encryption": Encryption.STARTTLS, "tls": client, "user": "milepost", "password": "hunter2-'s word"}
    how: dict[str, Any] = {"tls_context": over, "require_starttls": True, "auth_required": True}
    how["auth_exclude_mechanism"] = ["LOGIN", "CRAM-MD5"]
    async with mail_server(Repeating(takes_logins=takes_logins), **how) as port:
        line = await handed_in(at(port, **login)) if takes_logins else str(await refusal(at(port, **login)))
    assert "***" in line
    assert "s word" not in line
    assert b64encode(b"milepost\0hunter2").decode()[2:10] not in line
    assert "AG1pbGVwb3N0" not in line


def test_the_password_is_not_shown() -> None:
    assert "hunter2" not in repr(at(25, user="milepost", password="hunter2"))  # noqa: S106  what is not shown


@pytest.mark.parametrize("knows_utf8", [False, True])
async def test_a_domain_of_any_script_goes_over_the_wire_in_ascii(knows_utf8: bool) -> None:  # noqa: FBT001
    """In envelope and header, from either side, and the answers are of the addresses as they were written."""
    behaviour = Behaviour()
    async with mail_server(behaviour, knows_utf8=knows_utf8) as port:
        server = MailServer("127.0.0.1", "Milepost <sla@münchen.example>", port, Encryption.NONE, gives_up_after=5)
        made = message(server, KEY, ["ann@example.org", "Jo <jo@exämple.de>"], "s", "t")
        said = await send(server, made, recipients(made))
    assert list(said) == ["ann@example.org", "jo@exämple.de"]
    assert {one.verdict for one in said.values()} == {Verdict.TAKEN}
    [mail] = behaviour.taken
    assert (mail["To"], behaviour.asked) == (
        "ann@example.org, Jo <jo@xn--exmple-cua.de>",
        ["ann@example.org", "jo@xn--exmple-cua.de"],
    )
    assert mail["From"] == "Milepost <sla@xn--mnchen-3ya.example>"
    assert mail["Message-ID"].strip().endswith("@xn--mnchen-3ya.example>")
    assert made["To"] == "ann@example.org, Jo <jo@exämple.de>", "whoever reads on sees it as it was written"


async def test_a_refusal_is_of_the_address_as_it_was_written() -> None:
    async with mail_server(Behaviour(recipient="550 no such user"), knows_utf8=False) as port:
        made = message(at(port), KEY, ["jo@exämple.de"], "s", "t")
        said = await send(at(port), made, recipients(made))
    assert {name: one.verdict for name, one in said.items()} == {"jo@exämple.de": Verdict.NEVER}


async def test_an_error_that_nobody_foresaw_is_a_failed_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its kind, and without the password."""

    async def breaks(*_: Any, **__: Any) -> Any:
        raise TypeError("planted, hunter2")

    monkeypatch.setattr(aiosmtplib.SMTP, "send_message", breaks)
    async with mail_server(Behaviour()) as port:
        refused = await refusal(at(port, password="hunter2"))  # noqa: S106  what is not shown
    assert str(refused) == "not sent, by an unexpected error: TypeError: planted, ***"
    assert (refused.for_good, refused.concerns) == (False, "message")
