"""The state of an entitlement's usage: plain data that goes through JSON and back at any moment."""

from __future__ import annotations

import operator
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from domain.ids import numbered_id
from domain.model import Value
from domain.usage.allowance import Allowance
from domain.usage.quantities import Quantity
from domain.usage.takings import Ledger, ShortLedger


class PeriodRecord(Value):
    """A period that has ended, for the store; the one with the higher `number` counts.

    Attributes:
        number: grows with every report of an entitlement.
        cap: with what was carried over into it; None: unlimited.
        carried: from the period before, or from the entitlement that this one renews.
        unused: what was left of the cap; None: unlimited.
        carried_over: how much of that goes on, into the next period or a renewal; the rest has lapsed.
        again: something of this period changed after its end, so that it is reported once more.
        ends_term: a term ended with it.
    """

    number: int
    period: int
    first_day: date | None
    ended_at: AwareDatetime
    used: int
    overage: int
    cap: int | None
    carried: int
    unused: int | None
    carried_over: int
    overflows: int
    again: bool
    ends_term: bool


class CapChange(Value):
    """A cap that counts from a period on, instead of the one before; in the unit, as it is declared."""

    from_period: int
    cap: Quantity | None


class FormerRules(Value):
    """The rules by which the periods before one are counted, since they were changed in that one."""

    before_period: int
    allowance: Allowance


class Planned(Value):
    """Something that was taken for an instant ahead, such as a visit.

    Attributes:
        amount: within the cap; of the period, if it counts there.
        overage: beyond it.
        counts: its instant lies within the term; if not, it is on record and counts when the term reaches it again.
    """

    reference: str
    period: int
    at: AwareDatetime
    amount: int
    overage: int = 0
    counts: bool = True


class Asked(Value):
    """An overflow about which somebody was asked. What was asked is decided, whatever rules come after it.

    Attributes:
        price: of one unit beyond the cap, as it was named then.
        worked: of a rated time entry, how many minutes of work the amount stands for.
    """

    amount: int
    price: str | None
    worked: int | None = Field(default=None, exclude_if=lambda worked: worked is None)


class Cover(Value):
    """Overage of a reference that was paid for afterwards, from what was left of a period."""

    period: int
    amount: int


class Grant(Value):
    """A credit for one period by hand.

    Attributes:
        number: of the entitlement's grants, from 1.
        amount: what was granted.
        used: what it has paid.
        until: the last instant whose takings it pays; None: as long as its period.
        carries_over: what is left of it at the end of its period goes on with what is left of that.
    """

    number: int
    period: int
    amount: int
    used: int = 0
    until: AwareDatetime | None = None
    carries_over: bool = False

    @property
    def rest(self) -> int:
        """What it can still pay."""
        return self.amount - self.used


class Renewal(Value):
    """The record that goes on where this one ends.

    Attributes:
        entitlement_id: its id; a build before this one made some that are too long for one, and they are read as they
            are made now.
        reckoned_from: the first record's start, if the months of the new one are counted from there.
    """

    entitlement_id: Annotated[str, AfterValidator(numbered_id)]
    starts_on: date
    ends_on: date
    by: str
    reckoned_from: date | None = Field(default=None, exclude_if=lambda day: day is None)


class PeriodUse(BaseModel):
    """What was taken in one period.

    Attributes:
        overage: beyond the cap, kept apart.
        carried: from the period before, or from the entitlement that this one renews.
        carried_out: into a renewal. (What goes into the next period is that one's `carried`.)
        late: of the overage: what was taken late, within the cap, of what the renewal has used by then.
        passed: the ids of the thresholds that it passed, each once.
    """

    model_config = ConfigDict(extra="forbid")

    used: int = 0
    overage: int = 0
    carried: int = 0
    carried_out: int = 0
    late: int = Field(default=0, exclude_if=operator.not_)
    overflows: int = 0
    passed: list[str] = Field(default_factory=list)

    def fork(self) -> PeriodUse:
        """A copy that goes its own way."""
        return self.model_copy(update={"passed": self.passed.copy()})


