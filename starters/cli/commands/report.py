"""``report``: what came of milestones and entitlements, for people, programs and customers."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import MilepostError
from domain.reports.result import ReportKind
from starters.cli import arguments
from starters.cli.options import argument, entitlement_option, option
from starters.cli.outputs import check_output
from starters.cli.pictures import check_picture_file, write_picture
from starters.cli.running import stored

if TYPE_CHECKING:
    from domain.reports.result import Report


class Form(StrEnum):
    """How a report is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"
    SVG = "svg"
    PNG = "png"


_PICTURES = (Form.SVG, Form.PNG)


# Over fifty lines: each option stands here with its help.
def report(
    kind: Annotated[ReportKind | None, argument("REPORT", "Which one.")] = None,
    by: Annotated[
        list[str] | None,
        option(
            "--by",
            "NAME",
            "What makes the groups: milestone, process, account, entitlement, channel, owner, a field of the case, or "
            "week, month, quarter, year; may be repeated. Left out: what is usual for the report.",
        ),
    ] = None,
    period: Annotated[
        str | None,
        option(
            "--period", "PERIOD", "2026, 2026-Q1, 2026-03, 2026-W09, or last-month, this-quarter; all, if left out."
        ),
    ] = None,
    first: Annotated[str | None, option("--from", "DATE", "The first day, in place of a period.")] = None,
    last: Annotated[str | None, option("--to", "DATE", "The last day, in place of a period.")] = None,
    account: Annotated[str | None, option("--account", "ID", "Only of this account.")] = None,
    entitlement: Annotated[str | None, entitlement_option("Only of cases that took this one.")] = None,
    milestone: Annotated[str | None, option("--milestone", "NAME", "Only of this one.")] = None,
    process: Annotated[str | None, option("--process", "NAME", "Only of this one.")] = None,
    where: Annotated[
        list[str] | None,
        option("--where", "FIELD=VALUE", "Only of cases in which a field has this value; may be repeated."),
    ] = None,
    minutes: Annotated[
        int | None,
        typer.Option(
            "--minutes",
            metavar="N",
            min=0,
            max=10_000,
            show_default=False,
            help="Of pauses: how close to a target is close; 15, if left out.",
        ),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Of overrides: only those that no export has yet.")] = False,
    export: Annotated[
        bool, typer.Option("--export", help="Of overrides: export those that no export has yet. Each is exported once.")
    ] = False,
    exported: Annotated[int | None, option("--exported", "N", "Of overrides: show this earlier export again.")] = None,
    form: Annotated[
        Form | None,
        option("--form", "FORM", "table, csv, json, html, svg, png; by the name of the file, or a table, if left out."),
    ] = None,
    output: Annotated[Path | None, option("--output", "FILE", "Write it to a file.")] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Draw a picture light on dark.")] = False,
    due: Annotated[bool, typer.Option("--due", help="Show which reports are sent next, when and to whom.")] = False,
    at: Annotated[
        str | None, option("--at", "TIME", "With --due: what is sent next after then; now, if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Report on milestones and entitlements, from the store: compliance, times, usage and more.

    Days are those of each account's zone. What a report counts stands below it, and in the guide to reports.

    Example: milepost report compliance --by account --by month --period 2026-Q1
    """
    if due or kind is None or at is not None:
        of_one = (by, period, first, last, account, entitlement, milestone, process, where, exported, form, output)
        is_of_one = any((*of_one, minutes is not None, new, export, dark))
        _show_due(kind, at, wanted=due, as_json=as_json, more=is_of_one)
        return
    import getpass

    from activities.reports.making import ReportWish, check_said, export_overrides, make_report

    chosen = _form(form, output, as_json=as_json)
    if chosen in _PICTURES:
        if output is None:
            raise typer.BadParameter("a picture goes to a file; name one with --output", param_hint="--form")
        check_picture_file(output, "--output")
    elif dark:
        raise typer.BadParameter("is how a picture is drawn; ask for one with --form svg or png", param_hint="--dark")
    elif output is not None:
        check_output(output, "--output")  # what is exported once is not exported for nothing
    if minutes is not None and kind is not ReportKind.PAUSES:
        raise typer.BadParameter(
            "is how close to a target a pause begins; the report is another one", param_hint="--minutes"
        )
    wish = ReportWish(
        kind=kind,
        by=by or (),
        period=period,
        first=_day(first, "--from"),
        last=_day(last, "--to"),
        account=account,
        entitlement=entitlement,
        milestone=milestone,
        process=process,
        where=where or (),
        minutes=minutes,
        new=new,
        export=exported,
    )
    _check_overrides(kind, new=new, export=export, exported=exported)
    check_said(wish)
    with stored() as store:
        made = export_overrides(store, wish, by=getpass.getuser()) if export else make_report(store, wish)
    if output is None and chosen is Form.TABLE:
        from starters.terminal.cases import console
        from starters.terminal.reports import report_shown

        console().print(report_shown(made))
    elif output is None:
        typer.echo(_written(made, chosen), nl=chosen is not Form.CSV)
    elif chosen in _PICTURES:
        from domain.reports.picturing import picture_of

        write_picture(output, picture_of(made), dark=dark)
        typer.echo(f"{made.finding}; drawn in {output}")
    else:
        try:
            output.write_text(_written(made, chosen), encoding="utf-8", newline="")
        except OSError as error:
            if not (export and made.rows):
                raise
            number = made.rows[0][made.column("export")]
            said = f"export {number} took them; milepost report overrides --exported {number} shows it again"
            raise MilepostError(f"{output}: {error.strerror}; {said}") from error
        typer.echo(f"{made.finding}; written to {output}")


def _show_due(kind: ReportKind | None, at: str | None, *, wanted: bool, as_json: bool, more: bool) -> None:
    """Show which reports are sent next. Nothing that is said of one report goes with it."""
    if at is not None and not wanted:
        raise typer.BadParameter("says after when reports are sent, and goes with --due", param_hint="--at")
    if not wanted:
        known = ", ".join(one.value for one in ReportKind)
        raise typer.BadParameter(f"say which report: {known}; or --due", param_hint="REPORT")
    if kind is not None:
        raise typer.BadParameter("lists what is sent next of all reports; leave the report out", param_hint="--due")
    if more:
        said = "lists what is sent next of all reports; only --at and --json go with it"
        raise typer.BadParameter(said, param_hint="--due")
    from datetime import UTC, datetime

    from starters.terminal.due import due_data, due_lines, reports_due

    with stored() as store:
        found = reports_due(store, arguments.instant(at, "--at") if at else datetime.now(UTC))
    if as_json:
        import json

        typer.echo(json.dumps(due_data(found), indent=2))
        return
    for line in due_lines(found):
        typer.echo(line)


def _check_overrides(kind: ReportKind, *, new: bool, export: bool, exported: int | None) -> None:
    if kind is not ReportKind.OVERRIDES and (new or export or exported is not None):
        raise typer.BadParameter("only overrides are exported; the report is another one", param_hint="--export")
    if export and exported is not None:
        raise typer.BadParameter("take what is new, or show an export again", param_hint="--exported")


def _form(form: Form | None, output: Path | None, *, as_json: bool) -> Form:
    if as_json and form not in {None, Form.JSON}:
        raise typer.BadParameter(f"--json is another form than {form}; give one of them", param_hint="--form")
    if as_json:
        return Form.JSON
    if form is not None:
        return form
    if output is None:
        return Form.TABLE
    suffix = output.suffix.removeprefix(".").lower()
    if suffix not in list(Form) or suffix == Form.TABLE:
        known = ", ".join(f".{one}" for one in Form if one is not Form.TABLE)
        raise typer.BadParameter(
            f"{output.name!r} does not say in which form; end it with one of {known}, or give --form"
        )
    return Form(suffix)


def _written(report: Report, form: Form) -> str:
    """A report as it is written to a file."""
    match form:
        case Form.CSV:
            from activities.reports.written import as_csv

            return as_csv(report)
        case Form.JSON:
            from activities.reports.written import as_json

            return as_json(report)
        case Form.HTML:
            from activities.reports.illustrating import illustrated_page

            return illustrated_page([report])
        case Form.SVG | Form.PNG:
            raise AssertionError("pictures are written as they are drawn")
        case Form.TABLE:
            import io

            from rich.console import Console

            from starters.terminal.cases import PIPE_WIDTH
            from starters.terminal.reports import report_shown

            written = io.StringIO()
            Console(width=PIPE_WIDTH, highlight=False, file=written).print(report_shown(report))
            return written.getvalue()


def _day(text: str | None, of: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write one like 2026-03-31", param_hint=of) from None
