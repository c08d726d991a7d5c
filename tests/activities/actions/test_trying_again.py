"""What failed for good is kept as it was ordered, and tried again by hand without its case: once, under its key."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from temporalio.exceptions import ApplicationError

from activities.actions.attempts import NOT_DELIVERED, WAITS
from activities.actions.dispatch import Dispatcher
from activities.actions.effect import Effect
from activities.actions.outside import Outside
from activities.actions.redelivering import Redelivering
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.catalog.documents import read_document
from domain.delivery.schedule import MOST_ATTEMPTS
from domain.messages.redelivery import RedeliveryOrder
from store import Store, tables
from store.values import FailedOrder
from tests.activities.actions.sending import CONTEXT, KEY, NOON, effect, mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server
from tests.feeds import Recorded

MAIL = {"do": "email", "to": "ann@example.org", "subject": "{{ case.priority }}: done", "body": "Well."}
BY_TEMPLATE = {"do": "email", "to": "ann@example.org", "template": "done"}
AGAIN = RedeliveryOrder(key=KEY, by="ana", asked_at=NOON, failed=True)


class Office:
    """A worker's side of actions and of deliveries by hand, on one store."""

    def __init__(self, store: Store, rendering: Renderer, port: int, *, sends_rehearsals: bool = True) -> None:
        outside = Outside(store, Means(mail=mail_server_at(port), sends_rehearsals=sends_rehearsals))
        self.store = store
        self.actions = Dispatcher(store.actions, store.catalog, rendering, outside)
        self.again = Redelivering(store, outside, self.actions)

    async def fails(self, wanted: Effect) -> ApplicationError:
        """Carried out for a case, whose record says that it failed if that was for good."""
        with pytest.raises(ApplicationError) as failed:
            await self.actions.perform(wanted)
        if failed.value.non_retryable:
            self.store.actions.record_action_failed(wanted.key, failed.value.message)
        return failed.value

    async def refusal(self, run_id: str = "r-1") -> ApplicationError:
        with pytest.raises(ApplicationError) as refused:
            await self.again.attempt(AGAIN, run_id)
        return refused.value

    def template(self, subject: str) -> None:
        fields = {"priority": "string", "tickets": "integer"}
        templates = [{"id": "done", "subject": subject, "body": "Well."}]
        self.store.catalog.apply(read_document({"fields": fields, "templates": templates}), by="test")

    def standing(self) -> tuple[str, str | None, bool]:
        """What became of the action, why it failed, and whether it can be tried again."""
        known = self.store.actions.get(KEY)
        assert known is not None
        return known.status, known.error, self.store.actions.kept_order(KEY) is not None

    def events(self) -> list[str]:
        return [
            one.type.removeprefix("milepost.case.action.") for one in self.store.feed.read(subject="case/c-1").events
        ]


async def test_a_mail_that_was_refused_goes_out_once(store: Store, rendering: Renderer) -> None:
    """And is done, on record and in the feed; whatever is asked for afterwards sends nothing."""
    behaviour = Behaviour(recipient="550 no such user")
    async with mail_server(behaviour) as port:
        office = Office(store, rendering, port)
        assert (await office.fails(effect(MAIL))).non_retryable
        assert office.standing()[::2] == ("failed", True)
        behaviour.recipient = "250 OK"
        said = await office.again.attempt(AGAIN, "r-1")
        for run_id in ("r-1", "r-2"):
            assert await office.again.attempt(AGAIN, run_id) == said
    assert [sent["Message-ID"] for sent in behaviour.taken] == [f"<{KEY}@example.org>"]
    assert office.standing() == ("done", None, False)
    assert "4711" in said
    assert office.events() == ["redelivered.v1"] * 2
    [told, _] = store.feed.read(subject="case/c-1").events
    assert (told.subject, told.data["do"], told.data["by"]) == (f"redelivery/{KEY}", "email", "ana")