class UsageState(BaseModel):
    """What was taken of an entitlement so far.

    Attributes:
        begun_at: nobody is told of what was over before the count began.
        period: the first period whose end has not been reported.
        is_over: the end of the last period has been reported.
        uses: by period; those in which nothing happened are left out.
        again: ended periods to be reported once more.
        taken: the references that took something, each with what.
        overflowed: the requests for which not enough was left.
        approved: the references whose overage somebody has approved.
        prices: of what was approved, by a price that the rules of its period do not name any more.
        declined: those of which somebody has said no.
        changed: the changes by hand and the decisions that were made, by their event ids.
        caps: amended ones; the last whose period has begun counts.
        former: the rules before they were amended, the oldest first.
        planned: what was taken for an instant that is still ahead.
        asked: overflows that somebody was asked about and has not decided yet, by reference.
        covers: overage that was paid for afterwards, by reference.
        grants: credits by hand, in the order of their numbers.
        uncounted: references taken before the opening balance, which says what they took.
        opened: the opening balance has been counted.
        carries: how many times something was carried into the renewal, or asked back from it.
        noticed: the notices that were given, each as the term's last date and the notice's id.
        renewal: the record that goes on where this one ends.
        cancelled_at: from this instant nothing is taken.
        rows: how many rows of the ledger were written so far.
        reports: how many periods were reported so far.
    """

    model_config = ConfigDict(extra="forbid")

    begun_at: AwareDatetime
    period: int = 0
    is_over: bool = False
    uses: dict[int, PeriodUse] = Field(default_factory=dict)
    again: list[int] = Field(default_factory=list)
    taken: Ledger = Field(default_factory=Ledger)
    overflowed: ShortLedger = Field(default_factory=ShortLedger)
    approved: ShortLedger = Field(default_factory=ShortLedger)
    declined: ShortLedger = Field(default_factory=ShortLedger)
    changed: ShortLedger = Field(default_factory=ShortLedger)
    caps: list[CapChange] = Field(default_factory=list)
    former: list[FormerRules] = Field(default_factory=list, exclude_if=operator.not_)
    planned: list[Planned] = Field(default_factory=list, exclude_if=operator.not_)
    asked: dict[str, Asked] = Field(default_factory=dict, exclude_if=operator.not_)
    prices: dict[str, ShortLedger] = Field(default_factory=dict, exclude_if=operator.not_)
    covers: dict[str, list[Cover]] = Field(default_factory=dict, exclude_if=operator.not_)
    grants: list[Grant] = Field(default_factory=list, exclude_if=operator.not_)
    uncounted: ShortLedger = Field(default_factory=ShortLedger, exclude_if=lambda ledger: not ledger.groups)
    opened: bool = Field(default=False, exclude_if=operator.not_)
    carries: int = Field(default=0, exclude_if=operator.not_)
    noticed: list[str] = Field(default_factory=list)
    renewal: Renewal | None = None
    cancelled_at: AwareDatetime | None = None
    rows: int = 0
    overflows: int = 0
    reports: int = 0

    def fork(self) -> UsageState:
        """A copy that goes its own way. It shares what never changes: above all what was taken, however much it is."""
        copy = self.model_copy()
        copy.uses = {period: use.fork() for period, use in self.uses.items()}
        for name in ("again", "caps", "former", "planned", "grants", "noticed", "asked"):
            setattr(copy, name, getattr(self, name).copy())
        for name in ("taken", "overflowed", "approved", "declined", "changed", "uncounted"):
            setattr(copy, name, getattr(self, name).fork())
        copy.prices = {price: ledger.fork() for price, ledger in self.prices.items()}
        copy.covers = {reference: list(covers) for reference, covers in self.covers.items()}
        return copy
