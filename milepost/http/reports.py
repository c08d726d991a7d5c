"""Reports over HTTP: what came of milestones and entitlements."""

from __future__ import annotations

from typing import Any, Literal, Unpack

from domain.reports.result import ReportKind
from milepost.http.connection import Connection, known, path_of
from milepost.http.keywords import Person, ReportFilter
from starters.http.answers import ShownReport


class Reports:
    """Asks for reports."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def show(self, kind: ReportKind | str, **which: Unpack[ReportFilter]) -> ShownReport:
        """A report, row by row."""
        return self._connection.get(ShownReport, path_of("/v1/reports/{}", kind), **which)

    def written(
        self,
        kind: ReportKind | str,
        form: Literal["csv", "html", "svg", "png"],
        *,
        dark: bool = False,
        **which: Unpack[ReportFilter],
    ) -> bytes:
        """A report as a file: a table, a page, or a picture, which may be light on dark."""
        query: dict[str, Any] = {"form": form, "dark": dark, **which}
        return self._connection.send("GET", path_of("/v1/reports/{}", kind), query=query).content

    def take_overrides(
        self, *, account: str | None = None, entitlement: str | None = None, **person: Unpack[Person]
    ) -> ShownReport:
        """Take the overrides that no export has taken yet, for billing: each comes once."""
        said = known(account=account, entitlement=entitlement, **person)
        return self._connection.post(ShownReport, "/v1/reports/overrides/exports", said)
