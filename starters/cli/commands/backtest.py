"""``backtest``: an event log runs through a process before anyone promises it to a customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli.options import argument, option
from starters.cli.pictures import check_picture_file, write_picture

if TYPE_CHECKING:
    from rich.console import RenderableType

    from domain.catalog.declarations import Catalog
    from domain.process import EntitlementProcess
    from domain.reports.grouping import Grouping
    from starters.backtest.comparing import Comparison
    from starters.backtest.report import Report
    from starters.backtest.running import Backtest, Tried
    from starters.logs.events import EventLog
    from starters.logs.mapping import LogMapping
    from starters.logs.oddities import OddityCount

MAPPING_SUFFIX = ".mapping.yaml"
DEFAULT_BY = "priority"


# Over fifty lines: each option stands here with its help.
def backtest(
    log: Annotated[Path, argument("LOG", "The event log, a CSV or XES file.")],
    process: Annotated[str, option("--process", "NAME", "The process, or NAME@VERSION.")],
    catalog: Annotated[
        list[Path] | None,
        option("--catalog", "FILE", "Declares it; may be repeated. Left out: what was applied."),
    ] = None,
    mapping: Annotated[
        Path | None,
        option(
            "--mapping",
            "FILE",
            "Which of the log's columns is what. Left out: LOG.mapping.yaml or CATALOG.mapping.yaml beside them.",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        option(
            "--by",
            "FIELD",
            "What makes the groups: a field of the case as it is in the end, owner by its role, or week, month, "
            "quarter or year, in which the target lies. Left out: priority, if there is such a field.",
        ),
    ] = None,
    compare: Annotated[
        str | None,
        option("--compare", "OTHER", "A second process to put beside it, NAME or NAME@VERSION."),
    ] = None,
    compare_catalog: Annotated[
        list[Path] | None,
        option("--compare-catalog", "FILE", "Declares the second process, if another catalog does; may be repeated."),
    ] = None,
    cases: Annotated[
        bool,
        typer.Option(
            "--cases", help="List the cases that miss or nearly do; of two processes those that fare otherwise."
        ),
    ] = False,
    chart: Annotated[Path | None, option("--chart", "FILE", "Draw a picture, an SVG or PNG as its name says.")] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Draw it light on dark.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Run a past event log through a process, to see what it would have promised and kept.

    No server is needed and nothing is stored: the cases walk through the same timeline as live ones.

    Example:
    milepost backtest log.csv --process Incident --catalog catalogs/incidents.yaml --compare "Incident premium"
    """
    if by is not None and len(by) > 1:
        raise typer.BadParameter("a backtest is grouped by one thing; give it once", param_hint="--by")
    if chart is not None:
        check_picture_file(chart, "--chart")
    from starters.logs.events import read_log
    from starters.logs.mapping import load_mapping

    files = catalog or []
    sides = [_side(files, process, "--process")]
    if compare is not None or compare_catalog:
        sides.append(_side(compare_catalog or files, compare or process, "--compare"))
    mapping = mapping or _mapping_beside(log, files)
    columns = load_mapping(mapping)
    for side in sides:
        side.check_fit(columns, mapping)
    groupings = [side.grouping(by[0] if by else None, columns) for side in sides]
    read = read_log(log, columns)
    tried = [side.tried(read, columns, told_apart=_names(sides)) for side in sides]
    results = [_run(read, one, by_group, columns) for one, by_group in zip(tried, groupings, strict=True)]
    _tell(results, read, source=log.name, cases=cases, as_json=as_json, chart=chart, dark=dark)


# --- what is asked for ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Side:
    """A process that is tried, and the catalog that declares it.

    Attributes:
        files: of the catalog; none: what was applied.
    """

    files: Sequence[Path]
    catalog: Catalog
    process: EntitlementProcess

    def check_fit(self, columns: LogMapping, mapping: Path) -> None:
        """Refuse a mapping that fills fields which the catalog does not have so."""
        from starters.logs.mapping import LogError

        if misfits := columns.misfits(self.catalog.fields):
            raise LogError([f"{mapping}: {misfit} ({self.where})" for misfit in misfits])

    def grouping(self, by: str | None, columns: LogMapping) -> Grouping | None:
        """What makes the groups."""
        from domain.catalog.mailing import field_meant
        from domain.errors import NotFound
        from domain.reports.grouping import grouping
        from starters.backtest.running import wall_clock

        fields = self.catalog.fields
        if by is None and DEFAULT_BY not in fields:
            return None
        organisation = self.catalog.organisation
        wanted = field_meant(by or DEFAULT_BY, fields, organisation.roles if organisation else {})
        column = columns.fields.get(wanted)
        values = columns.state.values if wanted == columns.state.field else column.values if column else {}
        zone = wall_clock(self.catalog, columns.account)
        try:
            return grouping(wanted, fields, zone, list((values or {}).values()))
        except NotFound as error:
            raise typer.BadParameter(str(error), param_hint="--by") from None

    def tried(self, read: EventLog, columns: LogMapping, *, told_apart: bool) -> Tried:
        """The process with all that the log's cases run by."""
        from domain.errors import NotFound
        from starters.backtest.running import trial

        name = "" if told_apart else f"{self.process.name} v{self.process.version} of {self.where}"
        try:
            return trial(self.catalog, read.cases, self.process, account=columns.account, name=name)
        except ValueError as error:  # a log at the end of the years that calendars know
            raise NotFound(f"the calendars do not cover the whole log: {error}") from None

    @property
    def where(self) -> str:
        """The catalog, in words."""
        return ", ".join(file.name for file in self.files) or "the catalog that was applied"


