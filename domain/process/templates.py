"""What is wrong with a text template, before anything fires it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from jinja2 import TemplateSyntaxError, nodes, pass_context
from jinja2.meta import TrackingCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from domain.criteria.fields import ACCOUNT_FIELDS, ENTITLEMENT_FIELDS, FieldType, nearest
from domain.process.actions import Action
from domain.zones import checked_zone

Sight = Mapping[str, Collection[str] | None]
"""What the templates of an action see: each name with its attributes; None: it is a value itself."""

LINKS = ("temporal", "console")
"""Where more can be seen; empty where there is no such place."""

_COUNTED: Sight = {
    "links": LINKS,
    "entitlement": ("id", "name", "unit", "starts_on", "ends_on"),
    "account": ("id",),
    "usage": ("period", "used", "overage", "cap", "remaining", "percent"),
}
OF_A_THRESHOLD: Sight = {**_COUNTED, "threshold": None}
OF_A_NOTICE: Sight = {**_COUNTED, "term": ("ends_on", "days_before", "follows")}

OWN_FILTERS = ("local", "duration", "money")
"""Filters beside Jinja2's own; `activities.rendering.filters` says what they do."""

_METHODS = frozenset({"get", "items", "keys", "values"})
"""What may be called of a name."""

MOST_TEMPLATE_BYTES = 64 * 1024
"""Of one template, in UTF-8."""


@pass_context
def _at_rendering(_context: Context, value: Any) -> Any:
    return value


_ENVIRONMENT = SandboxedEnvironment(optimized=False, finalize=_at_rendering)
"""It evaluates nothing: what Jinja2 finds to be constant, such as ``{{ 'a' * 3000000000 }}``, it would otherwise work
out while it compiles. What depends on a context, as this `finalize` does, waits for one."""
_ENVIRONMENT.filters |= dict.fromkeys(OWN_FILTERS, _at_rendering)


def of_a_milestone(fields: Mapping[str, FieldType]) -> Sight:
    """What templates of a milestone's actions see.

    Args:
        fields: the declared fields of a case.
    """
    return {
        "case": ("id", "external_id", *fields),
        "milestone": ("name", "occurrence", "kind", "start_at", "target_at", "completed_at"),
        "trigger": ("id", "kind", "due_at", "at", "late"),
        "entitlement": tuple(ENTITLEMENT_FIELDS),
        "account": tuple(ACCOUNT_FIELDS),
        "owner": ("id", "name", "team", "time_zone"),
        "links": LINKS,
    }


def of_any_action(fields: Mapping[str, FieldType]) -> Sight:
    """What templates see that may be used for any action: whatever one of them does.

    Args:
        fields: the declared fields of a case.
    """
    return {**OF_A_NOTICE, **OF_A_THRESHOLD, **of_a_milestone(fields)}


def of_an_endpoint(fields: Mapping[str, FieldType]) -> Sight:
    """What templates of an endpoint see: whatever any action does, and the event itself.

    Args:
        fields: the declared fields of a case.
    """
    return {
        **of_any_action(fields),
        "event": (
            *("type", "key", "case", "milestone", "entitlement", "account", "trigger", "due_at", "at"),
            *("usage", "threshold", "term", "text"),
        ),
    }


def template_problems(action: Action, sight: Sight) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What can't be rendered of an action, or names what it never sees: where in it, and a sentence.

    Args:
        action: as declared.
        sight: what its templates see.
    """
    for path, source in action.templates():
        if problem := template_problem(source, sight):
            yield path, problem


def template_problem(source: str, sight: Sight) -> str | None:
    """What is wrong with one template, in a sentence; None: nothing."""
    if (size := len(source.encode("utf-8", "surrogatepass"))) > MOST_TEMPLATE_BYTES:
        return f"the template has {size} bytes; at most {MOST_TEMPLATE_BYTES} are allowed"
    try:
        template = _ENVIRONMENT.parse(source)
        if problem := _filter_problem(source, template):
            return problem
        _ENVIRONMENT.compile(source)
        seen = _named(template)
    except TemplateSyntaxError as error:
        return (
            f"this is no template{_line(source, error.lineno)}: {error.message}; a value is written {_example(sight)}"
        )
    except Exception as error:  # noqa: BLE001  nested too deep for Jinja2 or for Python, a number of a million digits
        return f"this is no template: it can't be compiled ({error}); a value is written {_example(sight)}"
    unknown = [name for name in sorted(seen - set(sight)) if name not in _ENVIRONMENT.globals]
    if unknown:
        return f"the template names {unknown[0]!r}, which there is not; {nearest(unknown[0], sight)}"
    for name, attribute, line in _attributes(template, sight):
        known = sight[name]
        if known is None:
            return f"the template names '{name}.{attribute}'; {name!r} is a value itself, written {{{{ {name} }}}}"
        if attribute not in known:
            named = f"'{name}.{attribute}'{_line(source, line)}"
            return f"the template names {named}, which there is not; {nearest(attribute, known)}"
    return None


def _filter_problem(source: str, template: nodes.Template) -> str | None:
    """What is wrong with the filters of a template, in a sentence."""
    for node in template.find_all(nodes.Filter):
        if node.name not in _ENVIRONMENT.filters:
            known = nearest(node.name, _ENVIRONMENT.filters)
            if not known.startswith("did you mean"):
                known = f"there are {', '.join(OWN_FILTERS)} and those of Jinja2"
            return f"the template has a filter {node.name!r}{_line(source, node.lineno)}, which there is not; {known}"
        if node.name == "local":
            zones = [*node.args, *(pair.value for pair in node.kwargs)]
            for zone in (part.value for part in zones if isinstance(part, nodes.Const)):
                try:
                    checked_zone(str(zone))
                except ValueError as error:
                    return f"the filter 'local'{_line(source, node.lineno)} can't be used so: {error}"
    return None


def _named(template: nodes.Template) -> set[str]:
    """The names that a template expects to be given; as `jinja2.meta` finds them, but without working anything out."""
    generator = TrackingCodeGenerator(template.environment or _ENVIRONMENT)
    generator.optimizer = None
    generator.visit(template)
    return set(generator.undeclared_identifiers)


def _attributes(template: nodes.Template, sight: Sight) -> Iterator[tuple[str, str, int]]:
    """Which attribute is asked of which name that is seen, and in which line.

    Left out are names that the template itself gives to something, even in a part of it, and attributes that are known
    only when it is rendered.
    """
    own = {node.name for node in template.find_all(nodes.Name) if node.ctx != "load"}
    called = {id(call.node) for call in template.find_all(nodes.Call)}
    asked: list[tuple[nodes.Expr, nodes.Expr, object]] = []
    asked += [(node, node.node, node.attr) for node in template.find_all(nodes.Getattr)]
    asked += [(node, node.node, _constant(node.arg)) for node in template.find_all(nodes.Getitem)]
    for node, of, attribute in sorted(asked, key=lambda one: one[0].lineno):
        if not isinstance(of, nodes.Name) or of.name not in sight or of.name in own or not isinstance(attribute, str):
            continue
        if id(node) not in called or attribute not in _METHODS:
            yield of.name, attribute, node.lineno


def _constant(node: nodes.Node) -> object:
    return node.value if isinstance(node, nodes.Const) else None


def _line(source: str, number: int) -> str:
    return f" in its line {number}" if "\n" in source else ""


def _example(sight: Sight) -> str:
    return f"{{{{ {next(iter(sight))}.id }}}}"
