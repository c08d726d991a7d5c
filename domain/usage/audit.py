"""Whether an entitlement's ledger and its balance agree, and what counts that ended have left behind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from domain.usage.requests import Balance, PeriodBalance
from domain.usage.rows import LedgerRow, RowKind

_MOST_NAMED = 5
"""References in one line."""


@dataclass
class _Sum:
    used: int = 0
    overage: int = 0
    carried: int = 0
    carried_out: int = 0

    def add(self, row: LedgerRow) -> None:
        self.used += row.used
        self.overage += row.overage
        self.carried += row.carried
        self.carried_out += row.carried_out


def audit(rows: Iterable[LedgerRow], balance: Balance) -> list[str]:
    """What does not agree between a count and its own rows, a line each; nothing if all does.

    No row is missing or comes twice, each says what those up to it add up to, and of each period all of them add up to
    what the balance says. Rows that were written after the balance was asked for are left out.
    """
    ordered = sorted((row for row in rows if row.number <= balance.rows), key=_by_number)
    sums: dict[int, _Sum] = defaultdict(_Sum)
    found = [*_gaps(ordered, balance.rows)]
    for row in ordered:
        total = sums[row.period]
        total.add(row)
        found += _wrong(row, total)
    for period in (balance.current, *balance.past):
        found += _differences(period, sums[period.period])
    known = {period.period for period in (balance.current, *balance.past)}
    oldest = min(known)
    for number, total in sorted(sums.items()):
        if number not in known and number >= oldest and total != _Sum() and number < balance.current.period:
            found.append(f"period {number}: the ledger has {total.used} used, the balance nothing at all")
    return found


def forgotten(rows: Iterable[LedgerRow], balance: Balance, before: datetime) -> list[str]:
    """A line on rows that a count wrote and knows nothing of, as after a restore of Temporal alone; else nothing.

    Args:
        rows: of the count.
        balance: what it says.
        before: rows that were recorded since then may be newer than the balance.
    """
    found = sorted((row for row in rows if row.number > balance.rows and row.recorded_at < before), key=_by_number)
    if not found:
        return []
    references = list(dict.fromkeys(row.reference for row in found if row.reference))
    more = " ..." if len(references) > _MOST_NAMED else ""
    of = f", of {', '.join(references[:_MOST_NAMED])}{more}" if references else ""
    rows_of = f"{len(found)} of the ledger's rows, from row {found[0].number} on{of}"
    return [f"the count has forgotten {rows_of}: ask it for the same again, under the same references and in order"]


def _by_number(row: LedgerRow) -> int:
    return row.number


def _gaps(rows: Sequence[LedgerRow], count: int) -> Iterator[str]:
    numbers = [row.number for row in rows]
    missing = sorted(set(range(1, count + 1)) - set(numbers))
    if missing:
        said = ", ".join(map(str, missing[:5])) + (" ..." if len(missing) > 5 else "")  # noqa: PLR2004  a few
        yield f"{len(missing)} of {count} rows are missing: {said}"
    for number in sorted(number for number, times in Counter(numbers).items() if times > 1):
        yield f"row {number} is there more than once"


def _wrong(row: LedgerRow, total: _Sum) -> Iterator[str]:
    name = f"row {row.number} ({row.kind} of period {row.period})"
    if (row.used_after, row.overage_after) != (total.used, total.overage):
        yield (
            f"{name} says {row.used_after} used and {row.overage_after} beyond; "
            f"the rows up to it add up to {total.used} and {total.overage}"
        )
    if min(total.used, total.overage, total.carried) < 0:
        yield f"{name} gives back more than there was"
    left = None if row.cap_after is None else max(row.cap_after - row.used_after, 0)
    if row.balance_after != left:
        yield f"{name} says that {row.balance_after} are left; {row.used_after} of {row.cap_after} leave {left}"


def _differences(period: PeriodBalance, total: _Sum) -> Iterator[str]:
    pairs = {
        "used": (period.used, total.used),
        "overage": (period.overage, total.overage),
        "carried over": (period.carried, total.carried),
    }
    for what, (said, added) in pairs.items():
        if said != added:
            yield f"period {period.period} from {period.first_day or 'ever'}: {what} is {said}, the ledger says {added}"


# --- counts that ended ---


class EndedCount(BaseModel):
    """The rows of a count whose workflow was terminated: the one that runs began from nothing, without them.

    Attributes:
        used: what they add up to in the current period of the count that runs.
        taken_over: somebody has adjusted a later count for them, under the event id `takes_over(count)`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: str
    rows: NonNegativeInt
    used: int
    carried: int
    taken_over: bool

    @property
    def is_missing(self) -> bool:
        """Whether the count that runs lets be taken again what was taken already."""
        return self.used > 0 and not self.taken_over

    @property
    def text(self) -> str:
        """One line for people."""
        carried = f", {self.carried} carried over into it" if self.carried else ""
        said = f"{self.rows} rows belong to a count that ended ({self.used} used in the current period{carried})"
        if self.taken_over:
            return f"{said}; they were taken over"
        if self.is_missing:
            return f"{said}; take them over: milepost adjust, with a reason and --event-id {takes_over(self.count)}"
        return said


def takes_over(count: str) -> str:
    """The event id of the adjustment by which a later count takes over what one that ended had used."""
    return f"takes-over-{count}"


def ended_counts(counts: Mapping[str, Sequence[LedgerRow]], balance: Balance) -> list[EndedCount]:
    """All counts of an entitlement but the one that says the balance, in their order."""
    adjusted = {row.event_id for rows in counts.values() for row in rows if row.kind is RowKind.ADJUSTED}
    found: list[EndedCount] = []
    for count, rows in counts.items():
        if count == balance.count:
            continue
        current = [row for row in rows if row.period == balance.current.period]
        used, carried = sum(row.used for row in current), sum(row.carried for row in current)
        taken_over = takes_over(count) in adjusted
        found.append(EndedCount(count=count, rows=len(rows), used=used, carried=carried, taken_over=taken_over))
    return found
