"""The conservation of units between a record and the record that renews it.

A unit that was declared is used once, carried on once, or lapses once. Of a record and its renewal, at every moment:

1. What the old record has given is what the new one has from it.
2. What the old record has given was not used of it: both together fit into what its last period had.
3. Of what was left at the end, that much has gone over as its rule carries, and nothing else has lapsed.
4. Overage that came of late work lies within what was given: the new record has used that.
5. Of each period no more is used than it was ever declared to have, with what was carried into it; and what was carried
   into it was not used of the period before.

A grant that is carried over stands beside the cap of its period: what is left of it goes on with what is left of that.
No grant pays more than was granted.

So a chain of records, one renewing another, never gives more than its periods were declared to have.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from math import floor

from domain.usage.machine import Usage
from domain.usage.state import PeriodUse
from domain.usage.units import measures_per_unit


class Conservation:
    """The five laws, asked again and again of the entitlements of one account. It remembers the caps that it saw."""

    def __init__(self) -> None:
        self._highest: dict[tuple[str, int], int | None] = {}

    def broken(self, counts: Mapping[str, Usage]) -> list[str]:
        """What does not agree, a line each; nothing if every unit is accounted for.

        Args:
            counts: all entitlements of the account, by id, when nothing that they have ordered is under way.
        """
        self._see(counts)
        found: list[str] = []
        for name, old in counts.items():
            renewal = old.state.renewal
            if renewal is not None:
                new = counts[renewal.entitlement_id]
                found += [f"{name} and {renewal.entitlement_id}: {one}" for one in between(old, new)]
            found += [f"{name}: {one}" for one in self._within(name, old)]
        return found

    def _see(self, counts: Mapping[str, Usage]) -> None:
        for name, count in counts.items():
            for period in {*count.state.uses, count.state.period}:
                cap = _own(count, period)
                key = name, period
                before = self._highest.get(key, 0)
                self._highest[key] = None if cap is None or before is None else max(cap, before)

    def _within(self, name: str, count: Usage) -> list[str]:
        """What does not agree between the periods of one record by the fifth law, a line each."""
        found: list[str] = []
        uses, cancelled_at = count.state.uses, count.state.cancelled_at
        grants = [one for one in count.state.grants if not 0 <= one.used <= one.amount]
        found += [f"grant {one.number} paid {one.used} of {one.amount}" for one in grants]
        for period, use in sorted(uses.items()):
            starts_at = count.terms.periods.starts_at(period)
            if cancelled_at is not None and starts_at is not None and starts_at >= cancelled_at:
                continue  # taken away by a cancellation: what was used of it stays, what was carried into it went back
            cap = self._highest[name, period]
            if cap is not None and use.used > cap + use.carried:
                found.append(f"period {period}: {use.used} used of {cap} and {use.carried} carried")
            before = uses.get(period - 1, PeriodUse())
            had = self._highest.get((name, period - 1), _own(count, period - 1) if period else 0)
            is_given = period == 0 or self._opens(count, period)
            had_in_all = None if had is None else had + before.carried + _granted_on(count, period - 1)
            if not is_given and had_in_all is not None and before.used + use.carried > max(had_in_all, before.used):
                found.append(f"period {period}: {use.carried} carried, {before.used} used of {had} before it")
        return found

    def _opens(self, count: Usage, period: int) -> bool:
        """Whether the opening balance says what was carried into a period."""
        opening, ends_at = count.terms.opening, count.terms.periods.ends_before(period)
        starts_at = count.terms.periods.starts_at(period)
        if opening is None or starts_at is None:
            return False
        return starts_at <= opening.at and (ends_at is None or opening.at < ends_at)


def between(old: Usage, new: Usage) -> list[str]:
    """What does not agree between a record and its renewal by the first four laws, a line each."""
    state, last = old.state, old.state.period
    use = state.uses.get(last, PeriodUse())
    given = sum(one.carried_out for one in state.uses.values())
    has = new.state.uses.get(0, PeriodUse()).carried
    found = [f"{given} given, {has} there"] if given != has else []
    balance = old.balance_of(last)
    granted = _granted_on(old, last)
    if balance.cap is not None and given > max(balance.cap - use.used, 0) + granted:
        found.append(f"{use.used} used and {given} given of {balance.cap}")
    goes_on = state.is_over and state.cancelled_at is None and balance.remaining is not None
    if goes_on and given != (carried := _carried(old, last, balance.remaining or 0) + granted):
        found.append(f"{balance.remaining} left, of which {given} are given and not {carried}")
    late = sum(one.late for one in state.uses.values())
    if late > given or any(one.late > one.overage for one in state.uses.values()):
        found.append(f"{late} of late work beyond the {given} given")
    return found


def _carried(old: Usage, period: int, left: int) -> int:
    """What the rule of a record's last period carries of what is left, by the words of the specification."""
    former = [rules.allowance for rules in old.state.former if period < rules.before_period]
    rules = former[0] if former else old.terms.allowance
    if rules.carry_over != "renewal":
        return 0
    most = rules.carry_over_cap
    if isinstance(most, str):
        return min(left, floor(Fraction(most.removesuffix("%")) * (_own(old, period) or 0) / 100))
    return left if most is None else min(left, int(most * measures_per_unit(rules.unit)))


def _granted_on(count: Usage, period: int) -> int:
    """What is left of the grants of a period that go on at its end."""
    ends = count.terms.periods.ends_before(period), count.state.cancelled_at
    ends_at = min((at for at in ends if at is not None), default=None)
    last_instant = None if ends_at is None else ends_at - timedelta(microseconds=1)
    return sum(
        one.amount - one.used
        for one in count.state.grants
        if one.period == period
        and one.carries_over
        and (one.until is None or last_instant is None or one.until >= last_instant)
    )


def _own(count: Usage, period: int) -> int | None:
    """What a period is declared to have, without what was carried into it."""
    balance = count.balance_of(period)
    return None if balance.cap is None else balance.cap - balance.carried
