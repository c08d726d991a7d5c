"""Checks a process: its criteria, the fields and instants that it names, its actions, and what it all costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from domain.catalog.kinds import Kind
from domain.catalog.mail_checks import mail_problems
from domain.catalog.problems import Path, Problem
from domain.catalog.references import References
from domain.criteria.compiling import CriteriaError, CriteriaSchema, compile_criteria
from domain.criteria.cost import MOST_NANOSECONDS_TOGETHER
from domain.criteria.fields import FieldsError, FieldType, check_instants, check_values, nearest
from domain.criteria.values import Listed, check_compared, check_listed
from domain.process import Email, EntitlementProcess, FieldUpdate, Milestone
from domain.process.actions import Action
from domain.process.templates import Sight, of_a_milestone, template_problems


class ProcessChecks:
    """Checks processes. A criterion that several of them share is priced once.

    Args:
        fields: those of a case.
        references: what a process may name.
        values: of those fields of which they are listed. A value that a list had and has no longer stays right in what
            the stored version of a process says.
    """

    def __init__(self, fields: Mapping[str, FieldType], references: References, values: Listed) -> None:
        self._fields = fields
        self._values = values
        self._new = {name: listed for name, listed in values.items() if name not in references.known.values()}
        self._as_stored: frozenset[object] = frozenset()
        self._references = references
        self._schema = CriteriaSchema(case=fields)
        self._prices: dict[str, float] = {}  # of the criteria that are right

    def problems(self, path: Path, process: EntitlementProcess) -> Iterator[Problem]:
        """Everything that is wrong with a process."""
        stored = self._references.known.find(Kind.PROCESSES, process.name) if self._values else None
        self._as_stored = frozenset(_said_of_values(stored)) if isinstance(stored, EntitlementProcess) else frozenset()
        if process.entry != "opened_at":
            yield from self._instant((*path, "entry"), process.entry, "opened_at, or ")
        yield from self._criteria((*path, "exit_when"), process.exit_when)
        for number, milestone in enumerate(process.milestones):
            yield from self._milestone((*path, "milestones", number), milestone, retired=process.retired)
        together = sum(self._prices.get(source, 0) for source in criteria_of(process))
        if together > MOST_NANOSECONDS_TOGETHER:
            allowed = f"at most {MOST_NANOSECONDS_TOGETHER / 1e6:.0f} ms are allowed"
            message = f"on a case at the bounds its criteria take {together / 1e6:,.0f} ms together; {allowed}"
            yield Problem(path, message)

    def _milestone(self, path: Path, milestone: Milestone, *, retired: bool) -> Iterator[Problem]:
        for key in ("when", "complete_when", "pause_when"):
            yield from self._criteria((*path, key), getattr(milestone, key))
        if milestone.by is not None:
            yield from self._instant((*path, "by"), milestone.by, "")
        for number, name in enumerate(milestone.restart_on):
            if name not in self._fields:
                message = f"unknown field {name!r} of a case; expected {nearest(name, self._fields)}"
                yield Problem((*path, "restart_on", number), message)
        for number, row in enumerate(milestone.within or ()):
            yield from self._criteria((*path, "within", number, "when"), row.when)
        for number, trigger in enumerate(milestone.triggers):
            place = (*path, "triggers", number, "actions")
            yield from action_problems(
                place, trigger.actions, of_a_milestone(self._fields), self._references, retired=retired
            )
            for position, action in enumerate(trigger.actions):
                if isinstance(action, FieldUpdate):
                    yield from self._field_update((*place, position), action)

    def _criteria(self, path: Path, source: str) -> Iterator[Problem]:
        if source not in self._prices:
            yield from criteria_problem(path, source, self._schema, self._prices)
        if source in self._prices:
            yield from value_problem(path, source, self._new if source in self._as_stored else self._values)

    def _instant(self, path: Path, field: str, otherwise: str) -> Iterator[Problem]:
        declared = self._fields.get(field)
        if declared is None:
            instants = [name for name, kind in self._fields.items() if kind is FieldType.DATETIME]
            hint = nearest(field, [*instants, "opened_at"] if otherwise else instants)
            yield Problem(path, f"unknown field {field!r}; expected {otherwise}a field declared as datetime: {hint}")
        elif declared is not FieldType.DATETIME:
            message = (
                f"field {field!r} is declared as {declared.value}; expected {otherwise}a field declared as datetime"
            )
            yield Problem(path, message)

    def _field_update(self, path: Path, action: FieldUpdate) -> Iterator[Problem]:
        if action.field not in self._fields:
            message = f"unknown field {action.field!r} of case; {nearest(action.field, self._fields)}"
            yield Problem((*path, "field"), message)
            return
        try:
            value = check_values({action.field: action.value}, self._fields)
            is_stored = (action.field, repr(action.value)) in self._as_stored
            check_listed(value, self._new if is_stored else self._values)
            if not is_stored:
                check_instants(value, self._fields)
        except FieldsError as error:
            yield Problem((*path, "value"), str(error))


def action_problems(
    path: Path, actions: Sequence[Action], sight: Sight, references: References, *, retired: bool
) -> Iterator[Problem]:
    """What is wrong with actions: with their templates, and with whom their mails go to.

    Args:
        path: where they are declared.
        actions: in their order.
        sight: what their templates see.
        references: what they may name.
        retired: whether what declares them is; it may name what is retired, too.
    """
    for number, action in enumerate(actions):
        for place, message in template_problems(action, sight):
            yield Problem((*path, number, *place), message)
        if isinstance(action, Email):
            yield from mail_problems((*path, number), action, sight, references, retired=retired)


def _said_of_values(process: EntitlementProcess) -> Iterator[object]:
    """Its criteria, and which fields its actions give which values."""
    yield from criteria_of(process)
    actions = (a for m in process.milestones for trigger in m.triggers for a in trigger.actions)
    yield from ((a.field, repr(a.value)) for a in actions if isinstance(a, FieldUpdate))


def criteria_of(process: EntitlementProcess) -> Iterator[str]:
    """All that are evaluated of a process."""
    yield process.exit_when
    for milestone in process.milestones:
        yield from (milestone.when, milestone.complete_when, milestone.pause_when)
        yield from (row.when for row in milestone.within or ())


def criteria_problem(
    path: Path,
    source: Any,
    schema: CriteriaSchema,
    prices: dict[str, float] | None = None,
    *,
    values: Listed | None = None,
) -> Iterator[Problem]:
    """What is wrong with a criterion, with its position in it; its price is added to those that are given."""
    if isinstance(source, str):
        try:
            price = compile_criteria(source, schema)
        except CriteriaError as error:
            yield Problem(path, str(error))
            return
        if prices is not None:
            prices[source] = price
        yield from value_problem(path, source, values or {})


def value_problem(path: Path, source: str, values: Listed) -> Iterator[Problem]:
    """What a criterion, which is right otherwise, compares a field with that is none of its values."""
    try:
        check_compared(source, values)
    except CriteriaError as error:
        yield Problem(path, str(error))
