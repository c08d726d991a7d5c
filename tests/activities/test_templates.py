"""Texts with places for a case's values."""

import pytest

from activities.templates import BadTemplate, render

CONTEXT = {"case": {"id": "c1", "priority": "High"}, "milestone": {"name": "First response"}, "account": None}


def test_a_text_is_a_template_over_the_case() -> None:
    """What is not set stays empty."""
    assert render("{{ case.id }}: {{ milestone.name }}{{ account.name }}", CONTEXT) == "c1: First response"
    assert render("{% if case.priority == 'High' %}now{% endif %}", CONTEXT) == "now"


def test_null_is_nothing_in_a_text() -> None:
    """A field that is declared and not set, in a sentence or by itself; 0 and false are something."""
    context = {"case": {"group": None, "count": 0, "vip": False}}
    assert render("for {{ case.group }}, {{ case.count }}, {{ case.vip }}", context) == "for , 0, False"
    assert render("{{ case.group or 'Dispatch' }}", context) == "Dispatch"
    assert render("{{ case.group if case.group is not none else 'none' }}", context) == "none"


def test_a_field_may_have_the_name_of_a_method() -> None:
    """A value of the case comes before what Python can do with it."""
    assert render("{{ case.update }}, {{ case.items }}", {"case": {"update": "v2", "items": 3}}) == "v2, 3"
    assert render("{% for name, value in case.items() %}{{ name }}={{ value }}{% endfor %}", CONTEXT).startswith(
        "id=c1"
    )


@pytest.mark.parametrize(
    "template", ["{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ case.items.__call__.__globals__() }}"]
)
def test_a_template_reaches_nothing_but_its_values(template: str) -> None:
    """It runs in a sandbox: what is private to Python is refused."""
    with pytest.raises(BadTemplate, match="unsafe"):
        render(template, CONTEXT)


def test_a_broken_template_says_so() -> None:
    """With the template's beginning."""
    with pytest.raises(BadTemplate, match=r"template '\{\{ case. \}\}' can't be rendered"):
        render("{{ case. }}", CONTEXT)


@pytest.mark.parametrize("template", ["{{ case.priority + 1 }}", "{{ 1 / 0 }}", "{{ range(1000000) }}"])
def test_a_template_that_fails_on_its_values_says_so(template: str) -> None:
    """As one that is broken: trying again would not help."""
    with pytest.raises(BadTemplate, match="can't be rendered"):
        render(template, CONTEXT)
