"""Rates of hours: what a minute of work counts, by entry, case, and whether it lay in open time.

The table is declared with an allowance. Whoever sends a time entry works the table out for it (`entry_rates`), since it
knows the case and the hours; the entitlement counts by that, if it was worked out by the rules of the entry's period.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from hashlib import blake2b
from itertools import pairwise
from typing import Annotated, Any, NamedTuple

from pydantic import Field, NonNegativeInt, PlainValidator, TypeAdapter

from domain.bounds import MOST_LIST_ITEMS, quoted
from domain.criteria.evaluating import evaluate
from domain.criteria.fields import FieldType, utc_text
from domain.errors import Refused
from domain.frozen import FrozenCalendar
from domain.model import Value
from domain.process.milestones import Criteria

MOST_RATES = 20
HIGHEST_RATE = 100

ENTRY_FIELDS: Mapping[str, FieldType] = {
    "id": FieldType.STRING,
    "minutes": FieldType.INTEGER,
    "by": FieldType.STRING,
    "note": FieldType.STRING,
    "worked_at": FieldType.DATETIME,
    "outside_hours": FieldType.BOOLEAN,
}
"""What the criteria of rates see of a time entry, beside `case`."""

_RATE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,4})?")
_MICROSECONDS_PER_MINUTE = 60_000_000
_MICROSECOND = timedelta(microseconds=1)


def _read_rate(value: Any) -> str:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _RATE.fullmatch(text) or Fraction(text) > HIGHEST_RATE:
        shown = quoted(text) if isinstance(text, str) else type(value).__name__
        right = f"what a minute counts, from 0 to {HIGHEST_RATE} with at most four decimals, such as 1.5"
        raise ValueError(f"bad rate {shown}; write {right}")
    return text


Rate = Annotated[str, PlainValidator(_read_rate, json_schema_input_type=int | float | str)]
"""What a minute of work counts, as it is written: ``1.5``."""


class RateRow(Value):
    """A row of a table of rates: the first whose criteria hold gives the rate; if none holds it is 1.

    Attributes:
        when: over `entry` and `case`; left out: always.
        rate: what a minute of work counts.
    """

    when: Criteria = ""
    rate: Rate


class RatedFrom(Value):
    """From when on a rate counts, in microseconds after the beginning of the work, until the next one does."""

    after: NonNegativeInt
    rate: Rate


class EntryRates(Value):
    """A table of rates as worked out for one time entry.

    Attributes:
        by: names the table: `table_key`.
        parts: in order; the first counts from the beginning of the work.
    """

    by: str = Field(max_length=40)
    parts: tuple[RatedFrom, ...] = Field(min_length=1, max_length=MOST_LIST_ITEMS)


_TABLE = TypeAdapter(list[RateRow])


def table_key(table: Sequence[RateRow]) -> str:
    """Names a table by what it says."""
    return blake2b(_TABLE.dump_json(list(table)), digest_size=12).hexdigest()


def check_table(table: Sequence[RateRow]) -> None:
    """Check that each row can be reached.

    Raises:
        ValueError: one can't.
    """
    if len(table) > MOST_RATES:
        raise ValueError(f"{len(table)} rates; at most {MOST_RATES}")
    for number, row in enumerate(table[:-1], 1):
        if not row.when.strip():
            raise ValueError(
                f"row {number} of rates has no 'when', so it always counts and no later row is reached; give it a "
                "'when', or move it to the end"
            )


def entry_rates(
    table: Sequence[RateRow],
    hours: FrozenCalendar,
    *,
    entry: Mapping[str, Any],
    case: Mapping[str, Any],
    worked_at: datetime,
    until: datetime,
) -> EntryRates:
    """Work a table out for a time entry: once for the open time of its hours, once for what lies outside.

    Args:
        table: of the allowance.
        hours: frozen from `worked_at` to `until` at least.
        entry: what criteria see of it, but for `outside_hours`.
        case: likewise.
        worked_at: when the work began.
        until: how far the rates are worked out; past it the last one counts.

    Raises:
        Refused: open and closed time change too often.
    """
    seen = {**entry, "worked_at": utc_text(worked_at)}
    inside, outside = (
        _first(table, {"entry": {**seen, "outside_hours": outside}, "case": dict(case)}) for outside in (False, True)
    )
    changes = [(worked_at, outside)]
    for opens, closes in hours.open_windows(worked_at, until):
        changes += [(max(opens, worked_at), inside), (closes, outside)]
    parts: list[RatedFrom] = []
    for at, rate in changes:
        after = (at - worked_at) // _MICROSECOND
        if parts and parts[-1].after == after:
            parts.pop()  # it lasts no time
        if not parts or parts[-1].rate != rate:
            parts.append(RatedFrom(after=after, rate=rate))
    if len(parts) > MOST_LIST_ITEMS:
        raise Refused("too_long", f"its rate changes more than {MOST_LIST_ITEMS:,} times; log the work in parts")
    return EntryRates(by=table_key(table), parts=tuple(parts))


def _first(table: Sequence[RateRow], scope: Mapping[str, Any]) -> str:
    return next((row.rate for row in table if evaluate(row.when, scope).holds), "1")


class Rating(NamedTuple):
    """How the minutes of an entry count, of which others have paid the first ones.

    Attributes:
        parts: of the entry; none: each minute counts 1.
        paid: minutes of work before those that are counted here.
    """

    parts: tuple[RatedFrom, ...] = ()
    paid: int = 0

    def rated(self, minutes: int) -> int:
        """What so many minutes of work count, rounded up, once."""
        if not self.parts:
            return minutes
        begin, end = self.paid * _MICROSECONDS_PER_MINUTE, (self.paid + minutes) * _MICROSECONDS_PER_MINUTE
        total = Fraction(0)
        for part, following in pairwise([*self.parts, RatedFrom(after=max(end, self.parts[-1].after), rate="1")]):
            lies = min(end, following.after) - max(begin, part.after)
            total += max(lies, 0) * Fraction(part.rate)
        return -(-total // _MICROSECONDS_PER_MINUTE)

    def fitting(self, minutes: int, there: int) -> int:
        """How many of so many minutes of work, from the first on, count no more than is there."""
        low, high = 0, minutes
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.rated(middle) <= there else (low, middle - 1)
        return low
