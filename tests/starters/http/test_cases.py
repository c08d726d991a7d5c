"""Cases over HTTP: opened, shown, explained, and asked whatever a case can be asked."""

import json
from typing import Any

import pytest

from domain.messages.case_state import EntitlementChange
from domain.messages.cases import CaseIntake, CaseReopening, Migration, OverageChoice, TimeLogged, TimeReversed
from domain.scopes import Scope
from domain.timeline import events
from starters.http import case_bodies as bodies
from tests.starters.http_api import Api
from tests.support import unique


async def test_opening_answers_with_coverage_and_first_targets(api: Api) -> None:
    """In one call; opened again it is answered with, and changes nothing."""
    case_id = unique("c")
    asked = {"case_id": case_id, "account": "acme", "fields": {"priority": "High"}, "by": "ann"}
    opened = await api.post("/v1/cases", asked, key=api.keys["intake"])
    said = opened.json()
    assert (opened.status_code, opened.headers["location"]) == (201, f"/v1/cases/{case_id}")
    assert said["coverage"]["entitlement"] == api.named("acme-gold")
    assert [m["span"] for m in said["case"]["milestones"]] == ["4h", "8h"]
    assert all(m["target_at"] for m in said["case"]["milestones"])
    again = await api.post("/v1/cases", {**asked, "fields": {}}, key=api.keys["intake"])
    assert (again.status_code, again.json()["outcome"]) == (200, "already")
    assert again.json()["case"]["fields"] == {"priority": "High"}


async def test_a_case_is_shown_and_explained(api: Api) -> None:
    """As it stands now, and why each target is what it is."""
    case_id = await api.opened()
    shown = (await api.get(f"/v1/cases/{case_id}", key=api.keys["agent"])).json()
    assert (shown["case"]["case_id"], shown["case"]["account"]) == (case_id, "acme")
    whole = (await api.get(f"/v1/cases/{case_id}/explanation")).json()["explanation"]
    one = (await api.get(f"/v1/cases/{case_id}/explanation?milestone=Resolution")).json()["explanation"]
    assert (len(whole["instances"]), len(one["instances"])) == (2, 1)


async def test_a_whole_life_of_a_case_goes_over_http(api: Api) -> None:
    """Every request, each by a key whose scope it needs; each answers with the case as it stands."""
    case_id = await api.opened()
    agent, manager, admin = api.keys["agent"], api.keys["manager"], api.keys["admin"]
    steps: list[tuple[str, dict[str, Any], str, str]] = [
        ("stop_clock", {"reason": "waiting"}, agent, "is stopped"),
        ("resume_clock", {}, agent, "goes on"),
        ("change_fields", {"fields": {"priority": "High"}}, agent, "8h"),
        ("complete_milestone", {"milestone": "First response"}, agent, "First response completed in time"),
        ("clear_completion", {"milestone": "First response", "reason": "no"}, manager, "First response"),
        ("extend_milestone", {"milestone": "Resolution", "open_seconds": 3600}, manager, "Resolution"),
        ("change_entitlement", {"entitlement": api.named("acme-other")}, agent, "acme-other"),
        ("migrate", {}, admin, ""),
        ("close", {}, agent, "closed"),
        ("reopen", {"fields": {"status": "New"}}, agent, '"closed_at": null'),
    ]
    for request, said, key, expected in steps:
        answer = await api.post(f"/v1/cases/{case_id}/{request}", {**said, "by": "ann"}, key=key)
        assert answer.status_code == 200, (request, answer.text)
        assert answer.json()["case"]["case_id"] == case_id
        assert expected in json.dumps(answer.json()), (request, answer.json()["notes"])


async def test_time_is_logged_and_what_is_beyond_the_cap_decided(api: Api) -> None:
    """The agent passes the question on; a manager decides it."""
    case_id = await api.opened()
    work = {"id": unique("T"), "minutes": 150, "by": "ann"}
    taken = await api.post(f"/v1/cases/{case_id}/log_time", work, key=api.keys["agent"])
    assert "0.5 hours beyond the cap" in taken.json()["lines"][0]
    decision = {"approved": True, "entry": work["id"], "reason": "they will pay"}
    assert (await api.post(f"/v1/cases/{case_id}/decide_overage", decision, key=api.keys["agent"])).status_code == 403
    decided = await api.post(f"/v1/cases/{case_id}/decide_overage", decision, key=api.keys["manager"])
    assert (decided.status_code, decided.json()["outcome"]) == (200, "taken")


