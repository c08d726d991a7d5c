"""What changes of usage came to, as people read it."""

from __future__ import annotations

import operator
from datetime import date
from typing import assert_never

from pydantic import Field

from domain.model import Value
from domain.usage.consequences import lines_of_cancelling
from domain.usage.requests import Consumed, UsageChanged
from domain.usage.units import HOURS, amount_text, number_text


class Taken(Value):
    """What taking came to.

    Attributes:
        entitlement: the last that was asked.
        asked: how much was asked for, in the smallest measure of the unit.
        spent: those that were asked before, had not enough left, and fall back to the next.
        price: of one unit beyond the cap, if it was taken so, or could be.
        declined: those that asked whether it is to be taken beyond their cap, and were told no.
    """

    entitlement: str
    answer: Consumed
    asked: int
    spent: list[str] = Field(default_factory=list)
    price: str | None = None
    declined: list[str] = Field(default_factory=list, exclude_if=operator.not_)

    @property
    def is_taken(self) -> bool:
        """Whether the entitlement covers it."""
        return self.answer.is_taken

    def __str__(self) -> str:
        answer, of = self.answer, f"of {self.entitlement}"
        left = _left(answer.remaining, answer.cap, answer.unit, answer.first_day, granted=answer.grant_left)
        price = f" at {self.price}" if self.price else ""
        match answer.outcome:
            case "granted" if answer.overage:
                beyond = amount_text(answer.overage, answer.unit)
                said = f"{beyond} taken {of}, beyond the cap{price}: an override for billing; {left}"
            case "granted":
                granted = f", {number_text(answer.granted, answer.unit)} by a grant" if answer.granted else ""
                said = f"{amount_text(answer.taken, answer.unit)} taken {of}{granted}; {left}"
            case "already" if answer.is_reversed:
                said = f"nothing taken {of}: {answer.reference} was reversed; take it under another id; {left}"
            case "already" if answer.period is None:
                said = f"taken {of} before, for an instant that is no longer in its term; it counts when that is back"
            case "already":
                said = f"taken {of} before{self._another_amount}; {left}"
            case "overflow" if self.entitlement in self.declined:
                said = f"nothing taken {of}; {left}; taking it beyond the cap is declined, and nothing else matches"
            case "overflow" | "exhausted":
                said = f"nothing taken {of}; {left}; it falls back, and nothing else matches"
            case "blocked" if answer.remaining or answer.grant_left:
                wanted = number_text(self.asked, answer.unit)
                said = f"nothing taken {of}; {left}; {wanted} is more, and it blocks: take less, or raise the cap"
            case "blocked":
                said = f"nothing taken {of}; {left}; it blocks until the cap is higher"
            case "prompt":
                said = (
                    f"nothing taken {of}; {left}; it asks: --overage, with a --reason, takes it beyond the cap{price}"
                )
            case "refused":
                said = f"nothing taken {of}: {answer.reason}"
            case _:
                assert_never(answer.outcome)
        before = f"; {', '.join(self.spent)} had not enough left" if self.spent else ""
        others = [one for one in self.declined if one != self.entitlement]
        no = f"; taking it beyond the cap of {', '.join(others)} is declined" if others else ""
        return f"{answer.reference}: {said}{before}{no}"

    @property
    def _another_amount(self) -> str:
        took = self.answer.taken + self.answer.overage
        if took == self.asked:
            return ""
        unit = self.answer.unit
        return f", {amount_text(took, unit)} and not {number_text(self.asked, unit)}; more is taken under another id"


class Changed(Value):
    """What a change by hand came to; `was_left` says that nothing is left to be taken."""

    entitlement: str
    unit: str
    answer: UsageChanged
    was_left: bool = False

    def __str__(self) -> str:
        balance = self.answer.balance
        verb = "were left" if self.was_left else "left"
        granted = balance.grant_left
        left = _left(balance.remaining, balance.cap, self.unit, balance.first_day, granted=granted, verb=verb)
        return f"{self.entitlement}: {self.answer.text}; {left}"


class Cancelled(Changed):
    """What a cancellation came to.

    Attributes:
        stays_taken: what was taken after the instant, and stays taken.
        renewal: what it was renewed as, and goes on.
        with_it: renewals that were cancelled with it.
    """

    stays_taken: list[str] = Field(default_factory=list)
    renewal: str | None = None
    with_it: list[Changed] = Field(default_factory=list)

    def __str__(self) -> str:
        lines = lines_of_cancelling(self.answer.references, self.stays_taken, self.renewal, "--with-renewal")
        return "\n".join([super().__str__(), *lines, *map(str, self.with_it)])


class Reversed(Value):
    """What a reversal came to.

    Attributes:
        parts: of each entitlement that gives something back.
        missing: minutes of a time entry that were left over for another entitlement, and that none has taken.
    """

    parts: list[Changed]
    missing: int = 0

    def __str__(self) -> str:
        lines = [str(part) for part in self.parts]
        if self.missing:
            lines.append(
                f"in no ledger: {amount_text(self.missing, HOURS)}, left over for another entitlement; if that "
                "is taken later, reverse it there"
            )
        return "\n".join(lines)


def _left(
    remaining: int | None, cap: int | None, unit: str, first_day: date | None, *, granted: int, verb: str = "left"
) -> str:
    since = f" in the period from {first_day}" if first_day else ""
    if remaining is None or cap is None:
        return f"unlimited{since}"
    beside = f" and {number_text(granted, unit)} granted" if granted else ""
    return f"{number_text(remaining, unit)} of {amount_text(cap, unit)} {verb}{beside}{since}"
