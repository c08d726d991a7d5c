"""``intake``: what other systems told, what of it could not be taken, and what a mapping would make of a payload."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starters.cli import zones
from starters.cli.commands.case import case_desk, login
from starters.cli.options import AsJson, By, argument, case_option, option
from starters.cli.running import run, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.catalog.intake import IntakeSource
    from domain.criteria.fields import FieldType
    from domain.criteria.values import Listed
    from starters.intake.taking import Taker
    from store import Store
    from store.intake import Delivery, DeliveryStatus

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Deliveries from other systems, by web hooks: try a mapping, list what could not be taken, take it again.\n\n"
    "Sources are declared in the catalog, under intake.",
)

SourceArgument = Annotated[str, argument("SOURCE", "The id of the source.")]
Number = Annotated[int, argument("NUMBER", "Of the delivery; list says it.")]
OfSource = Annotated[str | None, option("--source", "ID", "Only of this source.")]


@app.command("try")
def try_out(
    source: SourceArgument,
    payload: Annotated[Path, argument("PAYLOAD", "A file with the JSON that is sent.")],
    catalog: Annotated[
        list[Path] | None,
        option("--catalog", "FILE", "The source is declared here, not in the store; may be repeated."),
    ] = None,
    header: Annotated[
        list[str] | None, option("--header", "NAME=VALUE", "A header that the mapping reads; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what would be done with a payload, and do nothing.

    Example: milepost intake try zammad payload.json --catalog catalogs/intake
    """
    from datetime import UTC, datetime

    from domain.criteria.payloads import Delivered
    from domain.errors import Refused
    from domain.intake.news import Unreadable, read_news, read_place
    from domain.intake.planning import check_opening
    from starters.terminal.intake import trial_lines

    declared, fields, listed = _declared(source, catalog)
    delivered = Delivered(_payload(payload), _headers(header or []))
    try:
        place = read_place(declared, delivered, datetime.now(UTC))
        if place is None:
            typer.echo("{}" if as_json else "it would be ignored: it does not concern us, by when")
            return
        news = read_news(declared, delivered, place, fields)
    except Unreadable as error:
        raise Refused("unreadable", f"it would be a dead letter: {error}") from None
    try:
        check_opening(news, listed)
    except Unreadable as error:
        raise Refused("unreadable", f"it would be a dead letter, unless its case has that value: {error}") from None
    if as_json:
        typer.echo(news.model_dump_json(indent=2))
        return
    for line in trial_lines(news):
        typer.echo(line)


@app.command("list")
def list_all(
    source: OfSource = None,
    case: Annotated[str | None, case_option("Only of this case.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was taken, ignored or dropped.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what could not be taken, with its reason, and what waits.

    Example: milepost intake list --source zammad
    """
    from domain.ids import case_id_from
    from starters.terminal.intake import delivery_lines
    from store.intake import MOST_AT_ONCE

    pending: tuple[DeliveryStatus, ...] = ("waits", "dead")
    statuses = (*pending, "taken", "ignored", "dropped") if everything else pending
    with stored() as store:
        found = store.intake.listed(statuses=statuses, source=source, case_id=case_id_from(case) if case else None)
        if (source or case) and not found:
            store.names.check(source=source, case=case)
    if as_json:
        typer.echo(json.dumps([_data(one) for one in found], indent=2))
        return
    lines = delivery_lines(found, zones.shown(zones.of_account()))
    for line in lines or ["nothing waits, and there is no dead letter"]:
        typer.echo(line)
    if len(found) == MOST_AT_ONCE:
        typer.echo(f"milepost: there may be more than these {MOST_AT_ONCE}; narrow them down by --source", err=True)


@app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show a delivery with its payload.

    Example: milepost intake show 12
    """
    from starters.terminal.intake import full_lines

    with stored() as store:
        one = store.intake.get(number)
    if as_json:
        typer.echo(json.dumps(one.model_dump(mode="json"), indent=2))
        return
    for line in full_lines(one, zones.shown(zones.of_account())):
        typer.echo(line)


@app.command()
def retry(
    numbers: Annotated[list[int] | None, argument("[NUMBER]...", "Of dead letters; all of them, if left out.")] = None,
    source: OfSource = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Try dead letters again, for example after mending the mapping, and what waits behind them.

    Example: milepost intake retry --source zammad
    """
    from starters.terminal.intake import delivery_lines

    found = run(_retried(numbers or None, source, by or login() or "somebody"))
    if as_json:
        typer.echo(json.dumps([_data(one) for one in found], indent=2))
        return
    for line in delivery_lines(found, zones.shown(zones.of_account())) or ["there is no dead letter to try again"]:
        typer.echo(line)


@app.command()
def drop(number: Number, by: By = None) -> None:
    """Give a dead letter up for good, so that what waits behind it goes on.

    Example: milepost intake drop 12
    """
    run(_dropped(number, by or login() or "somebody"))
    typer.echo(f"delivery {number} is dropped")


async def _retried(numbers: list[int] | None, source: str | None, by: str) -> list[Delivery]:
    with stored() as store:
        taker = await _taker(store)
        again = await taker.retry(numbers, by=by, source=source)
        if source and not again:
            store.names.check(source=source)
        return again


async def _dropped(number: int, by: str) -> None:
    with stored() as store:
        await (await _taker(store)).drop(number, by=by)


async def _taker(store: Store) -> Taker:
    from starters.intake.taking import Taker

    return Taker(store, await case_desk())


def _declared(name: str, files: list[Path] | None) -> tuple[IntakeSource, Mapping[str, FieldType], Listed]:
    """A source, and the fields of a case with the values that are listed: of files, or of the store.

    Raises:
        NotFound: there is none of that name.
    """
    from domain.catalog.intake import IntakeSource
    from domain.catalog.kinds import Kind
    from domain.criteria.fields import nearest
    from domain.errors import NotFound

    if not files:
        with stored() as store:
            return store.intake.source(name), store.catalog.fields(), store.catalog.values()
    from starters.files.catalogs import read_catalog

    catalog = read_catalog(files)
    found = catalog.find(Kind.INTAKE, name)
    if not isinstance(found, IntakeSource):
        known = nearest(name, [one.id for one in catalog.intake])
        raise NotFound(f"unknown {Kind.INTAKE.one} {name!r}; {known}")
    return found, catalog.fields, catalog.values


def _payload(file: Path) -> Any:
    """What a delivery says, read as the API reads it."""
    from domain.bounds import MOST_DELIVERY_BYTES
    from domain.errors import Refused
    from domain.messages.strict_json import read_strictly

    try:
        return read_strictly(file.read_bytes(), MOST_DELIVERY_BYTES)
    except Refused as refused:
        raise typer.BadParameter(f"{file}: {refused}", param_hint="PAYLOAD") from None


def _headers(pairs: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{pair!r} is no NAME=VALUE, such as X-GitHub-Event=issues", param_hint="--header")
        found[name.strip().lower()] = value
    return found


def _data(one: Delivery) -> dict[str, Any]:
    return one.model_dump(mode="json", exclude={"payload", "headers"})
