"""What is billed beyond a cap: every override, with who decided it and what it costs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from domain.usage.units import measures_per_unit

_PRICE = re.compile(r"(?P<number>-?\d+(?:\.\d+)?)(?: (?P<currency>\S+))?")


@dataclass(frozen=True)
class Override:
    """A row of a ledger by which something is billed, or is no longer.

    Attributes:
        amount: in the smallest measure of the unit; negative: so much of an earlier one is not billed, or is paid back.
        price: of one unit, with its currency if it has one.
        reference: the case, time entry or visit.
        export: the number of the export that took it; None: none has yet.
        day: of its instant, on the wall clock of its account; None: nobody asked for days.
    """

    entitlement: str
    count: str
    number: int
    account: str
    unit: str
    amount: int
    price: str | None
    at: datetime
    recorded_at: datetime
    reference: str | None
    case_id: str | None
    by: str | None
    reason: str | None
    export: int | None
    day: date | None = None

    @property
    def cost(self) -> str | None:
        """What it comes to, with the currency: ``127.50 EUR``, half a cent up, as bills are; None without a price."""
        found = None if self.price is None else _PRICE.fullmatch(self.price)
        if found is None:
            return None
        whole = Decimal(found["number"]) * self.amount / measures_per_unit(self.unit)
        rounded = whole.quantize(Decimal("0.01"), ROUND_HALF_UP)
        return f"{rounded} {found['currency']}" if found["currency"] else str(rounded)


def costs_together(overrides: Sequence[Override]) -> str:
    """What overrides come to, each currency apart: ``255.00 EUR, 90.00 USD``; nothing for none."""
    sums: dict[str, Decimal] = {}
    for one in overrides:
        if one.cost is not None:
            number, _, currency = one.cost.partition(" ")
            sums[currency] = sums.get(currency, Decimal()) + Decimal(number)
    return ", ".join(f"{total} {currency}".rstrip() for currency, total in sorted(sums.items()))


@dataclass
class Bound:
    """An override with what takes it back, where one export takes them all or none has taken any yet.

    Attributes:
        overrides: in the order in which they were written.
        at: when they count: when the first of them was decided, however much later it was taken back.
        left: what is billed of them.
        countered: what they take back of overrides that another export has taken.
    """

    at: datetime
    overrides: list[Override] = field(default_factory=list)
    left: int = 0
    countered: int = 0

    @property
    def is_withdrawn(self) -> bool:
        """It was taken back, whole, before any export took it: nothing is to be billed, nor paid back."""
        return not self.left and not self.countered and all(one.export is None for one in self.overrides)


def bound(overrides: Iterable[Override]) -> Iterator[Bound]:
    """Bind each override to what takes it back; one that nothing takes back is bound to nothing else.

    What takes back is first the newest that was not billed with another export: only what is left counters those.

    Args:
        overrides: all those of each consumption that are in one export, or in none; in any order.
    """
    alike: dict[tuple[str, str, str | None, str | None, int | None], list[Override]] = {}
    for one in overrides:
        alike.setdefault((one.entitlement, one.count, one.reference, one.case_id, one.export), []).append(one)
    for some in alike.values():
        done: list[Bound] = []
        standing: list[Bound] = []
        for one in sorted(some, key=lambda one: one.number):
            if one.amount >= 0:
                standing.append(Bound(one.at, [one], one.amount))
                continue
            found = _taken_back(standing, one)
            (standing if found.left else done).append(found)
        yield from (*done, *standing)


def _taken_back(standing: list[Bound], one: Override) -> Bound:
    """What takes back, with those that it takes back, which do not stand by themselves any more."""
    found, owed = Bound(one.at), -one.amount
    while owed and standing:
        newest = standing.pop()
        less = min(newest.left, owed)
        owed -= less
        newest.overrides += found.overrides
        newest.left += found.left - less
        found = newest
    found.overrides.append(one)
    found.countered = owed
    return found
