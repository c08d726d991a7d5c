"""Whom mails go to: roles, people, contacts and addresses; what follows where there is nobody."""

from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.actions.dispatch import Dispatcher
from activities.actions.mail import NO_RECIPIENT
from activities.actions.outside import Outside
from activities.delivery.means import Means
from activities.rendering.renderer import Renderer
from domain.catalog.documents import read_document
from store import Store
from store.values import Mail
from tests.activities.actions.sending import CONTEXT, KEY, effect, mail_server_at
from tests.activities.delivery.mail_server import Behaviour, mail_server

CATALOG = {
    "organisation": {"roles": {"owner": "assigned_to", "team": "assignment_group", "contact": "contact_of"}},
    "fields": {"assigned_to": "string", "assignment_group": "string", "watchers": "list", "contact_of": "string"},
    "people": [
        {
            "id": "ann",
            "name": "Ann",
            "mail": "ann@example.org",
            "manager": "mo",
            "team": "Desk",
            "time_zone": "Asia/Tokyo",
        },
        {"id": "bo", "mail": "bo@example.org", "team": "Desk"},
        {"id": "mo", "mail": "mo@example.org"},
        {"id": "silent", "team": "Field"},
        {"id": "gone", "mail": "gone@example.org", "team": "Desk", "retired": True},
    ],
    "accounts": [{"id": "acme", "manager_mail": "am@example.org"}, {"id": "bare"}],
    "contacts": [{"id": "cleo", "account": "acme", "mail": "cleo@acme.example"}, {"id": "dan", "account": "acme"}],
    "templates": [
        {
            "id": "due",
            "subject": "{{ milestone.name }} of {{ case.id }}",
            "body": "Dear {{ owner.name }}",
            "html": "<b>{{ case.id }}</b>",
        }
    ],
}


@pytest.fixture
def store(store: Store) -> Store:
    store.catalog.apply(read_document(CATALOG), by="test")
    return store


def dispatcher(store: Store, rendering: Renderer, outside: Outside | None = None) -> Dispatcher:
    return Dispatcher(store.actions, store.catalog, rendering, outside)


async def sent(store: Store, rendering: Renderer, to: Any, *, contact: str | None = None, **case: Any) -> Mail:
    """What the log of sent mail has of a mail to these."""
    seen = CONTEXT | {"case": {"id": "c-1", **case}, "contact": contact}
    action = {"do": "email", "to": to, "subject": "Due", "body": "Soon."}
    await dispatcher(store, rendering).perform(replace(effect(action), context=seen))
    [mail] = store.actions.mails("c-1")
    return mail


@pytest.mark.parametrize(
    ("to", "case", "addresses"),
    [
        ("owner", {"assigned_to": "ann"}, ["ann@example.org"]),
        ("owner", {"assigned_to": "eve@elsewhere.example"}, ["eve@elsewhere.example"]),
        ("owner_manager", {"assigned_to": "ann"}, ["mo@example.org"]),
        ("account_manager", {}, ["am@example.org"]),
        ("contact", {"contact_of": "cleo"}, ["cleo@acme.example"]),
        ("contact", {"contact_of": "someone@acme.example"}, ["someone@acme.example"]),
        ("team", {"assignment_group": "Desk"}, ["ann@example.org", "bo@example.org"]),
        ("team", {"assigned_to": "bo"}, ["ann@example.org", "bo@example.org"]),
        (
            "watchers",
            {"watchers": ["bo", "cleo", "x@y.example"]},
            ["bo@example.org", "cleo@acme.example", "x@y.example"],
        ),
        ("watchers", {"watchers": "bo, mo"}, ["bo@example.org", "mo@example.org"]),
        ("bo", {}, ["bo@example.org"]),
        ("{{ case.assigned_to }}", {"assigned_to": "bo"}, ["bo@example.org"]),
        (
            ["owner", "team", "MO@example.org", "owner_manager"],
            {"assigned_to": "ann"},
            ["ann@example.org", "bo@example.org", "MO@example.org"],
        ),
    ],
)
async def test_a_role_is_whoever_has_it_now(
    store: Store, rendering: Renderer, to: Any, case: dict[str, Any], addresses: list[str]
) -> None:
    """From fields, contacts and people; each address once, those who have left not at all."""
    mail = await sent(store, rendering, to, **case)
    assert (mail.to, mail.remark) == (addresses, None)


async def test_the_contact_is_who_was_named_at_the_opening(store: Store, rendering: Renderer) -> None:
    """Unless a field of the case says who it is."""
    mail = await sent(store, rendering, "contact", contact="cleo")
    assert mail.to == ["cleo@acme.example"]


