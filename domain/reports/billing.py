"""What is billed beyond a cap: every override, with who decided it and what it costs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

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
        """What it comes to, with the currency, exact: ``127.50 EUR``; None without a price."""
        found = None if self.price is None else _PRICE.fullmatch(self.price)
        if found is None:
            return None
        whole = Decimal(found["number"]) * self.amount / measures_per_unit(self.unit)
        rounded = whole.quantize(Decimal("0.01"))
        return f"{rounded} {found['currency']}" if found["currency"] else str(rounded)


def costs_together(overrides: Sequence[Override]) -> str:
    """What overrides come to, each currency apart: ``255.00 EUR, 90.00 USD``; nothing for none."""
    sums: dict[str, Decimal] = {}
    for one in overrides:
        if one.cost is not None:
            number, _, currency = one.cost.partition(" ")
            sums[currency] = sums.get(currency, Decimal()) + Decimal(number)
    return ", ".join(f"{total} {currency}".rstrip() for currency, total in sorted(sums.items()))
