"""Mails that wait for somebody to be at work."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.actions.attempts import WAITS
from activities.actions.dispatch import Dispatcher
from activities.actions.opening_hours import wait_for_opening
from activities.actions.outside import Outside
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.catalog.documents import read_document
from domain.delivery.schedule import LONGEST_WAIT
from domain.process import Trigger
from store import Store
from tests.activities.actions.sending import KEY, effect, mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server

OFFICE = {"name": "Office", "time_zone": "Europe/Berlin", "week": {"mon": ["09:00-17:00"], "fri": ["09:00-17:00"]}}
CLOSED = {"add": ["2025-06-01..2025-07-31"]}
SHUT = {"name": "Shut", "time_zone": "UTC", "week": {"mon": ["09:00-10:00"]}, "holidays": CLOSED}
FRIDAY_NIGHT = datetime(2025, 6, 13, 20, 0, tzinfo=UTC)
MONDAY_NINE = datetime(2025, 6, 16, 7, 0, tzinfo=UTC)
MAIL = {"do": "email", "to": "ann@example.org", "subject": "Due", "body": "Soon."}


def declare(store: Store, **quiet: Any) -> None:
    organisation = {"organisation": {"quiet": quiet}} if quiet else {}
    store.catalog.apply(read_document({"business_hours": [OFFICE, SHUT], **organisation}), by="test")


async def waits(store: Store, *, now: datetime = FRIDAY_NIGHT, event: str = "milestone.warning", **mail: Any) -> Any:
    """How long a mail waits, or None."""
    try:
        await wait_for_opening(effect({**MAIL, **mail}, event=event), "ann@example.org", store, now)
    except ApplicationError as error:
        return error.next_retry_delay if error.type == WAITS and not error.non_retryable else error
    return None


async def test_a_mail_waits_for_its_hours_to_open(store: Store) -> None:
    """What it waits for is on record, and no attempt is used up."""
    declare(store)
    assert await waits(store, hours="Office") == MONDAY_NINE - FRIDAY_NIGHT
    [waiting] = store.deliveries.of_case("c-1")
    assert (waiting.status, waiting.attempts) == ("waits", 0)
    assert waiting.answer == "waits for Office to open: Mon 2025-06-16 09:00 Europe/Berlin"


@pytest.mark.parametrize(
    ("mail", "now"),
    [
        ({}, FRIDAY_NIGHT),
        ({"hours": "24x7"}, FRIDAY_NIGHT),
        ({"hours": "Office"}, MONDAY_NINE),
        ({"hours": "Office"}, MONDAY_NINE + timedelta(hours=8, seconds=-1)),
        ({"hours": "Shut"}, FRIDAY_NIGHT),
        ({"hours": "Gone"}, FRIDAY_NIGHT),
    ],
)
async def test_a_mail_goes_when_its_hours_are_open(store: Store, mail: dict[str, Any], now: datetime) -> None:
    """Or when it names none, or they stay closed for more than a fortnight: late news is better than none."""
    declare(store)
    assert await waits(store, now=now, **mail) is None
    assert timedelta(days=14) == LONGEST_WAIT


@pytest.mark.parametrize(
    ("event", "mail", "does_wait"),
    [
        ("milestone.warning", {}, True),
        ("milestone.success", {}, True),
        ("entitlement.threshold", {}, True),
        ("milestone.warning", {"hours": "24x7"}, False),
        ("milestone.violation", {}, False),
        ("milestone.violation", {"hours": "Office"}, True),
    ],
)
async def test_a_violation_waits_only_if_it_says_so(
    store: Store,
    event: str,
    mail: dict[str, Any],
    does_wait: bool,  # noqa: FBT001  a row
) -> None:
    """The organisation's hours are for all mails but those of violations."""
    declare(store, hours="Office")
    assert (await waits(store, event=event, **mail) is not None) is does_wait


def test_the_hours_of_a_trigger_are_those_of_its_mails() -> None:
    """Unless one has hours of its own."""
    actions = [MAIL, {**MAIL, "id": "now", "hours": "24x7"}, {"do": "task", "subject": "s"}]
    trigger = Trigger.model_validate({"kind": "violation", "hours": "Office", "actions": actions})
    assert [getattr(action, "hours", None) for action in trigger.actions] == ["Office", "24x7", None]
    assert Trigger.model_validate(trigger.model_dump(mode="json")) == trigger
    assert "hours" not in Trigger.model_validate({"kind": "violation", "actions": [MAIL]}).model_dump_json()


async def test_what_waits_is_sent_when_it_comes_again(store: Store, rendering: Renderer) -> None:
    """And what expired meanwhile is dropped; what was sent is not."""
    day = f"{datetime.now(UTC) + timedelta(days=2):%a}".lower()
    hours = {"name": "Later", "time_zone": "UTC", "week": {day: ["00:00-24:00"]}}
    store.catalog.apply(read_document({"business_hours": [hours]}), by="test")
    behaviour = Behaviour()
    wanted = effect({**MAIL, "hours": "Later", "expires": "2h"})
    async with mail_server(behaviour) as port:
        one = Dispatcher(
            store.actions,
            store.catalog,
            rendering,
            Outside(store, Means(mail=mail_server_at(port), sends_rehearsals=True)),
        )
        with pytest.raises(ApplicationError) as waiting:
            await one.perform(wanted)
        assert waiting.value.type == WAITS
        store.catalog.apply(read_document({"business_hours": [{**hours, "week": "always"}]}), by="test")
        await one.perform(wanted)
        await one.perform(replace(wanted, at=wanted.at + timedelta(hours=3)))
        late = effect({**MAIL, "hours": "Later", "expires": "2h"}, key=f"{KEY}-2")
        await one.perform(replace(late, at=late.at + timedelta(hours=3)))
    assert [mail["Message-ID"].strip() for mail in behaviour.taken] == [f"<{KEY}@example.org>"]
    assert {action.key: action.status for action in store.actions.of_case("c-1")} == {
        KEY: "done",
        f"{KEY}-2": "dropped",
    }