@pytest.mark.parametrize(
    ("to", "case", "why"),
    [
        ("owner", {}, "owner: the field 'assigned_to' of the case is empty"),
        ("owner", {"assigned_to": "zoe"}, "owner: nobody is known as 'zoe'"),
        ("owner", {"assigned_to": "gone"}, "owner: nobody is known as 'gone'"),
        ("owner", {"assigned_to": "silent"}, "owner: silent has no address"),
        ("owner_manager", {"assigned_to": "bo"}, "owner_manager: bo has no manager"),
        ("owner_manager", {"assigned_to": "x@y.example"}, "owner_manager: the owner of the case is none of the people"),
        ("contact", {"contact_of": "dan"}, "contact: dan has no address"),
        ("team", {"assignment_group": "Field"}, "team: nobody with an address is in team 'Field'"),
        ("watchers", {"watchers": []}, "watchers: the field 'watchers' of the case is empty"),
        ("watchers", {"watchers": ["a@b\r\nBcc: eve@c"]}, "watchers: no mail can be sent to '(address): (address)'"),
        ("{{ case.nothing }}", {}, "address: the text of one came to nothing"),
    ],
)
async def test_a_mail_to_nobody_fails_and_names_the_role(
    store: Store, rendering: Renderer, to: str, case: dict[str, Any], why: str
) -> None:
    """For good: who reads the reason fills the role, and tries it again."""
    with pytest.raises(ApplicationError) as failed:
        await sent(store, rendering, to, **case)
    assert (failed.value.type, failed.value.non_retryable) == (NO_RECIPIENT, True)
    assert failed.value.message == f"nobody to send it to; {why}"
    assert store.actions.mails("c-1") == []


async def test_a_role_with_nobody_keeps_no_other_from_the_mail(store: Store, rendering: Renderer) -> None:
    """The others get it, and who did not is on record in a line."""
    behaviour = Behaviour()
    action = {"do": "email", "to": ["watchers", "owner", "account_manager"], "subject": "Due", "body": "Soon."}
    seen = CONTEXT | {"case": {"id": "c-1", "assigned_to": "ann"}, "account": {"id": "bare"}}
    async with mail_server(behaviour) as port:
        outside = Outside(store, Means(mail=mail_server_at(port), sends_rehearsals=True))
        await dispatcher(store, rendering, outside).perform(replace(effect(action), context=seen))
    assert [mail["To"] for mail in behaviour.taken] == ["ann@example.org"]
    [mail] = store.actions.mails("c-1")
    assert mail.remark == (
        "not sent to watchers: the field 'watchers' of the case is empty; "
        "account_manager: account bare has no manager_mail"
    )


async def test_no_field_of_a_case_adds_a_header(store: Store, rendering: Renderer) -> None:
    """Neither by the subject nor by a recipient."""
    behaviour = Behaviour()
    nasty = "x\r\nBcc: eve@example.org\r\n\r\nBody"
    action = {"do": "email", "to": ["watchers", "ann"], "subject": "{{ case.title }}", "body": "Soon."}
    seen = CONTEXT | {"case": {"id": "c-1", "title": nasty, "watchers": [f"a@b.example{nasty}", "<a@b>\nBcc: c@d"]}}
    async with mail_server(behaviour) as port:
        outside = Outside(store, Means(mail=mail_server_at(port), sends_rehearsals=True))
        await dispatcher(store, rendering, outside).perform(replace(effect(action), context=seen))
    [mail] = behaviour.taken
    assert (mail["Bcc"], mail["To"]) == (None, "ann@example.org")
    assert mail["Subject"].split() == ["x", "Bcc:", "eve@example.org", "Body"]
    assert mail.get_content().strip() == "Soon."


async def test_a_mail_says_what_its_template_says_now(store: Store, rendering: Renderer) -> None:
    """Text and HTML; the owner is in reach. A template that is gone fails it for good."""
    seen = CONTEXT | {"case": {"id": "c-1", "assigned_to": "ann"}}
    named = replace(effect({"do": "email", "to": "owner", "template": "due"}), context=seen)
    await dispatcher(store, rendering).perform(named)
    [mail] = store.actions.mails("c-1")
    assert (mail.subject, mail.body, mail.html) == ("First response of c-1", "Dear Ann", "<b>c-1</b>")
    with pytest.raises(ApplicationError, match="unknown template 'duo'; did you mean 'due'"):
        await dispatcher(store, rendering).perform(
            effect({"do": "email", "to": "bo", "template": "duo"}, key=f"{KEY}-2")
        )
