"""Whom mails go to and what they say, checked when a catalog is applied."""

from typing import Any

import pytest

from domain.catalog.declarations import Catalog
from domain.catalog.documents import read_document
from domain.catalog.mailing import Person
from domain.catalog.problems import CatalogProblems
from domain.catalog.references import KnownCatalog
from domain.criteria.fields import FieldType
from domain.process import EntitlementProcess


def process(**mail: Any) -> dict[str, Any]:
    action = {"do": "email", "to": "a@b.example", **({} if "template" in mail else {"subject": "s"}), **mail}
    trigger = {"kind": "violation", "actions": [action]}
    return {"name": "Gold", "milestones": [{"name": "Answer", "within": "4h", "triggers": [trigger]}]}


def problems(document: dict[str, Any], known: dict[str, Any] | None = None) -> list[str]:
    try:
        read_document(document, KnownCatalog(read_document(known or {})))
    except CatalogProblems as refused:
        return [str(problem) for problem in refused.problems]
    return []


HERE = "processes[0].milestones[0].triggers[0].actions[0]"


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("ownr", "to[0]: 'ownr' is no address, no role and no person; did you mean 'owner'?"),
        ("anna", "to[0]: 'anna' is no address, no role and no person; did you mean 'ann'?"),
        ("gone", "to[0]: person 'gone' is retired; name another, or retire this too"),
        (
            "watchers",
            (
                "to[0]: watchers is read from the field 'watchers' of a case, which is not declared; declare it, or "
                "name another under organisation: roles"
            ),
        ),
    ],
)
def test_a_recipient_who_cannot_be_is_refused(to: str, problem: str) -> None:
    """With what was meant."""
    people = [{"id": "ann", "mail": "ann@b.example"}, {"id": "gone", "retired": True}]
    declared = {"fields": {"owner": "string"}, "people": people, "processes": [process(to=to)]}
    assert problems(declared) == [f"{HERE}.{problem}"]


@pytest.mark.parametrize(
    "to", ["owner", "owner_manager", "team", "contact", "account_manager", "ann", "{{ case.mail }}", ["owner", "x@y.z"]]
)
def test_roles_people_addresses_and_texts_pass(to: Any) -> None:
    """A team is found by its field, or by the owner."""
    fields = {"assigned_to": "string", "mail": "string"}
    known = {"organisation": {"roles": {"owner": "assigned_to"}}, "fields": fields, "people": [{"id": "ann"}]}
    assert problems({"processes": [process(to=to)]}, known) == []


NO_ADDRESSES = ["nonsense@", "a b@y.example", "x@y.example, z@y.example", "jürgen@y.example", "jo@ex..ämple.example"]


def declaring(address: str) -> list[tuple[str, dict[str, Any]]]:
    """Every place in which an address may be written out, with a document that does so."""
    mail = {"do": "email", "to": ["a@b.example", address], "subject": "s"}
    secrets, acme = [{"env": "A"}], {"id": "acme"}
    endpoint = {"id": "d", "url": "https://d.example", "secrets": secrets, "told": [address]}
    entitlement = {"id": "e", "account": "acme", "allowance": {"cap": 10, "thresholds": [{"at": 8, "actions": [mail]}]}}
    return [
        (f"{HERE}.to[1]", {"processes": [process(to=["a@b.example", address])]}),
        ("people[0].mail", {"people": [{"id": "ann", "mail": address}]}),
        ("contacts[0].mail", {"accounts": [acme], "contacts": [{"id": "cy", "account": "acme", "mail": address}]}),
        ("accounts[0].manager_mail", {"accounts": [{**acme, "manager_mail": address}]}),
        ("accounts[0].renewals_mail", {"accounts": [{**acme, "renewals_mail": address}]}),
        ("endpoints[0].told", {"endpoints": [endpoint]}),
        (
            "entitlements[0].allowance.thresholds[0].actions[0].to[1]",
            {"accounts": [acme], "entitlements": [entitlement]},
        ),
    ]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_is_refused_wherever_it_is_written_out(address: str) -> None:
    """Before a mail is due."""
    for place, document in declaring(address):
        [said] = problems(document)
        assert said.startswith(place), said
        assert f": {address!r} is no mail address" in said


