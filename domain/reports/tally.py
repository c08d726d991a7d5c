"""Figures over many milestone instances: how many came to what, and how their times lie.

Instances are counted one by one, or many alike at once: a log is measured case by case, a database says how many there
are of each. Both are counted here, and nowhere else.
"""

from __future__ import annotations

import bisect
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain, repeat

from pydantic import computed_field

from domain.model import Value
from domain.reports.compliance import Outcome, Outcomes, counted
from domain.reports.measures import HOUR, WELL_AHEAD, Measured, is_last_part


class Spread(Value):
    """How values lie: mean, median, and the tenth and ninetieth percentile (the nearest value that there is)."""

    count: int
    mean: float
    p10: float
    median: float
    p90: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """The spread of values; None if there are none."""
        return cls.of_many(Counter(values))

    @classmethod
    def of_many(cls, values: Mapping[float, int]) -> Spread | None:
        """The spread of values, each with how often there is one; None if there are none."""
        ordered = sorted(values)
        upto, count = [], 0
        for value in ordered:
            count += values[value]
            upto.append(count)
        if not count:
            return None

        def nth(number: int) -> float:
            return ordered[bisect.bisect_left(upto, number)]

        return cls(
            count=count,
            mean=round(statistics.fmean(chain.from_iterable(repeat(v, values[v]) for v in ordered)), 1),
            p10=nth(math.ceil(count * 10 / 100)),
            median=(nth((count + 1) // 2) + nth(count // 2 + 1)) / 2,
            p90=nth(math.ceil(count * 90 / 100)),
        )


class Counts(Outcomes):
    """How many instances there were, what became of them, and how many missed their target."""

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def missed(self) -> int:
        """Past their target: met late, or never."""
        return self.met_late + self.violated


class Figures(Counts):
    """What came of a group of instances. Seconds are open seconds.

    Attributes:
        violations: those on record, repeated and corrected ones too; an instance that was completed after its target
            with no open time between has none.
        corrected: those of them that were corrected.
        met_well_ahead: met at least 2 h before the target.
        met_in_last_part: met with less than 20% of the span left; those with a deadline from a field have no span.
        met_in_last_hour: met less than 1 h before the target.
        response_seconds: from start to completion, less pauses, of those completed.
        margin_seconds: from completion to target, of those met; `margin_percent` the same in percent of the span.
        overrun_seconds: from the target on, of those missed or handed over late.
        paused: instances that were paused, for `paused_seconds` together.
    """

    violations: int
    corrected: int
    met_well_ahead: int
    met_in_last_part: int
    met_in_last_hour: int
    response_seconds: Spread | None
    margin_seconds: Spread | None
    margin_percent: Spread | None
    overrun_seconds: Spread | None
    paused: int
    paused_seconds: int


_SUMS = ("violations", "corrected", "paused", "paused_seconds", "well_ahead", "last_part", "last_hour")


class Tally:
    """Counts instances, and says what they come to."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        self.violations = self.corrected = self.paused = self.paused_seconds = 0
        self.well_ahead = self.last_part = self.last_hour = 0
        self.responses: Counter[float] = Counter()
        self.margins: Counter[float] = Counter()
        self.margin_percents: Counter[float] = Counter()
        self.overruns: Counter[float] = Counter()

    def add(self, one: Measured) -> None:
        """Count one instance, in everything."""
        self.outcomes[one.outcome] += 1
        self.violations += one.violations
        self.corrected += one.corrected
        self.paused += one.was_paused
        self.paused_seconds += one.paused_seconds
        if one.response_seconds is not None:
            self.responses[one.response_seconds] += 1
        if one.overrun_seconds is not None:
            self.overruns[one.overrun_seconds] += 1
        if one.outcome is Outcome.MET and one.margin_seconds is not None:
            self.add_margins(one.margin_seconds, one.span_seconds, 1)

    def add_margins(self, margin: int, span: int | None, many: int) -> None:
        """Count so many instances alike that were met, by their margin and their span (None: they have none)."""
        self.margins[margin] += many
        self.well_ahead += many * (margin >= WELL_AHEAD)
        self.last_hour += many * (margin < HOUR)
        if span:
            self.margin_percents[round(100 * margin / span, 1)] += many
            self.last_part += many * is_last_part(margin, span)

    def merge(self, other: Tally) -> None:
        """Count what another one has counted."""
        for name in ("outcomes", "responses", "margins", "margin_percents", "overruns"):
            getattr(self, name).update(getattr(other, name))
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def counts(self) -> Counts:
        """What became of them."""
        return Counts(**counted(self.outcomes))

    @property
    def figures(self) -> Figures:
        """All that there is to say of them."""
        return Figures(
            **counted(self.outcomes),
            violations=self.violations,
            corrected=self.corrected,
            met_well_ahead=self.well_ahead,
            met_in_last_part=self.last_part,
            met_in_last_hour=self.last_hour,
            response_seconds=Spread.of_many(self.responses),
            margin_seconds=Spread.of_many(self.margins),
            margin_percent=Spread.of_many(self.margin_percents),
            overrun_seconds=Spread.of_many(self.overruns),
            paused=self.paused,
            paused_seconds=self.paused_seconds,
        )


def tally(instances: Iterable[Measured]) -> Tally:
    """Count instances."""
    counted = Tally()
    for one in instances:
        counted.add(one)
    return counted


def counts(instances: Iterable[Measured]) -> Counts:
    """Count the outcomes of instances."""
    return tally(instances).counts


def figures(instances: Iterable[Measured]) -> Figures:
    """The figures of instances."""
    return tally(instances).figures
