"""What the criteria of a process cost together, for the plan of a case."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from domain.catalog.process_checks import criteria_of
from domain.criteria.compiling import CriteriaSchema, estimate
from domain.criteria.cost import MOST_NANOSECONDS, TooExpensive
from domain.criteria.fields import FieldType
from domain.process import EntitlementProcess


def criteria_ms(process: EntitlementProcess | None, fields: Mapping[str, FieldType]) -> int:
    """How many milliseconds all criteria of a process take at most, by the estimate by which they were allowed.

    A criterion that several milestones share is evaluated once, and counted once.

    Args:
        process: None costs nothing.
        fields: those of a case, as they are declared.
    """
    if process is None:
        return 0
    sources = tuple(dict.fromkeys(source for source in criteria_of(process) if source and not source.isspace()))
    return int(sum(_price(source, tuple(fields.items())) for source in sources) // 1e6)


@lru_cache(maxsize=4096)
def _price(source: str, fields: tuple[tuple[str, FieldType], ...]) -> float:
    """In nanoseconds. What an older build let pass and this one can't price counts as the dearest that is allowed."""
    try:
        return estimate(source, CriteriaSchema(case=dict(fields)))
    except (TooExpensive, RuntimeError, TypeError, ValueError):
        return MOST_NANOSECONDS