def _names(sides: Sequence[_Side]) -> bool:
    """Whether the processes can be told apart by their names and versions."""
    return len({(side.process.name, side.process.version) for side in sides}) == len(sides)


def _side(files: Sequence[Path], name: str, option: str) -> _Side:
    from domain.errors import NotFound
    from starters.backtest.running import process_named
    from store.errors import NothingThere

    try:
        if files:
            from starters.files.catalogs import read_catalog

            catalog = read_catalog(files)
            return _Side(files, catalog, process_named(catalog, name))
        from starters.local.whereabouts import effective_settings
        from store import Store
        from worker.private import private_folder

        settings = effective_settings()
        private_folder(settings.data)
        with Store.open(settings.database, "there") as store:
            catalog = store.catalog.everything()
            if not catalog.processes:
                raise NotFound(_NOTHING_APPLIED)
            return _Side(files, catalog, process_named(catalog, name, store.catalog.process))
    except NotFound as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
    except NothingThere:
        raise typer.BadParameter(_NOTHING_APPLIED, param_hint=option) from None


_NOTHING_APPLIED = "no process was applied yet; name the file that declares it: --catalog FILE"


def _mapping_beside(log: Path, files: Sequence[Path]) -> Path:
    """The column mapping that lies beside the log or the catalog, under its name."""
    beside = [path.with_suffix(MAPPING_SUFFIX) for path in (log, *files) if path.name]  # `.` has none
    found = next((path for path in beside if path.is_file()), None)
    if found is None:
        raise typer.BadParameter(
            f"say which column of the log is what; there is none of {', '.join(map(str, beside))}",
            param_hint="--mapping",
        )
    return found


# --- what came of it --------------------------------------------------------------------------------------------------


def _run(read: EventLog, tried: Tried, grouping: Grouping | None, columns: LogMapping) -> Backtest:
    from rich.progress import track

    from starters.backtest.running import backtest as run
    from starters.terminal.cases import console

    progress = console(stderr=True)
    cases = track(
        read.cases, f"Running {tried.name}", console=progress, transient=True, disable=not progress.is_terminal
    )
    return run(cases, tried, by=grouping, state=columns.state.field if columns.has_state else None)


def _tell(
    results: Sequence[Backtest],
    read: EventLog,
    *,
    source: str,
    cases: bool,
    as_json: bool,
    chart: Path | None,
    dark: bool,
) -> None:
    from starters.backtest.comparing import compare
    from starters.backtest.report import report
    from starters.logs.oddities import counted, told

    found: Report | Comparison = report(results[0]) if len(results) == 1 else compare(results[0], results[1])
    if chart is not None:
        from starters.backtest.picture import pictured

        write_picture(chart, pictured(found, source=source), dark=dark)
    if as_json:
        typer.echo(_json(found, results[0], counted(read.oddities), cases=cases))
        return
    from starters.terminal.cases import console

    out = console()
    for part in _parts(found, results[0], source=source, cases=cases):
        out.print(part)
    for line in told(source, counted(read.oddities)):
        out.print(line, soft_wrap=True, markup=False, highlight=False)
    if chart is not None:
        out.print(f"\nDrawn: {chart}", soft_wrap=True)


def _parts(found: Report | Comparison, first: Backtest, *, source: str, cases: bool) -> Iterator[RenderableType]:
    from starters.backtest import comparison_tables
    from starters.backtest import tables as backtest_tables
    from starters.backtest.report import Report, notable_cases

    if isinstance(found, Report):
        yield from backtest_tables.tables(found, source=source)
        if cases:
            yield backtest_tables.notable(list(notable_cases(first)))
    else:
        yield from comparison_tables.side_by_side(found, source=source)
        if cases:
            yield comparison_tables.flipped(found.flipped)


def _json(found: Report | Comparison, first: Backtest, oddities: Sequence[OddityCount], *, cases: bool) -> str:
    import json

    from starters.backtest.report import Report, notable_cases

    shown = found.model_dump(mode="json") | {"oddities": [one.model_dump(mode="json") for one in oddities]}
    if cases and isinstance(found, Report):
        shown["listed"] = [row.model_dump(mode="json") for row in notable_cases(first)]
    elif not cases and not isinstance(found, Report):
        del shown["flipped"]
    return json.dumps(shown, indent=2, ensure_ascii=False)
