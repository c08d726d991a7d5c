"""Entitlements as people read them in a terminal: when each ends, and what is left of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rich.console import RenderableType
from rich.text import Text

from domain.catalog.status import EntitlementStatus
from domain.usage.units import amount_text
from domain.wording import plural
from starters.operations.running_out import ListedEntitlement
from starters.terminal.desk import plain_table

_SOON = 30
_LITTLE = 20.0


def entitlement_table(entitlements: Sequence[ListedEntitlement], today: date) -> RenderableType:
    """Entitlements, a line each.

    Args:
        entitlements: in their order.
        today: from which days are counted.
    """
    if not entitlements:
        return Text("no entitlement goes on", style="dim")
    table = plain_table()
    table.add_column("entitlement", style="bold", overflow="fold")
    table.add_column("account", overflow="fold")
    table.add_column("ends on", no_wrap=True)
    table.add_column("left", justify="right")
    table.add_column("used", justify="right")
    table.add_column("", overflow="fold")
    for one in entitlements:
        table.add_row(one.entitlement, one.account, _end(one, today), _left(one), _used(one), _remark(one))
    return table


def _end(one: ListedEntitlement, today: date) -> Text:
    if one.ends_on is None:
        return Text("never", style="dim")
    days = (one.ends_on - today).days
    when = "today" if days == 0 else f"in {plural(days, 'day')}" if days > 0 else f"{plural(-days, 'day')} ago"
    return Text(f"{one.ends_on} {when}", style="yellow" if days <= _SOON else "")


def _left(one: ListedEntitlement) -> Text:
    if one.unit is None:
        return Text("not counted", style="dim")
    if one.left is None:
        return Text("unlimited", style="dim")
    style = "bold red" if not one.left else "yellow" if (one.left_percent or 0) <= _LITTLE else ""
    return Text(amount_text(one.left, one.unit), style=style)


def _used(one: ListedEntitlement) -> str:
    if one.unit is None or one.used is None:
        return ""
    used = amount_text(one.used, one.unit)
    return used if one.cap is None else f"{used} of {amount_text(one.cap, one.unit)}"


def _remark(one: ListedEntitlement) -> str:
    said = ["not begun"] if one.status is EntitlementStatus.INACTIVE else []
    if one.overage and one.unit is not None:
        said.append(f"{amount_text(one.overage, one.unit)} beyond")
    return ", ".join(said)
