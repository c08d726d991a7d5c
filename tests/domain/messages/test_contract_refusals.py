"""What a message is refused with, as the contract says, is what the rules behind it refuse."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from temporalio.exceptions import ApplicationError

from activities.refusals import refusals
from domain.criteria.values import check_new
from domain.messages.contract import CASE, ENTITLEMENT, WORKFLOWS, Exchange
from starters.http.refusals import REFUSALS
from starters.operations.codes import code_of
from workflows.case.asked import REQUESTS
from workflows.case.overage import OBSOLETE
from workflows.case.size import LARGER

ROOT = Path(__file__).parents[3]

RULES = {
    ("case", "complete_milestone"): "domain.timeline.requests:complete",
    ("case", "change_fields"): "domain.timeline.requests:change_fields",
    ("case", "stop_clock"): "domain.timeline.requests:stop",
    ("case", "resume_clock"): "domain.timeline.requests:resume",
    ("case", "clear_completion"): "domain.timeline.requests:clear",
    ("case", "extend_milestone"): "domain.timeline.requests:extend",
    ("case", "close"): "domain.timeline.requests:close",
    ("case", "reopen"): "domain.timeline.requests:reopen",
    ("case", "change_entitlement"): "domain.timeline.requests:change_entitlement",
    ("case", "migrate"): "domain.timeline.requests:migrate",
    ("entitlement", "approve_overage"): "domain.usage.decisions:decide",
    ("entitlement", "reverse"): "domain.usage.reversing:reverse",
    ("entitlement", "adjust"): "domain.usage.changes:_adjust",
    ("entitlement", "grant"): "domain.usage.changes:_grant",
    ("entitlement", "cover_overage"): "domain.usage.overage:cover",
    ("entitlement", "void_overage"): "domain.usage.overage:void",
}
"""The rule that does what a request asks for."""

ALSO = {
    ("case", "change_fields"): {"no_fields"},  # told before it is its turn
    ("case", "reopen"): {"open"},  # by the workflow: a case that is open is not reopened
    ("case", "change_entitlement"): {"not_entitled", "nothing_left", "blocked", "decision_pending"},  # by who plans it
}
"""What is refused elsewhere."""

MAKES_LARGER = {
    *(asked for asked, event in REQUESTS.items() if event in LARGER),
    *("reopen", "change_entitlement", "migrate"),
}
"""What a case is asked that it refuses once it is too large."""


class Function(NamedTuple):
    """A function of a module; of a class with its name."""

    module: str
    name: str


class Module(NamedTuple):
    """What a module defines, and what it imports by name."""

    functions: dict[str, ast.AST]
    imported: dict[str, tuple[str, str]]


@cache
def module(name: str) -> Module:
    path = ROOT / f"{name.replace('.', '/')}.py"
    tree = ast.parse(path.read_text()) if path.is_file() else ast.Module([], [])
    functions: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            functions |= {f"{node.name}.{part.name}": part for part in node.body if isinstance(part, ast.FunctionDef)}
    named = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported = {alias.asname or alias.name: (str(node.module), alias.name) for node in named for alias in node.names}
    return Module(functions, imported)


def used(where: str, node: ast.AST) -> Iterator[Function]:
    """The functions that a part of a function names: of its module, of others, and of the book."""
    match node:
        case ast.Name(id=name):
            yield Function(where, name)
            yield Function(*module(where).imported.get(name, ("", "")))
        case ast.Attribute(value=ast.Name(id="book"), attr=name):
            yield Function("domain.usage.book", f"UsageBook.{name}")
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in module(where).imported:
            yield Function(".".join(module(where).imported[name]), attribute)


def refused_by(rule: str) -> set[str]:
    """The codes of all that a rule, or what it calls, refuses."""
    codes: set[str] = set()
    waiting, seen = [Function(*rule.split(":"))], set()
    while waiting:
        function = waiting.pop()
        body = module(function.module).functions.get(function.name)
        if body is None or function in seen:
            continue
        seen.add(function)
        for node in ast.walk(body):
            waiting += used(function.module, node)
            match node:
                case ast.Call(func=ast.Name(id="Refused"), args=[ast.Constant(value=str(code)), *_]):
                    codes.add(code)
    return codes


@pytest.mark.parametrize(("of", "asked"), RULES)
def test_a_request_is_refused_as_the_contract_says(of: str, asked: str) -> None:
    """A rule that refuses something new is told with its message."""
    told = set(WORKFLOWS[of].updates[asked].refusals)
    by_its_size = {"case_too_large"} if of == "case" and asked in MAKES_LARGER else set()
    assert told == refused_by(RULES[of, asked]) | ALSO.get((of, asked), set()) | by_its_size


@pytest.mark.parametrize("exchange", [*CASE.updates.values(), *ENTITLEMENT.updates.values()])
def test_every_code_of_a_message_is_explained(exchange: Exchange) -> None:
    """On the page of problems, which has the names of errors in its own words."""
    assert {code_of(name) for name in exchange.refusals} <= set(REFUSALS)


def test_fields_of_an_intake_are_refused_as_the_contract_says() -> None:
    """By an activity, which tells them by the name of its error."""
    with pytest.raises(ApplicationError) as failed, refusals():
        check_new({"colour": "red"}, {}, {})
    assert failed.value.type in CASE.updates["open"].refusals


def test_what_blocks_a_case_blocks_a_change_too() -> None:
    """Both take of their entitlement."""
    assert "blocked" in set(CASE.updates["open"].refusals) & set(CASE.updates["change_entitlement"].refusals)


def test_a_decision_is_refused_with_what_makes_its_question_obsolete() -> None:
    """The entitlement says so, and the case hands it on."""
    assert set(OBSOLETE) <= set(CASE.updates["decide_overage"].refusals)


def test_rules_are_followed_through_what_they_call() -> None:
    """Within a module, into others, and into the book."""
    assert {"not_started", "unknown_milestone"} <= refused_by("domain.timeline.requests:extend")
    assert {"outside_term", "period_unknown"} <= refused_by("domain.usage.overage:cover")