async def test_a_mended_template_is_read_as_it_is_now(store: Store, rendering: Renderer) -> None:
    """A mail that never came so far as to be sent is one of the feed too."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        office = Office(store, rendering, port)
        office.template("{{ 1 // case.tickets }} of them")
        failed = await office.fails(effect(BY_TEMPLATE))
        assert (failed.type, store.deliveries.get(KEY)) == ("BadTemplate", None)
        again = await office.refusal()
        assert (again.type, again.non_retryable) == ("BadTemplate", True)
        assert office.standing()[::2] == ("failed", True)
        office.template("{{ case.priority }} is done")
        await office.again.attempt(AGAIN, "r-2")
    assert [sent["Subject"] for sent in behaviour.taken] == ["High is done"]
    assert office.standing() == ("done", None, False)
    assert office.events() == ["redelivery_failed.v1", "redelivered.v1"]
    assert [one.status for one in store.redeliveries.of_case("c-1")] == ["failed", "sent"]


async def test_it_has_all_its_attempts_by_the_schedule(store: Store, rendering: Renderer) -> None:
    """After the last it has failed anew, says why, and may be asked for again."""
    behaviour = Behaviour(recipient="550 no such user")
    async with mail_server(behaviour) as port:
        office = Office(store, rendering, port)
        await office.fails(effect(MAIL))
        behaviour.recipient = "450 later"
        for _ in range(1, MOST_ATTEMPTS):
            again = await office.refusal()
            assert (again.type, again.non_retryable) == (NOT_DELIVERED, False)
            assert again.next_retry_delay is not None
        assert (await office.refusal()).non_retryable
        status, error, is_kept = office.standing()
        assert (status, "450 later" in (error or ""), is_kept) == ("failed", True, True)
        behaviour.recipient = "250 OK"
        await office.again.attempt(AGAIN, "r-2")
    assert [(one.status, one.attempts) for one in store.redeliveries.of_case("c-1")] == [("failed", 10), ("sent", 1)]
    assert len(behaviour.taken) == 1


async def test_waiting_for_its_turn_is_no_attempt(store: Store, rendering: Renderer) -> None:
    """What one case sends to one receiver arrives in the order in which it was due."""
    behaviour = Behaviour(recipient="550 no such user")
    async with mail_server(behaviour) as port:
        office = Office(store, rendering, port)
        await office.fails(effect(MAIL))
        now = datetime.now(UTC)
        store.deliveries.take_turn("c-1/before", "email", "ann@example.org", now, NOON.replace(hour=11))
        assert (await office.refusal()).type == WAITS
    [waits] = store.redeliveries.of_case("c-1")
    assert (waits.status, waits.attempts) == ("waits", 0)


async def test_what_is_not_kept_any_more_has_failed_for_good(store: Store, rendering: Renderer) -> None:
    """Erased meanwhile, or too old; what became of the action stays as it was."""
    async with mail_server(Behaviour(recipient="550 no such user")) as port:
        office = Office(store, rendering, port)
        await office.fails(effect(MAIL))
        store.texts.erase(datetime.now(UTC).replace(year=2100))
        refused = await office.refusal()
    assert (refused.non_retryable, "not kept any more" in refused.message) == (True, True)
    assert "550 no such user" in (office.standing()[1] or "")


async def test_what_has_expired_is_dropped(store: Store, rendering: Renderer) -> None:
    """As if its case had tried it again."""
    async with mail_server(Behaviour(recipient="550 no such user")) as port:
        office = Office(store, rendering, port)
        now = datetime.now(UTC)
        before = now - timedelta(days=1)
        await office.fails(effect({**MAIL, "expires": "2h"}, at=now, due_at=now))
        kept = store.actions.kept_order(KEY)
        assert kept is not None
        store.actions.keep_order(FailedOrder.model_validate({**kept.model_dump(), "at": before, "due_at": before}))
        refused = await office.refusal()
    assert (refused.non_retryable, "expired" in refused.message) == (True, True)
    assert office.standing()[::2] == ("dropped", False)


async def test_a_rehearsal_stays_one(store: Store, rendering: Renderer) -> None:
    """Nobody hears of a replayed log; what would have been said goes into the log."""
    behaviour = Behaviour()
    store.cases.record(Recorded("c-1").remarks("one"))
    with store._database.write() as connection:
        connection.execute(update(tables.cases).values(own_clock=True))
    async with mail_server(behaviour) as port:
        office = Office(store, rendering, port, sends_rehearsals=False)
        office.template("{{ 1 // case.tickets }}")
        await office.fails(effect(BY_TEMPLATE))
        office.template("{{ case.priority }}")
        await office.again.attempt(AGAIN, "r-1")
    assert behaviour.taken == []
    assert [mail.subject for mail in store.actions.mails("c-1")] == ["High"]
    assert office.standing() == ("done", None, False)


@pytest.mark.parametrize("how", [{"recipient": "450 later"}, {"drops": "before"}])
async def test_what_is_tried_again_by_itself_is_not_kept(store: Store, rendering: Renderer, how: Any) -> None:
    """Nor is an entitlement's, which its workflow keeps."""
    behaviour = Behaviour(**how)
    async with mail_server(behaviour) as port:
        office = Office(store, rendering, port)
        assert not (await office.fails(effect(MAIL))).non_retryable
        assert store.actions.kept_order(KEY) is None
        behaviour.recipient, behaviour.drops = "550 no such user", ""
        key = "gold/0/threshold/8/1/email"
        usage = {"case_id": None, "trigger": None, "due_at": None, "thread": "entitlement/gold"}
        assert (await office.fails(effect(MAIL, key=key, **usage))).non_retryable
        assert store.actions.kept_order(key) is None


def test_an_order_is_kept_whole() -> None:
    """Carried out again it is the same action, with all that its texts see."""
    wanted = effect(MAIL)
    kept = FailedOrder.model_validate_json(wanted.as_ordered().model_dump_json())
    assert Effect.ordered_before(kept) == wanted
    assert kept.context == CONTEXT
