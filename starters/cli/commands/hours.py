"""``hours``: business time, asked of a catalog's calendar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from starters.cli import arguments, zones
from starters.cli.listed import TAKES_NEGATIVE
from starters.cli.options import AsJson, argument, option

if TYPE_CHECKING:
    from domain.calendar import BusinessHours
    from domain.frozen import FrozenCalendar

T = TypeVar("T")

HORIZONS = [timedelta(days=366 * years) for years in (2, 12, 120, 1200)]
"""How far around the question a calendar is frozen: further and further until the answer lies within."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Reckon in business time: when so much open time has passed, and how much lies between two instants.\n\n"
    'Example: milepost hours --catalog catalogs/incidents.yaml --calendar "Office hours" add 2025-06-13T16:45Z 60m',
)


@app.callback()
def _calendar(
    context: typer.Context,
    catalog: Annotated[
        list[Path] | None,
        option("--catalog", "FILE", "A catalog that declares the calendar; may be repeated. The store's, if left out."),
    ] = None,
    calendar: Annotated[
        str, typer.Option("--calendar", metavar="NAME", help="The calendar, by its name in the catalog.")
    ] = "24x7",
) -> None:
    context.obj = (catalog or [], calendar)


@app.command(context_settings=TAKES_NEGATIVE)
def add(
    context: typer.Context,
    at: Annotated[str, argument("INSTANT", f"From when: {arguments.AN_INSTANT}.")],
    span: Annotated[
        str,
        argument(
            "SPAN", "How much open time: 90m, 4h, 1h30m, 45s, 0; -60m goes back; 2bd, eod, 2bd eod follow the days."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Print the instant, in UTC, at which so much open time has passed.

    Example: milepost hours --catalog F --calendar "Office hours" add 2025-06-13T16:45-04:00 60m
    """
    from domain.criteria.fields import utc_text

    hours = _hours(context)
    start = arguments.instant(at, "INSTANT", zones.of_calendar(hours.time_zone))
    reckon = _reckoning(span, start)
    found = _asked(hours, start, start, reckon)
    _print({"instant": utc_text(found)}, as_json)


@app.command(context_settings=TAKES_NEGATIVE)
def elapsed(
    context: typer.Context,
    a: Annotated[str, argument("A", f"From when: {arguments.AN_INSTANT}.")],
    b: Annotated[str, argument("B", "Until when; before A the answer is negative.")],
    as_json: AsJson = False,
) -> None:
    """Print the open seconds between two instants.

    Example: milepost hours --catalog F --calendar office elapsed 2025-06-13T16:45-04:00 2025-06-16T12:00-04:00
    """
    hours = _hours(context)
    zone = zones.of_calendar(hours.time_zone)
    first, last = arguments.instant(a, "A", zone), arguments.instant(b, "B", zone)
    seconds = _asked(hours, min(first, last), max(first, last), lambda frozen: frozen.elapsed(first, last))
    _print({"seconds": seconds}, as_json)


def _reckoning(text: str, start: datetime) -> Callable[[FrozenCalendar], datetime]:
    """What a span asks of a calendar; elapsed spans may be 0 or go back."""
    from domain.open_time.spans import Offset, Span

    back = text.startswith("-")
    try:
        seconds = Offset.parse(text.removeprefix("-")).seconds
    except ValueError:
        pass
    else:
        return lambda frozen: frozen.add(start, -seconds if back else seconds)
    try:
        span = Span.parse(text.removeprefix("-"))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="SPAN") from None
    if back:
        raise typer.BadParameter(f"bad span {text!r}: business days and eod go forward only", param_hint="SPAN")
    return lambda frozen: span.target(frozen, start)


def _asked(hours: BusinessHours, first: datetime, last: datetime, question: Callable[[FrozenCalendar], T]) -> T:
    """The answer of the calendar, frozen as far around the question as need be."""
    from domain.calendar import EARLIEST_YEAR, LATEST_YEAR, CalendarError, HorizonExceeded

    for instant in (first, last):
        if not EARLIEST_YEAR <= instant.year < LATEST_YEAR - 1:
            raise typer.BadParameter(
                f"{instant.isoformat()} is outside the years that calendars know, {EARLIEST_YEAR} to {LATEST_YEAR - 2}"
            )
    earliest = datetime(EARLIEST_YEAR, 1, 1, tzinfo=UTC)
    latest = last.replace(year=LATEST_YEAR - 1, month=1, day=1)
    exceeded: Exception | None = None
    for horizon in HORIZONS:
        begin = max(earliest, first - horizon) if first - earliest > horizon else earliest
        end = last + horizon if latest - last > horizon else latest
        try:
            return question(hours.freeze(begin, end))
        except HorizonExceeded as error:
            exceeded = error
        except CalendarError as error:
            raise typer.BadParameter(f"{error}", param_hint="--calendar") from None
    raise typer.BadParameter(f"calendar {hours.name!r} has no answer to that: {exceeded}", param_hint="--calendar")


def _hours(context: typer.Context) -> BusinessHours:
    from domain.calendar import ALWAYS

    files, name = context.obj
    if name == ALWAYS.name and not files:
        return ALWAYS
    declared = _declared(files) if files else _stored()
    if name in declared:
        return declared[name]
    if name == ALWAYS.name:
        return ALWAYS
    known = ", ".join(sorted({*declared, ALWAYS.name}))
    raise typer.BadParameter(f"no calendar {name!r}; there are: {known}", param_hint="--calendar")


def _declared(files: list[Path]) -> dict[str, BusinessHours]:
    from starters.files.catalogs import read_catalog

    return {hours.name: hours for hours in read_catalog(files).business_hours}


def _stored() -> dict[str, BusinessHours]:
    """Those of the store, if it is at hand."""
    from starters.local.whereabouts import effective_settings
    from starters.operations.recorded import at_hand

    found = at_hand(effective_settings().database, lambda store: store.catalog.everything().business_hours) or []
    return {hours.name: hours for hours in found if not hours.retired}


def _print(answer: dict[str, Any], as_json: bool) -> None:
    import json

    typer.echo(json.dumps(answer) if as_json else str(*answer.values()))
