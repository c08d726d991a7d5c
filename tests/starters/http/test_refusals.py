"""The table of refusal codes: everything that Milepost refuses is in it, and the reference has it all."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.calendar import CalendarError, HorizonExceeded
from domain.errors import NotFound, Refused
from starters.http.app import routed
from starters.http.document import document_of
from starters.http.problems import problem_for
from starters.http.reference.problems import page
from starters.http.refusals import OF_ANY, REFUSALS, refusal_of
from starters.http.refusing import refuses

ROOT = Path(__file__).parents[3]

NEVER_HEARD = {
    "StoreBusy": "an activity is tried again",
    "BadTemplate": "an action fails, and is on record",
    "UnknownAction": "the same",
    "Failed": "of a batch, which has no route",
    "NotCounted": "the same",
    "NoAnswer": "the same",
    "Unstorable": "of a record, which is written beside what is asked",
    "unreadable": "of a command that tries a mapping",
    "no_public_key": "of a command that reads secrets of its machine",
    "no_secret": "the same",
    "unknown_event": "of commands about subscriptions and deliveries, which have no route",
    "not_delivered_again": "the same",
    "not_sent": "the same",
    "not_current": "of a command about deployments, which has no route",
}
"""Codes that no caller of the API hears, each with the reason."""


def codes() -> Iterator[tuple[str, Path]]:
    """Every code that is written in the code: of a `Refused`, and of an `ApplicationError`."""
    for package in ("domain", "store", "workflows", "activities", "clients", "starters"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    for code in _codes_of(node):
                        yield code, path


def _codes_of(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "id", "")
    given = []
    if name in {"Refused", "Problem"}:
        given = call.args[:1]
    elif name == "ApplicationError":
        given = [keyword.value for keyword in call.keywords if keyword.arg == "type"]
    for value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def test_every_code_is_in_the_table() -> None:
    """One that is new is told with a status and a title, or it says here why nobody hears it."""
    found = dict(codes())
    assert len(found) > 80
    unknown = {code: str(path) for code, path in found.items() if refusal_of(code)[0] not in REFUSALS}
    assert {code: path for code, path in unknown.items() if code not in NEVER_HEARD} == {}
    assert set(NEVER_HEARD) - set(found) == set()


@pytest.mark.parametrize("error", [CalendarError, HorizonExceeded])
def test_what_a_calendar_refuses_is_told_in_the_words_of_the_table(error: type[Exception]) -> None:
    """An activity calls it by the name of its class."""
    assert refusal_of(error.__name__) == ("past_the_horizon", REFUSALS["past_the_horizon"])


NO_ROUTE = {
    "bad_method": "of a path that has no such route",
    "running": "of a batch, which has no route",
    "wrong_id": "of what is started by other means, under an id of its own",
    "unknown_signal": "of a message that is no request",
    **dict.fromkeys(("account", "starts_on", "period", "aligned"), "of a catalog, which is refused whole"),
}
"""Codes that no route of the document names, each with the reason."""


def test_every_code_is_told_by_a_route_that_refuses_with_it() -> None:
    """Or with any request; or it says here why none does. A code that is not in the table cannot be named."""
    operations = [one for methods in document_of(routed())["paths"].values() for one in methods.values()]
    told = {code for operation in operations for code in operation.get("x-refusals", ())}
    assert told & set(OF_ANY) == set()
    assert set(REFUSALS) - told - set(OF_ANY) == set(NO_ROUTE)
    with pytest.raises(TypeError, match="no such refusals: nothing_of_this_name"):
        refuses("closed", "nothing_of_this_name")


def test_the_reference_has_the_table() -> None:
    """Written anew by `python -m starters.http.reference > docs/reference/problems.md`."""
    assert (ROOT / "docs" / "reference" / "problems.md").read_text() == page()


def test_an_error_that_nobody_expected_tells_nothing_of_itself() -> None:
    """But a number, under which the log has more."""
    problem = problem_for(RuntimeError("postgresql://milepost:secret@host/name"))
    told = bytes(problem.response().body).decode()
    assert problem.status_code == 500
    assert problem.fault is not None
    assert problem.fault in told
    assert "secret" not in told


def test_what_a_workflow_calls_by_an_exception_has_its_code() -> None:
    """Callers hear words of the table; a code that is in none is refused in general."""
    assert problem_for(Refused("NotFound", "unknown account 'x'")).code == "unknown_name"
    assert problem_for(Refused("nobody_knows", "no")).status_code == 422
    assert problem_for(Refused("not_now", "ask again")).headers == {"Retry-After": "1"}
    assert problem_for(NotFound("no")).status_code == 404
