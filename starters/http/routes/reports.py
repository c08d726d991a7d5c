"""``/v1/reports``: what came of milestones and entitlements, as JSON, CSV or a page."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Body, Path, Query, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import Field

from activities.pictures.drawing import NoPicture, draw
from activities.pictures.themes import Theme
from activities.reports.illustrating import illustrated_page
from activities.reports.making import ReportWish, check_said, export_overrides, make_report
from activities.reports.page import POLICY
from activities.reports.written import as_csv, as_data
from domain.bounds import Words
from domain.ids import Reference
from domain.model import Value
from domain.reports.picturing import picture_of
from domain.reports.result import Report, ReportKind
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.answers import ShownReport
from starters.http.backend import ByCaller, FromBackend
from starters.http.callers import Caller
from starters.http.case_bodies import example
from starters.http.instants import IsoDate
from starters.http.problems import Problem
from starters.http.refusing import refuses
from starters.http.routing import guarded_router

router = guarded_router("/v1/reports", "Reports")

MANAGER = Scope.MANAGER
_CSV = "text/csv; charset=utf-8"


class Which(Value):
    """What a report is about; each part that is given has to hold.

    Attributes:
        by: what makes the groups: milestone, process, account, entitlement, channel, owner, a field of the case, or
            week, month, quarter, year; what is usual for the report, if left out.
        period: such as 2026-Q1, 2026-03, 2026-W09 or last-month; or `first` and `last` day.
        first: the first day.
        last: the last day.
        account: of this account.
        entitlement: of this entitlement.
        milestone: of this milestone.
        process: of this process.
        where: values of fields, ``NAME=VALUE`` each.
        minutes: of pauses: how close to a target is close; 15, if left out.
        new: of overrides: only those that no export has taken.
        export: of overrides: only those that this one has.
    """

    by: list[Words] = Field(default_factory=list)
    period: Words | None = None
    first: IsoDate | None = None
    last: IsoDate | None = None
    account: Reference | None = None
    entitlement: Reference | None = None
    milestone: Words | None = None
    process: Words | None = None
    where: list[Words] = Field(default_factory=list)
    minutes: Annotated[int | None, Query(ge=0, le=10_000)] = None
    new: bool = False
    export: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None


class Asked(Which):
    """A report that is asked for, and in which form.

    Attributes:
        form: `csv` for spreadsheets, `html` a page, `svg` and `png` a picture.
        dark: of a picture: light on dark.
    """

    model_config = example(by=["account"], period="2026-Q1")

    form: Literal["json", "csv", "html", "svg", "png"] = "json"
    dark: bool = False


class Export(Value):
    """Asks to take what no export has taken yet.

    Attributes:
        account: of this account only.
        entitlement: of this entitlement only.
        by: the person who does it.
    """

    model_config = example(account="acme", by="ann")

    account: Reference | None = None
    entitlement: Reference | None = None
    by: Words | None = None


@router.get(
    "/{kind}",
    response_model=ShownReport,
    responses={
        200: {
            "content": {"text/csv": {}, "text/html": {}, "image/svg+xml": {}, "image/png": {}},
            "description": "The report, in the form asked for.",
        }
    },
)
@needs(MANAGER)
@refuses("bad_report", "no_pictures", "not_found")
async def show_report(
    kind: Annotated[ReportKind, Path(description="What is reported.", examples=["compliance"])],
    backend: FromBackend,
    caller: ByCaller,
    which: Annotated[Asked, Query()],
) -> Response:
    """Report what came of milestones and entitlements. A key that is bound to accounts sees these alone."""
    if which.dark and which.form not in {"svg", "png"}:
        raise Problem("bad_report", "dark is how a picture is drawn; ask for one with form=svg or form=png")
    wish = _wish(kind, which, caller)
    check_said(wish)
    made = await backend.ask(lambda store: make_report(store, wish))
    return await asyncio.to_thread(_answered, made, which)


@router.post("/overrides/exports")
@needs(MANAGER)
@refuses("not_found")
async def take_overrides(
    backend: FromBackend, caller: ByCaller, asked: Annotated[Export, Body(default_factory=Export)]
) -> ShownReport:
    """Take the overrides that no export has taken yet, for billing: each comes once. Its number shows it again."""
    which = Which(account=asked.account, entitlement=asked.entitlement)
    wish, by = _wish(ReportKind.OVERRIDES, which, caller), caller.who(asked.by)
    made = await backend.ask(lambda store: export_overrides(store, wish, by=by))
    return ShownReport.model_validate(as_data(made))


def _wish(kind: ReportKind, which: Which, caller: Caller) -> ReportWish:
    accounts = None if caller.accounts is None else sorted(caller.accounts)
    return ReportWish(kind, **which.model_dump(exclude={"form", "dark"}), accounts=accounts, now=datetime.now(UTC))


def _answered(made: Report, which: Asked) -> Response:
    """A report in the form that is asked for. A picture takes a second or two.

    Raises:
        Problem: nothing here can draw.
    """
    match which.form:
        case "csv":
            name = f'attachment; filename="{made.kind.value}.csv"'
            return Response(as_csv(made), media_type=_CSV, headers={"Content-Disposition": name})
        case "html":
            return HTMLResponse(
                illustrated_page([made]), headers={"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
            )
        case "svg" | "png":
            theme = Theme.DARK if which.dark else Theme.LIGHT
            try:
                [drawn] = draw(picture_of(made), [(which.form, theme)])
            except NoPicture as error:
                raise Problem("no_pictures", str(error)) from None
            kind = "image/svg+xml" if which.form == "svg" else "image/png"
            return Response(drawn, media_type=kind, headers={"Content-Security-Policy": "default-src 'none'"})
        case "json":
            return JSONResponse(as_data(made))
