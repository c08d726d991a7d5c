"""A mail server, in a process of its own, that fails in every way: what happened is on record in one line each."""

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.actions.attempts import NOT_DELIVERED
from activities.actions.dispatch import Dispatcher
from activities.actions.outside import Outside
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.delivery.encryption import Encryption
from store import Store
from tests.activities.actions.sending import KEY, effect, mail_server_at
from tests.activities.delivery.failing_mail_server import Failing, failing_mail_server
from tests.activities.delivery.mail_server import certificate

MAIL = {"do": "email", "to": "ann@example.org", "subject": "Due soon", "body": "In an hour."}


@dataclass(frozen=True)
class Row:
    """A way to fail.

    Attributes:
        server: how it fails.
        line: what is on record.
        how: Milepost is told to reach it.
        status: of the delivery after one attempt.
        taken: mails that the server has.
        is_away: nobody listens any more.
        certified: to whom its certificate is made out; None: nobody whom Milepost knows vouches for it.
    """

    server: Failing
    line: str
    how: dict[str, Any] = field(default_factory=dict)
    status: str = "waits"
    taken: int = 0
    is_away: bool = False
    certified: str | None = "127.0.0.1"


STARTTLS, TLS = ({"encryption": one} for one in (Encryption.STARTTLS, Encryption.TLS))
WRONG = {"user": "milepost", "password": "hunter3"}
ROWS = {
    "refuses": Row(Failing(), r"Error connecting to 127.0.0.1 on port \d+: .*", is_away=True),
    "says nothing": Row(Failing(silent=True), r"no answer within 0.5 s", {"gives_up_after": 0.5}),
    "delays, within the time": Row(Failing(delays=0.3), r".*taken as 4711.*", status="sent", taken=1),
    "delays, beyond the time": Row(Failing(delays=60), r"no answer within 2 s", {"gives_up_after": 2}, taken=1),
    "says no goodbye": Row(Failing(stays=True), r".*taken as 4711.*", {"gives_up_after": 1}, status="sent", taken=1),
    "4xx to the sender": Row(Failing(sender="421 too busy"), r"421 too busy"),
    "4xx to a recipient": Row(Failing(recipient="450 try later"), r"recipient refused: 450 try later"),
    "4xx to the message": Row(Failing(data="451 not now"), r"451 not now"),
    "5xx to the sender": Row(Failing(sender="550 not you"), r"550 not you", status="failed"),
    "5xx to a recipient": Row(
        Failing(recipient="550 no such user"), r"recipient refused: 550 no such user", status="failed"
    ),
    "5xx to the message": Row(Failing(data="552 too much"), r"552 too much", status="failed"),
    "drops before DATA": Row(Failing(drops="before"), r"the server ended the connection|.*[Cc]onnection.*"),
    "drops after DATA": Row(Failing(drops="after"), r"the server ended the connection|.*[Cc]onnection.*", taken=1),
    "no STARTTLS": Row(Failing(), r".*STARTTLS.*", STARTTLS),
    "no TLS": Row(Failing(), r"no connection: .*|.*SSL.*", TLS),
    "STARTTLS by another name": Row(
        Failing(offers="starttls"), r".*certificate.*", STARTTLS, certified="mail.example.org"
    ),
    "STARTTLS of a stranger": Row(Failing(offers="starttls"), r".*certificate.*", STARTTLS, certified=None),
    "TLS by another name": Row(Failing(offers="tls"), r".*certificate.*", TLS, certified="mail.example.org"),
    "TLS of a stranger": Row(Failing(offers="tls"), r".*certificate.*", TLS, certified=None),
    "a wrong password": Row(
        Failing(offers="starttls", needs_login=True), r"login refused: 535 .*", {**STARTTLS, **WRONG}
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_what_happened_is_on_record_in_one_line(
    name: str, store: Store, rendering: Renderer, tmp_path: Path
) -> None:
    """Of each way to fail, with whether another attempt follows; no line has the password."""
    row, file = ROWS[name], tmp_path / "taken.txt"
    how = dict(row.how)
    if row.server.offers != "none":
        made_out_to = row.certified or "127.0.0.1"
        _, trusting = certificate(tmp_path, made_out_to)
        for ending in (".pem", ".key"):
            (tmp_path / f"{made_out_to}{ending}").rename(file.with_suffix(ending))
        how["tls"] = trusting if row.certified else ssl.create_default_context()
    async with failing_mail_server(row.server, file) as there:
        if row.is_away:
            await there.end()
        outside = Outside(store, Means(mail=mail_server_at(there.port, **how), sends_rehearsals=True))
        one = Dispatcher(store.actions, store.catalog, rendering, outside)
        if row.status == "sent":
            await one.perform(effect(MAIL))
        else:
            with pytest.raises(ApplicationError) as failed:
                await one.perform(effect(MAIL))
            assert failed.value.type == NOT_DELIVERED
            assert failed.value.non_retryable is (row.status == "failed")
    [delivery] = store.deliveries.of_case("c-1")
    assert (delivery.status, delivery.attempts) == (row.status, 1)
    assert re.fullmatch(row.line, delivery.answer), delivery.answer
    assert "hunter" not in delivery.answer
    assert there.taken == [f"<{KEY}@example.org>"] * row.taken
