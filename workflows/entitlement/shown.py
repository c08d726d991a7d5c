"""What the Temporal UI shows of an entitlement: its balance as a list in Markdown."""

from __future__ import annotations

from domain.bounds import cut
from domain.usage.requests import Balance, PeriodBalance
from domain.usage.units import amount_text
from domain.wording import instant

MOST_DETAILS_BYTES = 32 * 1024


def balance_details(balance: Balance) -> str:
    """The current details of an entitlement. Instants are UTC."""
    current = balance.current
    left = "unlimited" if current.remaining is None else f"{amount_text(current.remaining, balance.unit)} left"
    lines = [f"**{left}**, {balance.status}"]
    if balance.stuck:
        lines.append(f"**Stuck**: what time brings can't be done: {balance.stuck}")
    if balance.changes_at:
        lines.append(f"Changes: {instant(balance.changes_at)}")
    lines += ["", *(f"- {_line(period, balance.unit)}" for period in (current, *balance.past))]
    if balance.failures:
        lines += ["", "Actions that failed for good:", *(f"- {f.key}: {f.error}" for f in balance.failures)]
    if balance.faults:
        lines += ["", f"Unexpected faults: {balance.faults}; the worker's log has more."]
    return cut("\n".join(lines), MOST_DETAILS_BYTES)


def _line(period: PeriodBalance, unit: str) -> str:
    cap = "" if period.cap is None else f" of {amount_text(period.cap, unit)}"
    percent = "" if period.usage_percent is None else f" ({period.usage_percent:g}%)"
    said = [f"**{period.first_day or 'always'}**: {amount_text(period.used, unit)}{cap} used{percent}"]
    if period.granted:
        said.append(f"{amount_text(period.grant_used, unit)} of {amount_text(period.granted, unit)} granted used")
    if period.overage:
        said.append(f"{amount_text(period.overage, unit)} beyond the cap")
    if period.overflows:
        said.append(amount_text(period.overflows, "overflows"))
    if period.thresholds_passed:
        said.append(f"thresholds passed: {', '.join(period.thresholds_passed)}")
    return " · ".join(said)
