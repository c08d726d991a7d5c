"""The picture of a report: what is drawn of its figures, as values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from domain.reports.compliance import HANDOVERS, Outcome
from domain.reports.picture import MOST_BARS, MOST_FACETS, MOST_PERIODS, Tone
from domain.reports.picturing import picture_of
from domain.reports.result import Cell, Column, ColumnKind, Days, Report, ReportKind

SHOWN = [one for one in Outcome if one not in HANDOVERS]
MONTHS = [f"2026-{month:02}" for month in range(1, 7)]


def compliance(rows: list[tuple[Cell, ...]], *by: str, periods: tuple[str, ...] = ()) -> Report:
    """A report of rows that end with: met, met late, violated, open."""
    columns = (
        *(Column(name, name.capitalize(), ColumnKind.TEXT, is_group=True) for name in by),
        Column("instances", "Count", ColumnKind.COUNT),
        *(Column(one.key, one.value.capitalize(), ColumnKind.COUNT) for one in SHOWN),
        Column("met_percent", "In time", ColumnKind.SHARE),
    )

    def whole(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        groups, counts = row[: len(by)], [int(str(cell)) for cell in row[len(by) :]]
        judged = sum(counts[:3])
        return (*groups, sum(counts), *counts, 0, round(100 * counts[0] / judged, 1) if judged else None)

    every = tuple(sum(int(str(row[len(by) + at])) for row in rows) for at in range(4))
    return Report(
        kind=ReportKind.COMPLIANCE,
        title="Milestone compliance by " + " and ".join(by),
        finding="92% in time, worst: Globex 71%",
        columns=columns,
        rows=tuple(whole(row) for row in rows),
        notes=(),
        days=Days(date(2026, 1, 1), date(2026, 6, 30), UTC),
        as_of=datetime(2026, 7, 1, tzinfo=UTC),
        by=by,
        periods=periods,
        total=whole((*("" for _ in by), *every)),
        filters={"priority": "High"},
    )


def test_shares_begin_at_nought_and_say_how_many_they_stand_for() -> None:
    """What is open is in no percentage, and named beside it."""
    found = picture_of(compliance([("Acme", 18, 1, 1, 0), ("Globex", 5, 1, 1, 3)], "account"))
    [panel] = found.panels
    assert panel.is_share
    assert [(bar.label, bar.figure, bar.of) for bar in panel.bars] == [
        ("Acme", "90%", "of 20"),
        ("Globex", "71%", "of 7 (+3)"),
        ("all", "85%", "of 27 (+3)"),
    ]
    assert [round(part.value, 2) for part in panel.bars[0].parts] == [90, 5, 5]
    assert [part.tone for part in panel.bars[0].parts] == [Tone.MET, Tone.MET_LATE, Tone.VIOLATED]
    assert all(sum(part.value for part in bar.parts) == pytest.approx(100) for bar in panel.bars)
    assert any(note.startswith("(+n)") for note in found.notes)


def test_the_finding_is_its_title_and_its_numbers_are_its_description() -> None:
    found = picture_of(compliance([("Acme", 18, 1, 1, 0), ("Globex", 5, 1, 1, 3)], "account"))
    assert found.title == "92% in time, worst: Globex 71%"
    assert found.subtitle == "Milestone compliance by account, 2026-01-01 to 2026-06-30; priority High"
    assert "Acme: 90% of 20. Globex: 71% of 7 (+3)" in found.description


def test_a_period_without_targets_is_an_empty_place() -> None:
    rows: list[tuple[Cell, ...]] = [(month, 3, 0, 1, 0) for month in MONTHS if month != "2026-03"]
    [panel] = picture_of(compliance(rows, "month", periods=tuple(MONTHS))).panels
    assert panel.is_trend
    assert [bar.label for bar in panel.bars] == MONTHS
    assert [bool(bar.parts) for bar in panel.bars] == [True, True, False, True, True, True]
    assert panel.bars[2].figure == ""


def test_each_group_of_a_trend_has_its_own() -> None:
    rows: list[tuple[Cell, ...]] = [(name, month, 3, 0, 1, 0) for name in ("Acme", "Globex") for month in MONTHS]
    [panel] = picture_of(compliance(rows, "account", "month", periods=tuple(MONTHS))).panels
    assert {bar.facet for bar in panel.bars} == {"Acme", "Globex"}
    assert len(panel.bars) == 2 * len(MONTHS)


def test_what_is_left_out_is_said() -> None:
    many: list[tuple[Cell, ...]] = [(f"a{number}", 1, 0, 0, 0) for number in range(MOST_BARS + 4)]
    found = picture_of(compliance(many, "account"))
    assert len(found.panels[0].bars) == MOST_BARS + 1  # and all of them
    assert f"The {MOST_BARS} worst are drawn; 4 more in the table." in found.notes

    periods = tuple(f"p{number:03}" for number in range(MOST_PERIODS + 5))
    weeks: list[tuple[Cell, ...]] = [(f"a{group}", week, 1, 0, 0, 0) for group in range(10) for week in periods]
    found = picture_of(compliance(weeks, "account", "week", periods=periods))
    assert len(found.panels[0].bars) == MOST_FACETS * MOST_PERIODS
    assert f"The last {MOST_PERIODS} periods are drawn; 5 before them in the table." in found.notes
    assert f"The {MOST_FACETS} worst groups are drawn; 2 more in the table." in found.notes


def test_empty_periods_take_no_room_from_others() -> None:
    """Of very many periods those are drawn between the first and the last in which anything lay."""
    periods = tuple(f"p{number:03}" for number in range(300))
    rows: list[tuple[Cell, ...]] = [(periods[at], 1, 0, 0, 0) for at in (20, 22)]
    found = picture_of(compliance(rows, "week", periods=periods))
    assert [bar.label for bar in found.panels[0].bars] == ["p020", "p021", "p022"]
    assert found.notes == []


def test_where_there_is_no_room_for_all_the_worst_are_drawn() -> None:
    """As the finding names them, the worst first; groups of which nothing is decided come last."""
    shares = {f"a{number:02}": number for number in range(40)}  # the last ones in the table are the best
    rows: list[tuple[Cell, ...]] = [
        (name, month, met, 0, 40 - met if name != "a05" else 0, 0)
        for name, met in reversed(shares.items())
        for month in MONTHS
    ]
    rows = [(*row[:2], 0, 0, 0, 3) if row[0] == "a00" else row for row in rows]
    [panel] = picture_of(compliance(rows, "account", "month", periods=tuple(MONTHS))).panels
    expected = [name for name in shares if name not in {"a00", "a05"}][:MOST_FACETS]
    assert list(dict.fromkeys(bar.facet for bar in panel.bars)) == expected

    many: list[tuple[Cell, ...]] = [(f"a{met:02}", met, 0, 90 - met, 0) for met in reversed(range(60))]
    [panel] = picture_of(compliance(many, "account")).panels
    assert [bar.label for bar in panel.bars] == [*(f"a{met:02}" for met in range(MOST_BARS)), "all"]


def test_one_bad_period_makes_a_group_the_worst() -> None:
    """That is what the finding names: the row with the smallest share, of the first by name if there are several."""
    rows: list[tuple[Cell, ...]] = [(f"a{at}", month, 5, 0, 5, 0) for at in range(12) for month in MONTHS]
    rows[-2] = ("a11", MONTHS[-2], 1, 0, 9, 0)
    [panel] = picture_of(compliance(rows, "account", "month", periods=tuple(MONTHS))).panels
    drawn = list(dict.fromkeys(bar.facet for bar in panel.bars))
    assert drawn == ["a11", "a0", "a1", "a10", "a2", "a3", "a4", "a5"]


@pytest.mark.parametrize(
    ("kind", "columns", "cells", "said"),
    [
        (ReportKind.RESPONSE, ("response_median_seconds",), lambda at: (60 * at,), "slowest"),
        (ReportKind.OVERRUN, ("overrun_median_seconds",), lambda at: (60 * at,), "worst"),
        (ReportKind.MARGIN, ("met", "last_fifth", "margin_median_seconds"), lambda at: (50, at, 60), "tightest"),
        (ReportKind.USAGE, ("used_percent",), lambda at: (at,), "fullest"),
        (ReportKind.BREAKDOWN, ("share_percent", "open_seconds"), lambda at: (at, at), "longest"),
        (ReportKind.PAUSES, ("pauses", "open_seconds"), lambda at: (1, at), "longest"),
        (ReportKind.ACTIONS, ("actions",), lambda at: (at,), "largest"),
    ],
)
def test_each_report_draws_those_that_its_finding_is_about(
    kind: ReportKind, columns: tuple[str, ...], cells: Callable[[int], tuple[Cell, ...]], said: str
) -> None:
    kinds = {"_seconds": ColumnKind.SPAN, "_percent": ColumnKind.SHARE}
    report = Report(
        kind=kind,
        title="",
        finding="",
        columns=(
            Column("account", "Account", ColumnKind.TEXT, is_group=True),
            *(Column(name, name, kinds.get(f"_{name.rpartition('_')[2]}", ColumnKind.COUNT)) for name in columns),
        ),
        rows=tuple((f"a{at:02}", *cells(at)) for at in range(1, 51)),
        notes=(),
        days=Days(None, None, UTC),
        as_of=datetime(2026, 7, 1, tzinfo=UTC),
    )
    found = picture_of(report)
    assert [bar.label for bar in found.panels[0].bars] == [f"a{at:02}" for at in range(50, 50 - MOST_BARS, -1)]
    assert f"The {MOST_BARS} {said} are drawn; 10 more in the table." in found.notes


def test_no_data_is_nothing_to_draw() -> None:
    assert picture_of(compliance([], "account")).is_empty
    assert picture_of(compliance([("Acme", 0, 0, 0, 5)], "account")).is_empty  # nothing is decided


def test_all_violated_is_a_full_bar_that_says_nought() -> None:
    bar = picture_of(compliance([("Acme", 0, 0, 14, 0)], "account")).panels[0].bars[0]
    assert (bar.figure, bar.of, [(part.tone, part.value) for part in bar.parts]) == (
        "0%",
        "of 14",
        [(Tone.VIOLATED, 100)],
    )


def test_names_are_cut_and_stay_on_one_line() -> None:
    bar = (
        picture_of(compliance([("x" * 10_000, 1, 0, 0, 0), ("a\nb\x00\u202ec", 1, 0, 0, 0)], "account")).panels[0].bars
    )
    assert len(bar[0].label) <= 60
    assert bar[1].label == "a b c"


def usage(percent: float | None) -> Report:
    columns = (
        Column("entitlement", "Entitlement", ColumnKind.TEXT, is_group=True),
        Column("used", "Used", ColumnKind.AMOUNT),
        Column("used_percent", "Used", ColumnKind.SHARE),
    )
    return Report(
        kind=ReportKind.USAGE,
        title="Usage",
        finding="45 of 50 cases",
        columns=columns,
        rows=(("gold", 45, percent),),
        notes=(),
        days=Days(None, None, UTC),
        as_of=datetime(2026, 7, 1, tzinfo=UTC),
        by=("entitlement",),
    )


def test_usage_beyond_the_cap_is_told_apart() -> None:
    [panel] = picture_of(usage(130.0)).panels
    assert not panel.is_share
    assert [(part.tone, part.value) for part in panel.bars[0].parts] == [(Tone.PLAIN, 100), (Tone.OVER, 30)]
    assert picture_of(usage(None)).is_empty


def test_spans_are_drawn_in_hours_and_read_as_spans() -> None:
    columns = (
        Column("milestone", "Milestone", ColumnKind.TEXT, is_group=True),
        Column("completed", "Completed", ColumnKind.COUNT),
        Column("response_median_seconds", "Median", ColumnKind.SPAN),
    )
    report = Report(
        kind=ReportKind.RESPONSE,
        title="Response times",
        finding="Median 1h30m",
        columns=columns,
        rows=(("First response", 12, 5400), ("Early", 3, -60), ("Never", 0, None)),
        notes=(),
        days=Days(None, None, UTC),
        as_of=datetime(2026, 7, 1, tzinfo=UTC),
    )
    [panel] = picture_of(report).panels
    assert [(bar.figure, bar.of, [part.value for part in bar.parts]) for bar in panel.bars] == [
        ("1h30m", "of 12", [1.5]),
        ("-1m", "of 3", [0]),
        ("", "", []),
    ]
    assert panel.axis == "Median, open hours"


def test_groups_that_are_called_alike_are_told_apart() -> None:
    """Names that begin alike for sixty letters, or that come to one text together, have a trend each."""
    long = ("x" * 59 + " north", "x" * 59 + " south")
    rows: list[tuple[Cell, ...]] = [(name, MONTHS[0], 3, 0, at, 0) for at, name in enumerate(long)]
    [panel] = picture_of(compliance(rows, "account", "month", periods=tuple(MONTHS[:1]))).panels
    assert [bar.figure for bar in panel.bars] == ["100%", "75%"]
    labels = [bar.facet for bar in panel.bars]
    assert labels[1].endswith("… (2)")
    assert len(set(labels)) == 2
    assert max(map(len, labels)) <= 60

    pairs = (("a · b", "c"), ("a", "b · c"))
    rows = [(*pair, MONTHS[0], 3, 0, at, 0) for at, pair in enumerate(pairs)]
    [panel] = picture_of(compliance(rows, "account", "team", "month", periods=tuple(MONTHS[:1]))).panels
    assert [(bar.facet, bar.figure) for bar in panel.bars] == [("a · b · c", "100%"), ("a · b · c (2)", "75%")]
    [panel] = picture_of(compliance([(*pair, 3, 0, 1, 0) for pair in pairs], "account", "team")).panels
    assert [bar.label for bar in panel.bars] == ["a · b · c", "a · b · c (2)", "all"]