async def test_work_that_nothing_covers_is_logged_and_undone_once(api: Api) -> None:
    """By agents and managers; what an entitlement took is given back there."""
    path, entry = f"/v1/cases/{await api.opened(account='globex')}", unique("T")
    work, undo = {"id": entry, "minutes": 30}, {"entry": entry, "reason": "wrong case", "by": "bo"}
    agent, manager = api.keys["agent"], api.keys["manager"]
    unknown = await api.post(f"{path}/reverse_time", undo, key=agent)
    assert (unknown.status_code, unknown.json()["code"]) == (409, "not_uncovered")
    said = [(await api.post(f"{path}/log_time", work, key=agent)).json()["lines"] for _ in range(2)]
    assert said == [["30m uncovered: nothing that covers the case counts hours"], ["30m uncovered: logged before"]]
    assert (await api.post(f"{path}/reverse_time", undo, key=api.keys["intake"])).status_code == 403
    assert (await api.post(f"{path}/reverse_time", {"entry": entry}, key=agent)).status_code == 422
    undone = [(await api.post(f"{path}/reverse_time", undo, key=key)).json() for key in (agent, manager)]
    assert [one["outcome"] for one in undone] == ["taken", "already"]
    refused = await api.post(f"{path}/log_time", work, key=agent)
    assert (refused.status_code, refused.json()["code"]) == (409, "reversed")


async def declare(api: Api, account: str, entitlement: str, **allowance: Any) -> None:
    """An account, and what covers it from now on; somebody is asked beyond the cap."""
    covered = {"id": entitlement, "account": account, "allowance": {"overflow": "prompt", **allowance}}
    declared = {"accounts": [{"id": account}], "entitlements": [covered]}
    made = await api.post("/v1/catalog", declared, headers={"If-Match": "*"})
    assert made.status_code == 200, made.text


async def test_an_agent_decides_where_the_entitlement_says_so(api: Api) -> None:
    """By its terms as they stand now; else the question is the manager's."""
    account, bank, entry = unique("a"), api.named(unique("bank")), unique("T")
    hours = {"unit": "hours", "cap": 2}
    await declare(api, account, bank, **hours)
    path = f"/v1/cases/{await api.opened(account=account)}"
    await api.post(f"{path}/log_time", {"id": entry, "minutes": 150}, key=api.keys["agent"])
    decision = {"approved": True, "entry": entry}
    refused = await api.post(f"{path}/decide_overage", decision, key=api.keys["agent"])
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_too_small")
    assert refused.json()["detail"] == (
        f"a manager decides about overage of entitlement '{bank}'; an agent does where its allowance says decide: agent"
    )
    await declare(api, account, bank, **hours, decide="agent")
    for other in ({"entry": "T-0"}, {"entry": None}):
        unasked = await api.post(f"{path}/decide_overage", decision | other, key=api.keys["agent"])
        assert (unasked.status_code, unasked.json()["code"]) == (409, "nothing_to_decide")
    decided = await api.post(f"{path}/decide_overage", decision, key=api.keys["agent"])
    assert (decided.status_code, decided.json()["outcome"]) == (200, "taken"), decided.text


async def test_an_agent_decides_about_a_case_while_its_terms_say_so(api: Api) -> None:
    """What it said when the case asked does not count; a manager decides whatever it says."""
    account, incidents = unique("a"), api.named(unique("incidents"))
    await declare(api, account, incidents, cap=0, decide="agent")
    paths = [f"/v1/cases/{await api.opened(account=account)}/decide_overage" for _ in range(3)]
    decided = [
        await api.post(path, {"approved": False}, key=api.keys[scope])
        for path, scope in zip(paths[:2], ("agent", "manager"), strict=True)
    ]
    assert [answer.json()["outcome"] for answer in decided] == ["taken", "taken"]
    await declare(api, account, incidents, cap=0, decide="manager")
    refused = await api.post(paths[2], {"approved": True}, key=api.keys["agent"])
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_too_small")
    assert (await api.post(paths[2], {"approved": True}, key=api.keys["manager"])).status_code == 200


async def test_who_did_it_is_on_record(api: Api) -> None:
    """The holder of the key, with the person whom the request names."""
    case_id = await api.opened()
    key = api.key(Scope.AGENT, name="helpdesk")
    done = await api.post(
        f"/v1/cases/{case_id}/complete_milestone", {"milestone": "First response", "by": "ann"}, key=key
    )
    [first, *_] = done.json()["case"]["milestones"]
    assert first["completed_by"] == "ann via helpdesk"
    done = await api.post(f"/v1/cases/{case_id}/complete_milestone", {"milestone": "Resolution"}, key=key)
    assert done.json()["case"]["milestones"][1]["completed_by"] == "helpdesk"


