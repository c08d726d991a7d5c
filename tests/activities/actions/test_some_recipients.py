"""A mail that the server takes for some recipients: nobody gets it twice or is given up early, and all is on record."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.actions.attempts import NOT_DELIVERED, WAITS
from activities.actions.dispatch import Dispatcher
from activities.actions.outside import Outside
from activities.actions.redelivering import Redelivering
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.delivery.naming import UNNAMED, without_addresses
from domain.delivery.schedule import MOST_ATTEMPTS, delay_after
from domain.messages.redelivery import RedeliveryOrder
from store import Store
from store.values import Delivery
from tests.activities.actions.sending import KEY, NOON, effect, mail_server_at
from tests.activities.actions.test_quiet import limited, pass_an_hour
from tests.activities.delivery.mail_server import Behaviour, mail_server

ANN, BO, CY = (f"{name}@example.org" for name in ("ann", "bo", "cy"))
LATER, NEVER = "450 greylisted, try later", "550 no such user"
MAIL = {"do": "email", "to": [ANN, BO], "subject": "Due soon", "body": "In an hour."}


@dataclass
class Picky(Behaviour):
    """Says something of its own to some recipients; knows who got which mail."""

    refuses: dict[str, str] = field(default_factory=dict)
    got: list[tuple[str, str]] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        self.asked.append(address)
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's
        said = await super().handle_DATA(server, session, envelope)
        if said.startswith("250"):
            self.got += [(address, str(self.taken[-1]["Message-ID"]).strip()) for address in envelope.rcpt_tos]
        return said


def worker(store: Store, rendering: Renderer, port: int, pace: float = 2000) -> Dispatcher:
    """A worker that knows what the store knows, and nothing else."""
    means = Means(mail=mail_server_at(port), sends_rehearsals=True, pace=pace)
    return Dispatcher(store.actions, store.catalog, rendering, Outside(store, means))


async def failure(one: Dispatcher, **mail: Any) -> ApplicationError:
    with pytest.raises(ApplicationError) as failed:
        await one.perform(effect({**MAIL, **mail}))
    assert failed.value.type == NOT_DELIVERED
    assert "\n" not in failed.value.message
    return failed.value


def times(picky: Picky) -> dict[str, int]:
    """How often each has got the mail of the one key."""
    assert {message_id for _, message_id in picky.got} <= {f"<{KEY}@example.org>"}
    addresses = [address for address, _ in picky.got]
    return {address: addresses.count(address) for address in addresses}


async def test_who_is_refused_for_now_gets_it_later(store: Store, rendering: Renderer) -> None:
    """By the schedule, under the same id, from whichever worker is there; who has it does not get it again."""
    picky = Picky(refuses={BO: LATER})
    async with mail_server(picky) as port:
        for attempt in (1, 2):
            failed = await failure(worker(store, rendering, port))
            assert failed.next_retry_delay == delay_after(attempt, KEY, pace=2000)
            assert failed.message == f"attempt {attempt}: refused for now for {UNNAMED}: {LATER}; {UNNAMED} has it"
            [waiting] = store.deliveries.of_case("c-1")
            assert (waiting.status, waiting.attempts, waiting.to) == ("waits", attempt, f"{ANN}, {BO}")
            assert times(picky) == {ANN: 1}
            assert store.actions.mails("c-1")[0].to == [ANN], "the log has who got it"
        picky.refuses = {}
        await worker(store, rendering, port).perform(effect(MAIL))
        await worker(store, rendering, port).perform(effect(MAIL))
    assert times(picky) == {ANN: 1, BO: 1}
    assert [mail["To"] for mail in picky.taken] == [f"{ANN}, {BO}"] * 2
    [sent] = store.deliveries.of_case("c-1")
    assert (sent.status, sent.attempts) == ("sent", 3)
    [logged] = store.actions.mails("c-1")
    assert (logged.to, "4711" in (logged.answer or "")) == ([ANN, BO], True)


async def test_an_address_of_another_script_holds_up_nobody(store: Store, rendering: Renderer) -> None:
    """Its domain goes out in ASCII, which servers take that know no other; what has no such form gets nothing."""
    picky = Picky()
    async with mail_server(picky, knows_utf8=False) as port:
        to = [ANN, "jo@exämple.de", "jürgen@example.org"]
        await worker(store, rendering, port).perform(effect({**MAIL, "to": to}))
    assert times(picky) == {ANN: 1, "jo@xn--exmple-cua.de": 1}
    [sent] = store.actions.mails("c-1")
    assert sent.to == [ANN, "jo@exämple.de"]
    assert sent.remark is not None
    assert "jürgen@example.org" in sent.remark


async def test_who_is_never_reached_fails_the_action(store: Store, rendering: Renderer) -> None:
    """When the schedule ends, it says who has it and who has not; a retry by hand is for the others alone."""
    picky = Picky(refuses={BO: LATER, CY: NEVER})
    async with mail_server(picky) as port:
        for _ in range(1, MOST_ATTEMPTS):
            assert not (await failure(worker(store, rendering, port), to=[ANN, BO, CY])).non_retryable
        last = await failure(worker(store, rendering, port), to=[ANN, BO, CY])
        assert last.non_retryable
        assert last.message == (
            f"refused for now for {UNNAMED}: {LATER}; refused for good for {UNNAMED}: {NEVER}; {UNNAMED} has it; "
            f"that was attempt {MOST_ATTEMPTS}, the last"
        )
        assert picky.asked.count(CY) == 1, "who was refused for good is not asked for again"
        [failed] = store.deliveries.of_case("c-1")
        assert failed.status == "failed"
        picky.refuses = {}
        await worker(store, rendering, port).perform(effect({**MAIL, "to": [ANN, BO, CY]}))
    assert times(picky) == {ANN: 1, BO: 1, CY: 1}
    assert store.deliveries.of_case("c-1")[0].status == "sent"


async def test_who_is_refused_for_good_is_named_where_others_have_it(store: Store, rendering: Renderer) -> None:
    """The action is done, and is not tried again; a delivery by hand is for those who had it."""
    picky = Picky(refuses={BO: NEVER})
    async with mail_server(picky) as port:
        await worker(store, rendering, port).perform(effect(MAIL))
        await worker(store, rendering, port).perform(effect(MAIL))
        assert times(picky) == {ANN: 1}
        [sent] = store.deliveries.of_case("c-1")
        assert (sent.status, sent.attempts) == ("sent", 1)
        assert sent.answer.endswith(f"; refused for good for {BO}: {NEVER}")
        assert store.actions.of_case("c-1")[0].status == "done"
        [logged] = store.actions.mails("c-1")
        assert (logged.to, logged.answer) == ([ANN], sent.answer)
        picky.refuses = {}
        outside = Outside(store, Means(mail=mail_server_at(port)))
        again = Redelivering(store, outside, worker(store, rendering, port))
        await again.attempt(RedeliveryOrder(key=KEY, by="ana", asked_at=NOON), "r-1")
    assert times(picky) == {ANN: 2}


async def test_a_mail_that_nobody_has_fails_for_good(store: Store, rendering: Renderer) -> None:
    """If all are refused for good, at once or one after the other."""
    picky = Picky(refuses={ANN: LATER, BO: NEVER})
    async with mail_server(picky) as port:
        first = await failure(worker(store, rendering, port))
        assert not first.non_retryable
        picky.refuses = {ANN: NEVER}
        last = await failure(worker(store, rendering, port))
    assert last.non_retryable
    assert last.message == "; ".join([f"refused for good for {UNNAMED}: {NEVER}"] * 2)
    assert picky.got == []


async def test_what_befalls_the_rest_is_no_loss_to_those_who_have_it(store: Store, rendering: Renderer) -> None:
    """A server that is away later says who has it; one that then refuses the message has refused the rest."""
    picky = Picky(refuses={BO: LATER})
    async with mail_server(picky) as port:
        await failure(worker(store, rendering, port))
        picky.refuses, picky.data = {}, "451 not now"
        assert (await failure(worker(store, rendering, port))).message == f"attempt 2: 451 not now; {UNNAMED} has it"
        picky.data = "554 looks like spam"
        await worker(store, rendering, port).perform(effect(MAIL))
    assert times(picky) == {ANN: 1}
    [sent] = store.deliveries.of_case("c-1")
    assert (sent.status, sent.attempts) == ("sent", 3)
    assert f"refused for good for {BO}: 554 looks like spam" in sent.answer


async def test_a_worker_that_died_in_between_sends_nothing_twice(store: Store, rendering: Renderer) -> None:
    """Who has the mail is in the store before the attempt is."""
    picky = Picky(refuses={BO: NEVER})
    died = store.deliveries.record_attempt
    async with mail_server(picky) as port:
        store.deliveries.record_attempt = _dies  # type: ignore[method-assign]
        with pytest.raises(ConnectionAbortedError):
            await worker(store, rendering, port).perform(effect(MAIL))
        store.deliveries.record_attempt = died  # type: ignore[method-assign]
        await worker(store, rendering, port).perform(effect(MAIL))
    assert times(picky) == {ANN: 1}
    [sent] = store.deliveries.of_case("c-1")
    assert sent.status == "sent"
    assert sent.answer.endswith(f"; refused for good for {BO}: {NEVER}")


def _dies(*_: Any, **__: Any) -> None:
    raise ConnectionAbortedError("the worker is gone")


async def test_who_waits_alone_holds_up_only_his_own_mails(store: Store, rendering: Renderer) -> None:
    """The next mail of the case goes to the others at once; one to him alone waits for its turn."""
    picky = Picky(refuses={BO: "452 mailbox is full"})
    later = {"due_at": NOON.replace(minute=5)}
    async with mail_server(picky) as port:
        one = worker(store, rendering, port)
        await failure(one)
        await one.perform(effect({**MAIL, "to": ANN}, key="c-1/next", **later))
        with pytest.raises(ApplicationError) as waits:
            await one.perform(effect({**MAIL, "to": BO}, key="c-1/his", **later))
    assert waits.value.type == WAITS
    assert picky.got[-1] == (ANN, "<c-1/next@example.org>")


async def test_limits_count_those_who_have_it(store: Store, rendering: Renderer) -> None:
    """Nobody gets a mail once by itself and once in a digest."""
    limited(store, mails_per_recipient=1)
    picky = Picky(refuses={BO: LATER})
    async with mail_server(picky) as port:
        one = worker(store, rendering, port, pace=1)
        await failure(one)
        with pytest.raises(ApplicationError) as held:
            await one.perform(effect({**MAIL, "to": ANN}, key="c-1/next"))
        assert held.value.message.startswith(f"held for a digest to {UNNAMED}")
        picky.refuses = {}
        await one.perform(effect(MAIL))
    assert [address for address, message_id in picky.got if KEY in message_id] == [ANN, BO]
    assert store.quiet.held_for(KEY) == []


async def test_who_is_refused_for_now_holds_up_no_digest(store: Store, rendering: Renderer) -> None:
    """Somebody who had too many mails has the digest after an hour, whatever becomes of the others."""
    limited(store, mails_per_recipient=1)
    picky = Picky(refuses={BO: LATER})
    async with mail_server(picky) as port:
        one = worker(store, rendering, port, pace=1)
        await one.perform(effect({**MAIL, "to": CY}, key="c-1/before"))
        await failure(one, to=[ANN, BO, CY])
        pass_an_hour(store)
        await failure(one, to=[ANN, BO, CY])
        assert [mail["To"] for mail in picky.taken] == [CY, f"{ANN}, {BO}", CY]
        picky.refuses = {}
        await one.perform(effect({**MAIL, "to": [ANN, BO, CY]}))
    assert [address for address, message_id in picky.got if KEY in message_id] == [ANN, BO]
    [mail] = [mail for mail in store.actions.mails("c-1") if mail.key == KEY]
    assert mail.to == [ANN, BO, CY]
    assert "in the digest" in (mail.answer or "")


async def _in_two_digests(store: Store, one: Dispatcher) -> None:
    """A mail to two, held for a digest to each; the hour is over."""
    limited(store, mails_per_case=1)
    await one.perform(effect({**MAIL, "to": CY}, key="c-1/before"))
    assert (await _waits(one)).startswith("held for a digest to ")
    pass_an_hour(store)


async def _waits(one: Dispatcher, **mail: Any) -> str:
    with pytest.raises(ApplicationError) as waiting:
        await one.perform(effect({**MAIL, **mail}))
    assert waiting.value.type == WAITS
    return waiting.value.message


def _of_the_mail(store: Store) -> Delivery:
    [delivery] = [one for one in store.deliveries.of_case("c-1") if one.key == KEY]
    return delivery


@pytest.mark.parametrize("first", [None, ANN, BO])
async def test_a_digest_that_is_refused_for_one_ends_as_a_partial_mail(
    store: Store, rendering: Renderer, first: str | None
) -> None:
    """Whichever digest goes first, and whether another mail sends it: it is done, and says to whom it was refused."""
    picky = Picky(refuses={BO: NEVER})
    async with mail_server(picky) as port:
        one = worker(store, rendering, port, pace=1)
        await _in_two_digests(store, one)
        if first is not None:
            with contextlib.suppress(ApplicationError):
                await one.perform(effect({**MAIL, "to": first}, key="c-1/other"))
        await one.perform(effect(MAIL))
        await one.perform(effect(MAIL))
        sent = _of_the_mail(store)
        assert (sent.status, sent.to) == ("sent", f"{ANN}, {BO}")
        refused = rf"refused for good for {BO}: the digest \S+ failed: recipient refused: {NEVER}"
        assert re.fullmatch(rf"in the digest \S+: taken.*; {refused}", sent.answer)
        assert {name: one.has_it for name, one in store.mail_recipients.of(KEY).items()} == {ANN: True, BO: False}
        [logged] = [mail for mail in store.actions.mails("c-1") if mail.key == KEY]
        assert (logged.to, logged.answer) == ([ANN], sent.answer)
        assert [action.status for action in store.actions.of_case("c-1") if action.key == KEY] == ["done"]
    assert [address for address, _ in picky.got].count(ANN) == 1


async def test_a_retry_is_for_those_alone_whose_digest_never_came(store: Store, rendering: Renderer) -> None:
    """A digest that was tried to the end has reached nobody; who had one of their own gets nothing more."""
    picky = Picky(refuses={BO: LATER})
    async with mail_server(picky) as port:
        one = worker(store, rendering, port, pace=1)
        await _in_two_digests(store, one)
        for _ in range(MOST_ATTEMPTS - 1):
            assert LATER in await _waits(one)
            for _ in range(27):
                pass_an_hour(store)
        failed = await failure(one)
        assert failed.non_retryable
        assert failed.message.startswith(f"not reached: {UNNAMED}: the digest ")
        assert failed.message.endswith(f"{LATER}; {UNNAMED} has it")
        assert _of_the_mail(store).status == "failed"
        assert f"not reached: {BO}" in _of_the_mail(store).answer
        assert without_addresses(_of_the_mail(store).answer) == failed.message
        picky.refuses = {}
        await one.perform(effect(MAIL))
    assert [address for address, _ in picky.got] == [CY, ANN, BO]
    assert _of_the_mail(store).status == "sent"


async def test_digests_that_are_all_refused_fail_the_mail(store: Store, rendering: Renderer) -> None:
    """Nobody has it, so that a retry is for all."""
    picky = Picky(refuses={ANN: NEVER, BO: NEVER})
    async with mail_server(picky) as port:
        one = worker(store, rendering, port, pace=1)
        await _in_two_digests(store, one)
        assert (await failure(one)).message.count("refused for good for") == 2
        assert _of_the_mail(store).status == "failed"
        picky.refuses = {}
        await one.perform(effect(MAIL))
    assert [address for address, _ in picky.got] == [CY, ANN, BO]


@pytest.mark.parametrize("refused", [ANN, BO])
async def test_who_is_refused_keeps_nobody_from_the_other_way(store: Store, rendering: Renderer, refused: str) -> None:
    """One of them gets the mail by itself, the other in a digest; one of the two is refused."""
    limited(store, mails_per_recipient=1)
    picky = Picky()
    async with mail_server(picky) as port:
        one = worker(store, rendering, port, pace=1)
        await one.perform(effect({**MAIL, "to": BO}, key="c-1/before"))
        picky.refuses = {refused: NEVER}
        assert (await _waits(one)).startswith(f"held for a digest to {UNNAMED}")
        pass_an_hour(store)
        await one.perform(effect(MAIL))
        await one.perform(effect(MAIL))
    reached = BO if refused == ANN else ANN
    assert [address for address, _ in picky.got] == [BO, reached]
    sent = _of_the_mail(store)
    assert (sent.status, sent.to) == ("sent", f"{ANN}, {BO}")
    assert sent.answer.count(f"refused for good for {refused}") == 1
    [logged] = [mail for mail in store.actions.mails("c-1") if mail.key == KEY]
    assert logged.to == [reached]
