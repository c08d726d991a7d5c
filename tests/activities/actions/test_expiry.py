"""Actions that are worth nothing any more are dropped, on record, before they are sent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from activities.actions.dispatch import Dispatcher
from activities.actions.outside import Outside
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.catalog.documents import read_document
from domain.catalog.problems import CatalogProblems
from domain.process import Trigger
from store import Store
from tests.activities.actions.sending import KEY, NOON, effect, mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server

MAIL = {"do": "email", "to": "ann@example.org", "subject": "Due soon", "expires": "2h"}


def dispatcher(store: Store, rendering: Renderer, port: int) -> Dispatcher:
    outside = Outside(store, Means(mail=mail_server_at(port), sends_rehearsals=True))
    return Dispatcher(store.actions, store.catalog, rendering, outside)


@pytest.mark.parametrize(
    ("late", "sent"), [(timedelta(hours=1, minutes=59), True), (timedelta(hours=2), False), (timedelta(days=1), False)]
)
async def test_what_is_too_late_is_dropped(store: Store, rendering: Renderer, late: timedelta, sent: bool) -> None:  # noqa: FBT001
    """By the time since its trigger was due, as after an outage."""
    behaviour = Behaviour()
    async with mail_server(behaviour) as port:
        await dispatcher(store, rendering, port).perform(effect(MAIL, at=NOON + late))
    assert len(behaviour.taken) == sent
    [action] = store.actions.of_case("c-1")
    assert (action.status, action.error) == (
        ("done", None) if sent else ("dropped", "expired: 2h have passed since it was due")
    )
    assert len(store.actions.mails("c-1")) == sent


@pytest.mark.parametrize(("away", "sent"), [(timedelta(minutes=115), True), (timedelta(minutes=121), False)])
async def test_an_outage_of_the_engine_counts(store: Store, rendering: Renderer, away: timedelta, sent: bool) -> None:  # noqa: FBT001
    """It fired at its own instant, as everything missed does; that was so long ago."""
    behaviour, fired_at = Behaviour(), datetime.now(UTC) - away
    async with mail_server(behaviour) as port:
        await dispatcher(store, rendering, port).perform(effect(MAIL, at=fired_at, due_at=fired_at))
    assert len(behaviour.taken) == sent


async def test_what_waits_too_long_is_dropped(store: Store, rendering: Renderer) -> None:
    """By the time since its first attempt, whatever the receiver would say by now."""
    behaviour = Behaviour(data="451 later")
    store.deliveries.begin_delivery(KEY, "email", "ann@example.org", datetime.now(UTC) - timedelta(minutes=119))
    async with mail_server(behaviour) as port:
        one = dispatcher(store, rendering, port)
        with pytest.raises(ApplicationError, match="451 later"):
            await one.perform(effect(MAIL))
        behaviour.data = "250 taken"
        await one.perform(effect(MAIL, at=NOON + timedelta(minutes=2)))
    assert behaviour.taken == []
    assert store.actions.of_case("c-1")[0].status == "dropped"
    assert [(sent.status, sent.answer) for sent in store.deliveries.of_case("c-1")] == [("dropped", "451 later")]


@pytest.mark.parametrize("expires", ["soon", "0", "-2h", ""])
def test_what_is_no_time_to_expire_is_refused(expires: str) -> None:
    """And the message says what is one."""
    with pytest.raises(ValidationError, match="expire"):
        Trigger.model_validate({"kind": "violation", "actions": [{**MAIL, "expires": expires}]})


def test_a_success_does_not_expire_by_its_completion() -> None:
    """It would never be sent."""
    with pytest.raises(ValidationError, match="would expire at once"):
        Trigger.model_validate({"kind": "success", "actions": [{**MAIL, "expires": "completed"}]})


def test_an_entitlement_completes_no_milestone() -> None:
    """A threshold's action expires by time alone."""
    threshold: dict[str, Any] = {"at": 1, "actions": [{**MAIL, "expires": "completed"}]}
    allowance = {"unit": "cases", "cap": 2, "thresholds": [threshold]}
    with pytest.raises(CatalogProblems) as found:
        read_document(
            {"accounts": [{"id": "acme"}], "entitlements": [{"id": "gold", "account": "acme", "allowance": allowance}]}
        )
    assert "actions[0].expires: an entitlement completes no milestone" in str(found.value)


def test_never_is_left_out_of_what_is_stored() -> None:
    """So that a process that was stored before is no new version."""
    trigger = Trigger.model_validate({"kind": "violation", "actions": [{**MAIL, "expires": "never"}]})
    assert "expires" not in trigger.model_dump()["actions"][0]