async def test_an_id_of_another_system_names_the_case(api: Api) -> None:
    """With slashes and dots, in the body and, percent-encoded, in the path."""
    foreign = f"INC/{unique('x')}/..%.1"
    opened = await api.post("/v1/cases", {"case_id": foreign, "account": "acme"})
    assert opened.status_code == 201, opened.text
    quoted = foreign.replace("%", "%25").replace("/", "%2F")
    shown = await api.get(f"/v1/cases/{quoted}")
    assert (shown.status_code, shown.json()["case"]["case_id"]) == (200, opened.json()["case"]["case_id"])
    assert (await api.post(f"/v1/cases/{quoted}/stop_clock", {})).status_code == 200


@pytest.mark.parametrize(
    ("said", "pointers"),
    [({}, [""]), ({"open_seconds": 60, "until": "2999-01-01T00:00Z"}, ["/open_seconds", "/until"])],
)
async def test_an_extension_says_by_how_much_or_until_when(api: Api, said: dict[str, Any], pointers: list[str]) -> None:
    """Neither and both are refused, with what would be right."""
    refused = await api.post("/v1/cases/x/extend_milestone", {"milestone": "Resolution", **said})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_message")
    assert refused.json()["detail"].startswith("say by how much, as open_seconds, or until when; ")
    assert "got" not in refused.json()["detail"]
    assert [one["pointer"] for one in refused.json()["errors"]] == pointers


AHEAD, BEHIND, NAIVE = "2999-01-01T00:00Z", "2000-01-01T00:00Z", "2025-06-13T16:45"


@pytest.mark.parametrize(
    ("request_", "said", "status", "code"),
    [
        ("complete_milestone", {"milestone": "Nope"}, 422, "unknown_milestone"),
        ("complete_milestone", {}, 422, "bad_message"),
        ("complete_milestone", {"milestone": "First response", "nope": 1}, 422, "bad_message"),
        (
            "complete_milestone",
            {"milestone": "First response", "occurred_at": "2999-01-01T00:00Z"},
            422,
            "in_the_future",
        ),
        ("complete_milestone", {"milestone": "First response", "occurred_at": BEHIND}, 422, "before_case"),
        ("complete_milestone", {"milestone": "First response", "occurred_at": NAIVE}, 422, "bad_message"),
        ("complete_milestone", {"milestone": "First response", "occurred_at": 1764000000}, 422, "bad_message"),
        ("complete_milestone", {"milestone": "First response", "occurred_at": "1764000000"}, 422, "bad_message"),
        ("decide_overage", {"approved": "yes"}, 422, "bad_message"),
        ("change_fields", {"fields": {"priorty": "x"}}, 422, "bad_field"),
        ("change_fields", {"fields": {}}, 422, "no_fields"),
        ("clear_completion", {"milestone": "First response"}, 409, "not_completed"),
        ("extend_milestone", {"milestone": "Resolution", "open_seconds": 10**12}, 422, "bad_message"),
        ("change_entitlement", {"entitlement": "nope"}, 422, "unknown_name"),
        ("decide_overage", {"approved": True}, 409, "nothing_to_decide"),
        ("retry_action", {"key": "x"}, 422, "unknown_action"),
        ("reopen", {}, 409, "open"),
    ],
)
async def test_what_is_refused_is_a_problem(
    api: Api, request_: str, said: dict[str, Any], status: int, code: str
) -> None:
    """With its code, the page that tells of it, and what would be right; the case stays as it was."""
    case_id = await api.opened()
    refused = await api.post(f"/v1/cases/{case_id}/{request_}", said)
    problem = refused.json()
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json"), refused.text
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems#{code}")
    assert problem["detail"]
    assert problem["title"]


async def test_a_body_that_does_not_fit_is_told_by_its_places(api: Api) -> None:
    """As JSON pointers."""
    case_id = await api.opened()
    said = {"milestone": 7, "occurred_at": "soon", "x/y": 1}
    refused = await api.post(f"/v1/cases/{case_id}/complete_milestone", said)
    assert {one["pointer"] for one in refused.json()["errors"]} == {"/milestone", "/occurred_at", "/x~1y"}


