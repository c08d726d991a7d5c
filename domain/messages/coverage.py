"""How a case came by its entitlement when it was opened: which, what is left of it, and why not by any other."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from pydantic import Field

from domain.model import Value
from domain.usage.units import amount_text, number_text


class Left(Value):
    """What is left of an allowance, in the smallest measure of its unit.

    Attributes:
        cap: of the period, with what was carried over; None: unlimited.
        remaining: None: unlimited.
        granted: by hand beside the cap, and not used yet.
    """

    unit: str
    cap: int | None
    remaining: int | None
    granted: int = Field(default=0, exclude_if=operator.not_)

    @property
    def text(self) -> str:
        """For people."""
        if self.cap is None or self.remaining is None:
            return f"unlimited {self.unit}"
        granted = f" and {number_text(self.granted, self.unit)} granted" if self.granted else ""
        of_the_cap = f"{number_text(self.remaining, self.unit)} of {amount_text(self.cap, self.unit)}"
        return f"{of_the_cap} left{granted}"


class NotMatched(Value):
    """An entitlement that was not chosen, and why.

    Attributes:
        process: by which it would have promised something.
    """

    entitlement: str
    why: str
    process: str | None = Field(default=None, exclude_if=lambda process: process is None)


def unpromised(others: Sequence[NotMatched]) -> str | None:
    """That a case in no process is promised nothing, though somebody might think so; None: nobody would.

    Args:
        others: the entitlements that it does not have.
    """
    promising = [other for other in others if other.process is not None]
    if not promising:
        return None
    first, more = promising[0], len(promising) - 1
    besides = f", and {more} more" if more else ""
    return f"nothing is promised: {first.entitlement} has process {first.process!r}, but {first.why}{besides}"


class CaseCoverage(Value):
    """The answer of an intake, and of a decision that it had to wait for.

    Attributes:
        entitlement: None: none covers the case, or none does yet.
        asks: somebody has to decide on one more of this entitlement, which has nothing left; until then none covers
            the case. Not written where nobody is asked.
        by: what the entitlement matches by, in words; of one that asks likewise, as `left`.
        left: of its allowance, with what the case took; None: nothing is counted.
        others: every other that matches, and up to 20 that do not, and why they were not chosen.
        more: the accounts of the case have more entitlements, which do not match.
    """

    entitlement: str | None
    asks: str | None = Field(default=None, exclude_if=lambda asks: asks is None)
    by: str | None = None
    left: Left | None = None
    others: list[NotMatched] = Field(default_factory=list)
    more: bool = Field(default=False, exclude_if=operator.not_)

    @property
    def verdict(self) -> str:
        """Which one, in a line."""
        left = f"; {self.left.text}" if self.left else ""
        if self.asks is not None:
            return f"waits for a decision on one more of {self.asks}, which matches by its {self.by}{left}"
        if self.entitlement is None:
            return "no entitlement covers it"
        return f"covered by {self.entitlement}, which matches by its {self.by}{left}"

    @property
    def text(self) -> str:
        """All of it in a line."""
        others = "; ".join(f"{other.entitlement}: {other.why}" for other in self.others)
        more = "; and others, which do not match either" if self.more else ""
        return f"{self.verdict}. Not {others}{more}" if others else self.verdict

    def approved(self, left: Left) -> CaseCoverage:
        """The answer once somebody has said yes to what it asks.

        Args:
            left: of the allowance after that.
        """
        return self.model_copy(update={"entitlement": self.asks, "asks": None, "left": left})
