"""What the texts of actions may name is what they will see, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.criteria.fields import FieldType
from domain.process import Email, Task
from domain.process.templates import OF_A_NOTICE, OF_A_THRESHOLD, Sight, of_a_milestone, template_problems
from domain.timeline.effects import TriggerFired
from domain.usage.allowance import Allowance
from domain.usage.effects import UsageActionOrder
from domain.usage.machine import Usage
from domain.usage.requests import Consumption
from domain.usage.term_end import TermEnd
from tests.domain.timeline.bench import Bench, sets, triggers

MILESTONE = of_a_milestone({"priority": FieldType.STRING, "due_at": FieldType.DATETIME, "update": FieldType.STRING})
NOON = datetime(2025, 2, 20, 12, tzinfo=UTC)
MAIL = {"do": "email", "to": "am@example.com", "subject": "s"}


def says(text: str, sight: Sight = MILESTONE) -> list[str]:
    action = Task(do="task", subject=text)
    return [message for _, message in template_problems(action, sight)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ case.prioity }}", "the template names 'case.prioity', which there is not; did you mean 'priority'?"),
        ("{{ case['prioity'] }}", "the template names 'case.prioity', which there is not; did you mean 'priority'?"),
        (
            "{{ account.foo }}",
            "the template names 'account.foo', which there is not; there are id, name, time_zone, type",
        ),
        (
            "{{ entitlement.end_on }}",
            "the template names 'entitlement.end_on', which there is not; did you mean 'ends_on'?",
        ),
        (
            "{{ milestone.target }}",
            "the template names 'milestone.target', which there is not; did you mean 'target_at'?",
        ),
        (
            "{% if case.x %}{% endif %}",
            "the template names 'case.x', which there is not; there are due_at, external_id, id,",
        ),
        ("{{ case.x or 'none' | upper }}", "the template names 'case.x', which there is not"),
        ("{% for tag in case.x %}{{ tag }}{% endfor %}", "the template names 'case.x', which there is not"),
        ("{{ case.__class__ }}", "the template names 'case.__class__', which there is not"),
        ("{{ case.items }}", "the template names 'case.items', which there is not"),
        ("{{ account.nome }}{{ nope.x }}", "the template names 'nope', which there is not; there are account, case,"),
        ("{{ case.id }}\n{{ case.x }}{{ case.a }}", "the template names 'case.x' in its line 2, which there is not"),
    ],
)
def test_what_a_text_never_sees_is_refused(text: str, problem: str) -> None:
    """With the nearest name; the first of several, names before attributes."""
    [message] = says(text)
    assert message.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ case.due_at | locl }}", "the template has a filter 'locl', which there is not; did you mean 'local'?"),
        ("{{ case.id\n| durations }}", "the template has a filter 'durations' in its line 2, which there is not; did"),
        (
            "{{ case.id | zzz }}",
            "the template has a filter 'zzz', which there is not; there are local, duration, money and those of Jinja2",
        ),
        ("{% filter shout %}x{% endfilter %}", "the template has a filter 'shout', which there is not"),
        (
            "{{ case.due_at | local('Europe/Berln') }}",
            "the filter 'local' can't be used so: unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?",
        ),
        ("{{ case.due_at | local(zone='CET+1') }}", "the filter 'local' can't be used so: unknown time zone 'CET+1'"),
    ],
)
def test_a_misspelled_filter_is_refused(text: str, problem: str) -> None:
    """With what was meant, or what there is; so is a zone that there is not."""
    [message] = says(text)
    assert message.startswith(problem)


@pytest.mark.parametrize(
    "text", ["{{ case.due_at | local | upper }}", "{{ trigger.late | duration }}", "{{ 5 | money }}"]
)
def test_known_filters_pass(text: str) -> None:
    assert says(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "{{ case.id }} {{ case.priority }} {{ case['due_at'] }} {{ case.update }}",
        "{{ entitlement.name }} {{ entitlement.cap }} {{ account.type }} {{ milestone.occurrence }}",
        "{{ case.priority.upper() }} {{ case.due_at[:10] }}",
        "{{ case.get('priority', 'none') }} {% for name, value in case.items() %}{{ name }}{{ value.x }}{% endfor %}",
        "{% set case = account %}{{ case.anything }}",
        "{% for milestone in case.priority %}{{ milestone.letter }}{{ loop.index }}{% endfor %}",
        "{% macro of(account) %}{{ account.anything }}{% endmacro %}{{ of(case) }}",
        "{% set key = 'x' %}{{ case[key] }}",
    ],
)
def test_what_a_text_may_see_passes(text: str) -> None:
    """Declared fields and what is built in; what is named in the template itself is its own business."""
    assert says(text) == []


@pytest.mark.parametrize(
    ("sight", "text", "problem"),
    [
        (OF_A_THRESHOLD, "{{ usage.foo }}", "there are cap, overage, percent, period, remaining, used"),
        (OF_A_THRESHOLD, "{{ entitlement.type }}", "there are ends_on, id, name, starts_on, unit"),
        (OF_A_THRESHOLD, "{{ account.name }}", "there are id"),
        (OF_A_THRESHOLD, "{{ threshold.at }}", "'threshold' is a value itself, written {{ threshold }}"),
        (OF_A_THRESHOLD, "{{ term.ends_on }}", "the template names 'term', which there is not"),
        (OF_A_NOTICE, "{{ threshold }}", "the template names 'threshold', which there is not"),
        (OF_A_NOTICE, "{{ term.end_on }}", "did you mean 'ends_on'?"),
        (OF_A_NOTICE, "{{ case.id }}", "the template names 'case', which there is not"),
    ],
)
def test_each_kind_of_action_sees_what_it_is_about(sight: Sight, text: str, problem: str) -> None:
    """A threshold is no notice, and neither has a case."""
    [message] = says(text, sight)
    assert problem in message


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 3000000000 }}",
        "{{ 'a'|center(3000000000) }}",
        "{% if 'a' * 3000000000 %}x{% endif %}",
        "{% set x = 'a' * 3000000000 %}",
        "{% macro of(x='a' * 3000000000) %}{% endmacro %}",
        "{% include 'a' * 3000000000 %}",
        "{{ 'x' ~ 'a' * 3000000000 }}",
        "{{ ['a' * 3000000000] }}",
        "{% filter center(3000000000) %}a{% endfilter %}",
    ],
)
def test_checking_a_text_works_nothing_out(text: str) -> None:
    """What is constant in a template would take gigabytes and half a minute."""
    begun = time.process_time()
    assert says(text) == []
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{" + "(" * 3000 + "1" + ")" * 3000 + "}}", "this is no template: it can't be compiled (maximum recursion"),
        ("{{ " + "9" * 5000 + " }}", "this is no template: it can't be compiled (Exceeds the limit"),
        ("{% for i in [1] %}" * 25 + "{% endfor %}" * 25, "this is no template: it can't be compiled (too many"),
        ("a" * 70000, "the template has 70000 bytes; at most 65536 are allowed"),
    ],
)
def test_a_text_that_cannot_be_compiled_is_refused(text: str, problem: str) -> None:
    """Whatever Jinja2 or Python stumbles over, it is a problem of the text."""
    [message] = says(text)
    assert message.startswith(problem)


def test_every_text_of_an_action_is_read() -> None:
    """Each problem with its place in the action."""
    mail = Email(do="email", to=["a@example.com", "{{ case.a }}"], subject="{{ case.b }}", body="{{ case.c }}")
    assert [place for place, _ in template_problems(mail, MILESTONE)] == [("to", 1), ("subject",), ("body",)]
    task = Task(do="task", subject="{{ case.a }}", assign_to="{{ case.b }}", body="{{ case.c }}")
    assert [place for place, _ in template_problems(task, MILESTONE)] == [("subject",), ("assign_to",), ("body",)]


# --- what is said to be seen is what is seen ---


def seen(context: Mapping[str, Any]) -> dict[str, set[str] | None]:
    return {name: set(value) if isinstance(value, Mapping) else None for name, value in context.items()}


def told(sight: Sight) -> dict[str, set[str] | None]:
    return {name: None if names is None else set(names) for name, names in sight.items()}


def ordered(sight: Sight) -> Sight:
    """Without what is added where an action is carried out."""
    return {name: seen for name, seen in sight.items() if name not in {"links", "trigger", "owner"}}


def test_a_trigger_gives_its_actions_what_they_may_name() -> None:
    """Entitlement and account are as criteria see them, which has a test of its own. A case that no other system has an
    id for has its own under that name, by whoever carries the action out."""
    bench = Bench(
        {"within": "4h", "triggers": triggers("violation 0", actions=sets(state="late"))}, fields={"state": "new"}
    ).to("Mon 13:00")
    [fired] = [effect for effect in bench.effects if isinstance(effect, TriggerFired)]
    sight = told(ordered(of_a_milestone({"state": FieldType.STRING})))
    context = seen(fired.context)
    assert context.keys() == sight.keys()
    assert sight["case"] == {*(context["case"] or ()), "external_id"}
    assert context["milestone"] == sight["milestone"]


def usage(*, starts_on: date | None, ends_on: date | None) -> Usage:
    entitlement = Entitlement(
        id="bank",
        account="acme",
        starts_on=starts_on,
        ends_on=ends_on,
        allowance=Allowance.model_validate({"cap": 2, "thresholds": [{"at": 1, "actions": [MAIL]}]}),
        term_end=TermEnd.model_validate({"notices": [{"days_before": 7, "actions": [MAIL]}]}) if ends_on else None,
    )
    return Usage.begin(entitlement_terms(entitlement, Account(id="acme"), Organisation(), now=NOON), NOON)


def test_a_count_gives_its_actions_what_they_may_name() -> None:
    """A threshold and a notice, each its own."""
    count = usage(starts_on=date(2025, 1, 1), ends_on=date(2025, 12, 31))
    effects = count.take(Consumption(reference="c", event_id="e", occurred_at=NOON), NOON).effects
    effects += count.advance(datetime(2025, 12, 30, tzinfo=UTC))
    orders = {effect.cause: effect for effect in effects if isinstance(effect, UsageActionOrder)}
    assert seen(orders["threshold"].context) == told(ordered(OF_A_THRESHOLD))
    assert seen(orders["notice"].context) == told(ordered(OF_A_NOTICE))
    for order in orders.values():
        dates = (order.context["entitlement"]["starts_on"], order.context["entitlement"]["ends_on"])
        assert dates == ("2025-01-01", "2025-12-31")


def test_a_count_without_dates_says_none() -> None:
    """Which a text shows as nothing."""
    shown = usage(starts_on=None, ends_on=None)._book.context(0)["entitlement"]
    assert (shown["starts_on"], shown["ends_on"]) == (None, None)
