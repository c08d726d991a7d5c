"""Checks of intake: expressions compile and may come to what is wanted; fields and milestones are declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from domain.catalog.intake import IntakeSource, expressions_of
from domain.catalog.kinds import Kind
from domain.catalog.problems import Path, Problem
from domain.catalog.references import References
from domain.criteria.compiling import CriteriaError
from domain.criteria.fields import FieldType, nearest
from domain.criteria.payloads import WANTED_OF_FIELDS, check_expression
from domain.process import EntitlementProcess


def intake_problems(
    path: Path, source: IntakeSource, fields: Mapping[str, FieldType], references: References
) -> Iterator[Problem]:
    """Everything that is wrong with a source.

    Args:
        path: where it is declared.
        source: how its deliveries are read.
        fields: those of a case.
        references: what its milestones may be of.
    """
    for place, text, wanted in expressions_of(source):
        if wanted is None:
            declared = fields.get(place[-1])
            if declared is None:
                message = f"unknown field {place[-1]!r} of a case; {nearest(place[-1], fields)}"
                yield Problem((*path, *place), message)
                continue
            wanted = WANTED_OF_FIELDS[declared]  # noqa: PLW2901 - what a field is to come to
        if not text.strip():
            continue
        try:
            check_expression(text, wanted)
        except CriteriaError as error:
            yield Problem((*path, *place), str(error))
    if not source.retired:
        yield from _milestones(path, source, references)


def _milestones(path: Path, source: IntakeSource, references: References) -> Iterator[Problem]:
    """A milestone that no process has would never be completed. Which process a case runs by is known when it opens."""
    if not source.complete or references.may_be_broken(Kind.PROCESSES, ""):
        return
    known: set[str] = set()
    for name in references.names(Kind.PROCESSES):
        process = references.find(Kind.PROCESSES, name)
        if isinstance(process, EntitlementProcess):
            known |= {milestone.name for milestone in process.milestones}
        elif process is None:
            return  # it could not be read, and may have any
    for name in source.complete:
        if name not in known:
            yield Problem((*path, "complete", name), f"no process has a milestone {name!r}; {nearest(name, known)}")
