"""What is wrong with a text template, before anything fires it."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import TemplateSyntaxError, meta
from jinja2.sandbox import SandboxedEnvironment

from domain.fields import nearest
from domain.process import Action, Email, Task

OF_A_MILESTONE = ("case", "milestone", "entitlement", "account")
"""What templates of a milestone's actions see."""

OF_A_COUNT = ("entitlement", "account", "usage", "threshold", "term")
"""What templates of thresholds and notices see."""

_ENVIRONMENT = SandboxedEnvironment()


def template_problems(action: Action, names: tuple[str, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What can't be rendered of an action: where in it, and a sentence.

    Args:
        action: as declared.
        names: what its templates see.
    """
    for path, source in _templates(action):
        if problem := _problem(source, names):
            yield path, problem


def _templates(action: Action) -> Iterator[tuple[tuple[str | int, ...], str]]:
    match action:
        case Email():
            yield from ((("to", number), address) for number, address in enumerate(action.to))
            yield ("subject",), action.subject
            yield ("body",), action.body
        case Task():
            yield ("subject",), action.subject
            yield ("assign_to",), action.assign_to
            yield ("body",), action.body
        case _:
            pass


def _problem(source: str, names: tuple[str, ...]) -> str | None:
    try:
        _ENVIRONMENT.from_string(source)
    except TemplateSyntaxError as error:
        line = f" in its line {error.lineno}" if "\n" in source else ""
        return f"this is no template{line}: {error.message}; a value is written {{{{ {names[0]}.id }}}}"
    unknown = sorted(meta.find_undeclared_variables(_ENVIRONMENT.parse(source)) - set(names))
    unknown = [name for name in unknown if name not in _ENVIRONMENT.globals]
    return f"the template names {unknown[0]!r}, which there is not; {nearest(unknown[0], names)}" if unknown else None
