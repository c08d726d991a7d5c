"""What the Temporal UI shows of an entitlement: its balance as a table in Markdown."""

from __future__ import annotations

from domain.entitlement_messages import Balance, PeriodBalance
from domain.units import amount_text


def balance_details(balance: Balance) -> str:
    """The current details of an entitlement. Instants are UTC."""
    current = balance.current
    left = "unlimited" if current.remaining is None else f"{amount_text(current.remaining, balance.unit)} left"
    lines = [f"**{left}**, {balance.status}"]
    if balance.changes_at:
        lines.append(f"Changes: {balance.changes_at:%a %Y-%m-%d %H:%M:%S}Z")
    lines += ["", "| period from | used | cap | overflows | beyond | thresholds passed |", "|---|---|---|---|---|---|"]
    lines += [_row(period, balance.unit) for period in (current, *balance.past)]
    if balance.failures:
        lines += ["", "Actions that failed for good:", *(f"- {f.key}: {f.error}" for f in balance.failures)]
    return "\n".join(lines)


def _row(period: PeriodBalance, unit: str) -> str:
    first_day = period.first_day or "always"
    cap = "unlimited" if period.cap is None else amount_text(period.cap, unit)
    percent = "" if period.usage_percent is None else f" ({period.usage_percent:g}%)"
    passed = ", ".join(period.thresholds_passed)
    beyond = amount_text(period.overage, unit) if period.overage else ""
    return f"| {first_day} | {amount_text(period.used, unit)}{percent} | {cap} | {period.overflows} | {beyond} | {passed} |"