async def test_a_case_that_there_is_not_is_not_found(api: Api) -> None:
    """Whatever is asked of it."""
    for method, path, body in [
        ("GET", "", None),
        ("GET", "/explanation", None),
        ("POST", "/close", {}),
        ("POST", "/reopen", {}),
        ("POST", "/log_time", {"id": "t", "minutes": 1}),
        ("POST", "/reverse_time", {"entry": "t", "reason": "wrong case"}),
        ("POST", "/retry_action", {"key": "k"}),
    ]:
        answer = await api.ask(method, f"/v1/cases/{unique('nope')}{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


async def test_a_case_that_cannot_be_opened_says_why(api: Api) -> None:
    """And may be opened again; a closed one may not."""
    case_id = unique("c")
    refused = await api.post("/v1/cases", {"case_id": case_id, "account": "full"})
    assert (refused.status_code, refused.json()["code"]) == (422, "not_entitled")
    unknown = await api.post("/v1/cases", {"case_id": case_id, "account": "nope"})
    assert unknown.json()["code"] == "unknown_name"
    assert "unknown account 'nope'" in unknown.json()["detail"]
    assert (await api.post("/v1/cases", {"case_id": case_id, "account": "acme"})).status_code == 201
    await api.post(f"/v1/cases/{case_id}/close", {})
    closed = await api.post("/v1/cases", {"case_id": case_id, "account": "acme"})
    assert (closed.status_code, closed.json()["code"]) == (409, "closed")


async def test_a_request_without_a_body_is_taken_where_nothing_has_to_be_said(api: Api) -> None:
    """Closing needs no words."""
    case_id = await api.opened()
    assert (await api.post(f"/v1/cases/{case_id}/stop_clock")).status_code == 200
    assert (await api.post(f"/v1/cases/{case_id}/close")).status_code == 200
    missing = await api.post(f"/v1/cases/{case_id}/complete_milestone")
    assert (missing.status_code, missing.json()["code"]) == (422, "bad_message")


MESSAGES: list[tuple[type[Any], type[Any], set[str]]] = [
    (bodies.NewCase, CaseIntake, {"clock", "carried", "reopened", "external_id"}),
    (bodies.MilestoneReached, events.MilestoneCompleted, {"type"}),
    (bodies.NewValues, events.FieldsChanged, {"type"}),
    (bodies.ClockRequest, events.ClockStopped, {"type"}),
    (bodies.ClockRequest, events.ClockResumed, {"type"}),
    (bodies.Clearing, events.CompletionCleared, {"type"}),
    (bodies.Extension, events.MilestoneExtended, {"type"}),
    (bodies.CaseRequest, events.CaseClosed, {"type"}),
    (bodies.AnotherEntitlement, EntitlementChange, set()),
    (bodies.Work, TimeLogged, set()),
    (bodies.WorkUndone, TimeReversed, set()),
    (bodies.Decision, OverageChoice, set()),
    (bodies.OtherVersion, Migration, set()),
    (bodies.Reopening, CaseReopening, set()),
]


@pytest.mark.parametrize(("body", "message", "own"), MESSAGES, ids=lambda one: getattr(one, "__name__", ""))
def test_bodies_have_the_keys_of_the_messages(body: type[Any], message: type[Any], own: set[str]) -> None:
    """A key that a message gains is one that HTTP takes too."""
    assert set(body.model_fields) == set(message.model_fields) - own


async def test_a_case_keeps_the_id_of_another_system(api: Api) -> None:
    """In every answer; each route and filter that names a case takes it by either id."""
    foreign = f"INC/{unique('c')}"
    ours = foreign.replace("/", "~2F")
    opened = await api.post("/v1/cases", {"case_id": foreign, "account": "acme"})
    assert opened.json()["case"]["external_id"] == foreign
    for path in (f"/v1/cases/{ours}", f"/v1/cases/{foreign.replace('/', '%2F')}"):
        assert (await api.get(path)).json()["case"]["external_id"] == foreign
    listed = (await api.get("/v1/cases?limit=200&account=acme")).json()["cases"]
    assert [case["external_id"] for case in listed if case["case_id"] == ours] == [foreign]
    events = (await api.get(f"/v1/events?case={foreign}&limit=1")).json()["events"]
    assert [event["data"]["external_id"] for event in events] == [foreign]
    assert (await api.get(f"/v1/actions?case={foreign}")).status_code == 200
    assert (await api.get(f"/v1/tasks?case={foreign}")).status_code == 200
