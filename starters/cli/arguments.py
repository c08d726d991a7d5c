"""What people type, read: instants, fields, and which option was wrong if it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import typer

from starters.cli import zones
from starters.cli.instants import BadInstant, as_understood, is_by_itself, read_instant

AN_INSTANT = "2025-06-13T16:45-04:00 or 2025-06-13 16:45"


def instant(text: str, of: str, zone: zones.Whose | None = None) -> datetime:
    """The instant that somebody typed, in UTC. One that depends on now or on a zone is said as it was understood.

    Args:
        text: what was typed.
        of: the option or argument, for the message.
        zone: on whose wall clock; the person's or the organisation's, if left out.

    Raises:
        BadParameter: it is none, no zone is known for it, or it lies in a year in which nothing is promised.
    """
    whose = zone or zones.of_account()
    try:
        at = read_instant(text, datetime.now(UTC).replace(microsecond=0), whose)
    except BadInstant as error:
        raise typer.BadParameter(str(error), param_hint=of) from None
    if not is_by_itself(text):
        typer.echo(f"milepost: {of} {as_understood(text, at, whose())}", err=True)
    return at


def fields(pairs: list[str]) -> dict[str, Any]:
    """The fields of ``name=value`` pairs. A value that is JSON is read as such, anything else is text.

    Raises:
        BadParameter: a pair has no name or no ``=``, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{pair!r} is no name=value, such as priority=High", param_hint="--field")
        if name.strip() in found:
            raise typer.BadParameter(f"{name.strip()!r} is given twice", param_hint="--field")
        found[name.strip()] = _value(value)
    return found


def action_kind(text: str, *more: str) -> str:
    """The kind of action that is meant.

    Args:
        text: what was typed.
        more: that go besides.

    Raises:
        BadParameter: there is no such kind.
    """
    from domain.criteria.fields import nearest
    from domain.process.actions import KINDS

    if text in (known := {*KINDS, *more}):
        return text
    raise typer.BadParameter(f"unknown kind {text!r}; {nearest(text, known)}", param_hint="--kind")


def _value(text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=lambda _: text)
    except ValueError:
        return text
    return value
