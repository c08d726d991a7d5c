"""Intake in a catalog: what is wrong with a source is said where it stands, and nothing of it is stored."""

from __future__ import annotations

from typing import Any

import pytest

from domain.catalog.documents import read_document
from domain.catalog.kinds import Kind
from domain.catalog.problems import CatalogProblems

BASIS: dict[str, Any] = {
    "fields": {"priority": "string", "count": "integer", "due_at": "datetime", "vip": "boolean"},
    "processes": [{"name": "Gold", "milestones": [{"name": "First response", "within": "4h"}]}],
}
SOURCE: dict[str, Any] = {
    "id": "desk",
    "signature": {"scheme": "hub-sha1", "secrets": [{"env": "DESK"}]},
    "case": "string(payload.id)",
}


def problems(basis: dict[str, Any] | None = None, **said: Any) -> list[str]:
    with pytest.raises(CatalogProblems) as refused:
        read_document({**BASIS, **(basis or {}), "intake": [{**SOURCE, **said}]})
    return [str(problem) for problem in refused.value.problems]


def test_a_source_with_all_its_keys_is_read() -> None:
    """What is left out says nothing."""
    whole = {
        "delivery_header": "X-Id",
        "time_zone": "Europe/Berlin",
        "on_error": "skip",
        "when": "true",
        "occurred_at": "payload.at",
        "opened_at": "payload.at",
        "by": "payload.by",
        "account": "payload.org",
        "fields": {"priority": "payload.p", "vip": "payload.v == 1"},
        "initially": {"count": "0"},
        "open": "true",
        "change": "true",
        "stop": "payload.s",
        "resume": "!payload.s",
        "complete": {"First response": "payload.f"},
        "close": "payload.c",
        "reopen": "!payload.c",
    }
    [found] = read_document({**BASIS, "intake": [{**SOURCE, **whole}]}).of(Kind.INTAKE)
    assert found.model_dump(exclude_unset=True, exclude={"signature", "id", "case"}) == whole
    read_document({**BASIS, "intake": [SOURCE]})


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"case": "payload.id +"}, "intake[0].case: line 1, column 13: syntax error"),
        ({"case": ""}, "intake[0].case: "),
        ({"stop": '"yes"'}, "intake[0].stop: line 1, column 1: the value is a string, not true or false"),
        ({"stop": True}, "intake[0].stop: expected text, not true"),
        ({"occurred_at": "true"}, "intake[0].occurred_at: line 1, column 1: the value is a boolean, not an instant"),
        ({"fields": {"prio": "payload.p"}}, "intake[0].fields.prio: unknown field 'prio' of a case; did you mean"),
        ({"fields": {"count": '"3"'}}, "intake[0].fields.count: line 1, column 1: the value is a string, not a whole"),
        ({"fields": {"priority": "3"}}, "intake[0].fields.priority: line 1, column 1: the value is an integer"),
        ({"fields": {"priority": " "}}, "'priority' has no expression"),
        ({"initially": {"due_at": "[]"}}, "intake[0].initially.due_at: line 1, column 1: the value is a list"),
        (
            {"complete": {"First": "true"}},
            "intake[0].complete.First: no process has a milestone 'First'; there are First response",
        ),
        ({"close": "case.status"}, "intake[0].close: line 1, column 1: unknown name 'case'"),
        ({"on_error": "wait"}, "'wait' is not 'hold' or 'skip'"),
        ({"time_zone": "CET+1"}, "intake[0].time_zone: unknown time zone 'CET+1'"),
        ({"delivery_header": "X Id"}, "'X Id' is no name of a header"),
        ({"signature": {"scheme": "md5", "secrets": []}}, "'md5' is not"),
        ({"signature": {"scheme": "frappe", "secrets": ["s3cret"]}}, "expected a mapping (key: value)"),
        ({"signature": {"scheme": "frappe", "secrets": [{"env": "MILEPOST_X"}]}}, "is a setting of Milepost"),
        ({"closes": "true"}, "unknown key 'closes'; did you mean 'close'"),
        ({"stop": "a" * 4001}, "at most 4000"),
    ],
)
def test_what_is_wrong_with_a_source_is_said_where_it_stands(said: dict[str, Any], says: str) -> None:
    """With what would be right."""
    found = problems(**said)
    assert any(says in problem for problem in found), found


def test_a_secret_is_never_in_the_catalog() -> None:
    """Only where it is read."""
    found = problems(signature={"scheme": "header", "header": "X", "secrets": [{"secret": "s3cret-itself"}]})
    assert not any("s3cret-itself" in problem for problem in found)


def test_what_a_broken_process_may_have_is_no_further_problem() -> None:
    """Nor a field, where the fields cannot be read."""
    broken = {"processes": [{"name": "Gold", "milestones": [{"name": "First response"}]}]}
    found = problems(broken, complete={"Whatever": "true"})
    assert not any("intake" in problem for problem in found)
    assert not any("intake" in problem for problem in problems({"fields": ["x"]}, fields={"priority": "payload.p"}))