@pytest.mark.parametrize("to", ["Dr. Ann <x@y.example>", "Ann <x@y.example>", "jo@exämple.example"])
def test_an_address_may_have_a_name_and_a_domain_of_any_script(to: str) -> None:
    assert problems({"processes": [process(to=to)]}) == []


def test_what_was_stored_before_stays_as_it_was() -> None:
    """It is read, goes on being declared in the same words, and hinders no other change; what is new is refused."""
    old = EntitlementProcess.model_validate(process(to="nonsense@"))
    ann = Person.model_validate({"id": "ann", "mail": "jürgen@y.example"})
    known = KnownCatalog(Catalog(processes=[old], people=[ann], fields={"n": FieldType.STRING}))
    same = {"processes": [process(to="nonsense@")], "people": [{"id": "ann", "mail": "jürgen@y.example", "team": "A"}]}
    assert read_document(same, known).people[0].team == "A"
    read_document({"fields": {"n": "integer"}}, known)
    retired = [{"id": "bo", "mail": "jürgen@y.example", "retired": True}]
    read_document({"people": retired}, known)
    with pytest.raises(CatalogProblems, match="'rubbish@' is no mail address"):
        read_document({"processes": [process(to=["nonsense@", "rubbish@"])]}, known)


def test_an_entitlement_has_an_account_manager_alone() -> None:
    """It is no case, so it has no owner."""
    thresholds = [{"at": 8, "actions": [{"do": "email", "to": ["account_manager", "owner"], "subject": "s"}]}]
    entitlement = {"id": "e", "account": "acme", "allowance": {"cap": 10, "thresholds": thresholds}}
    declared = {"fields": {"owner": "string"}, "accounts": [{"id": "acme"}], "entitlements": [entitlement]}
    [said] = problems(declared)
    assert said.startswith("entitlements[0].allowance.thresholds[0].actions[0].to[1]: an entitlement has no owner;")
    assert said.endswith("there is account_manager, or an address")


def test_a_role_is_read_from_a_declared_field() -> None:
    [said] = problems({"organisation": {"roles": {"owner": "asigned_to"}}, "fields": {"assigned_to": "string"}})
    assert said == "organisation.roles.owner: unknown field 'asigned_to' of a case; did you mean 'assigned_to'?"
    [said] = problems({"organisation": {"roles": {"account_manager": "x"}}, "fields": {"x": "string"}})
    assert "account_manager is read from no field; owner, contact, team, watchers are" in said


def test_people_name_managers_that_there_are() -> None:
    assert problems({"people": [{"id": "ann", "manager": "moo"}, {"id": "mo"}]}) == [
        "people[0].manager: unknown person 'moo'; did you mean 'mo'?"
    ]
    [said] = problems({"people": [{"id": "owner"}]})
    assert "'owner' is a role" in said


def test_a_template_is_checked_by_itself_and_where_it_is_used() -> None:
    """What no action ever sees is refused where it stands, what this one does not see where it is named."""
    due = {"id": "due", "subject": "{{ case.id | lokal }}", "body": "{{ milestone.nome }}"}
    assert [said.partition(":")[0] for said in problems({"templates": [due]})] == [
        "templates[0].subject",
        "templates[0].body",
    ]
    left = {"id": "left", "subject": "{{ usage.remaining }} are left", "body": "b"}
    assert problems({"templates": [left]}) == []
    [said] = problems({"templates": [left], "processes": [process(template="left")]})
    assert said.startswith(f"{HERE}.template: template 'left' can't be used here, for its subject: the template names")
    assert said.endswith("there are account, case, entitlement, links, milestone, owner, trigger")
    assert problems({"processes": [process(template="lift")]}, {"templates": [left]}) == [
        f"{HERE}.template: unknown template 'lift'; did you mean 'left'?"
    ]


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        (
            {"template": "t", "subject": "s"},
            "template 't' has the texts of this mail; leave subject, body and html out",
        ),
        ({"subject": ""}, "a mail needs a subject; give subject, or template: one of the catalog's templates"),
        ({"html": "<p>x</p>"}, "html goes beside a text for those who read no HTML; give body too"),
    ],
)
def test_a_mail_has_its_texts_once(mail: dict[str, Any], why: str) -> None:
    """Here or in a template; HTML never alone."""
    said = problems({"processes": [process(**mail)], "templates": [{"id": "t", "subject": "s"}]})
    assert len(said) == 1
    assert why in said[0]
