"""What reports say in a sentence, and what of it is drawn: they say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

import pytest

from domain.reports.asking import ReportAsked
from domain.reports.compliance import Outcome
from domain.reports.holding import HoldingTally
from domain.reports.kinds.breakdown import breakdown_report
from domain.reports.kinds.compliance import compliance_report
from domain.reports.kinds.times import overrun_report
from domain.reports.picture import Picture
from domain.reports.picturing import picture_of
from domain.reports.result import Days, Report, ReportKind
from domain.reports.tally import Tally

NOW = datetime(2026, 2, 16, 12, tzinfo=UTC)
Tallies = dict[tuple[str, ...], Tally]


def tally(outcomes: Mapping[Outcome, int], *overruns: int) -> Tally:
    found = Tally()
    found.outcomes.update(outcomes)
    found.overruns.update(overruns)
    return found


def asked(kind: ReportKind, *by: str, first: date | None = None, last: date | None = None) -> ReportAsked:
    return ReportAsked(kind, Days(first, last, UTC), NOW, by=by)


def overruns(outcomes: Mapping[Outcome, int], *seconds: int) -> Report:
    return overrun_report(asked(ReportKind.OVERRUN, "milestone"), {("Answer",): tally(outcomes, *seconds)})


def drawn_of(picture: Picture) -> list[str]:
    return [bar.of for panel in picture.panels for bar in panel.bars]


@pytest.mark.parametrize(
    ("outcomes", "said", "of"),
    [
        ({Outcome.MET_LATE: 1}, "1 target missed", "of 1"),
        ({Outcome.HANDED_OVER_LATE: 1}, "1 handed over late", "of 1"),
        ({Outcome.VIOLATED: 2, Outcome.HANDED_OVER_LATE: 1}, "2 targets missed and 1 handed over late", "of 3"),
    ],
)
def test_an_overrun_is_of_as_many_as_are_named(outcomes: Mapping[Outcome, int], said: str, of: str) -> None:
    """Of those handed over late too: their overruns are among those of which half are longer."""
    made = overruns(outcomes, *[3600] * sum(outcomes.values()))
    assert made.finding == f"{said}, half by more than 1h"
    assert drawn_of(picture_of(made)) == [of]


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({Outcome.HANDED_OVER: 3}, "3 handed over"),
        ({Outcome.OPEN: 2, Outcome.REMOVED: 1, Outcome.HANDED_OVER_LATE: 1}, "2 open, 1 removed, 1 handed over late"),
    ],
)
def test_where_nothing_was_met_or_missed_the_rest_is_named(outcomes: Mapping[Outcome, int], said: str) -> None:
    made = compliance_report(asked(ReportKind.COMPLIANCE, "milestone"), {("Answer",): tally(outcomes)})
    assert made.finding == f"Nothing was met or missed: {said}"


@pytest.mark.parametrize(
    ("first", "last", "begins", "ends", "many"),
    [
        (None, None, "2026-W03", "2026-W06", 4),
        (date(2026, 1, 1), date(2026, 3, 31), "2026-W01", "2026-W08", 8),
        (date(2026, 1, 1), None, "2026-W01", "2026-W06", 6),
        (None, date(2026, 2, 12), "2026-W03", "2026-W07", 5),
    ],
)
def test_a_trend_is_of_all_weeks_that_are_asked_for(
    first: date | None, last: date | None, begins: str, ends: str, many: int
) -> None:
    """Those before the first target and behind the last too, but none that has not begun; the table has no rows."""
    tallies: Tallies = {(week,): tally({Outcome.MET: 1}) for week in ("2026-W03", "2026-W06")}
    made = compliance_report(asked(ReportKind.COMPLIANCE, "week", first=first, last=last), tallies)
    assert (made.periods[0], made.periods[-1], len(made.periods)) == (begins, ends, many)
    assert len(made.rows) == 2
    [panel] = picture_of(made).panels
    assert [bar.label for bar in panel.bars] == list(made.periods)


def test_a_target_ahead_has_its_week() -> None:
    tallies: Tallies = {("2026-W10",): tally({Outcome.OPEN: 1})}
    days = {"first": date(2026, 2, 1), "last": date(2026, 3, 31)}
    made = compliance_report(asked(ReportKind.COMPLIANCE, "week", **days), tallies)
    assert (made.periods[0], made.periods[-1]) == ("2026-W05", "2026-W10")


def held_by(name: str) -> Report:
    tallies: dict[tuple[str, ...], HoldingTally] = {
        (name,): HoldingTally(1, 1, 3600),
        ("other",): HoldingTally(1, 1, 60),
    }
    with_field = ReportAsked(ReportKind.BREAKDOWN, Days(None, None, UTC), NOW, by=("team",), types={"team": "string"})  # type: ignore[dict-item]
    return breakdown_report(with_field, tallies)


def worst_of(name: str) -> Report:
    tallies: Tallies = {(name,): tally({Outcome.VIOLATED: 1}), ("other",): tally({Outcome.MET: 1})}
    return compliance_report(asked(ReportKind.COMPLIANCE, "team"), tallies)


def longest_of(name: str) -> Report:
    tallies: Tallies = {
        (name,): tally({Outcome.VIOLATED: 1}, 7200),
        ("other",): tally({Outcome.VIOLATED: 1}, 60),
    }
    return overrun_report(asked(ReportKind.OVERRUN, "team"), tallies)


@pytest.mark.parametrize("made", [held_by, worst_of, longest_of])
def test_a_finding_names_what_can_be_seen_and_not_all_of_it(made: Callable[[str], Report]) -> None:
    """Nothing that drives a terminal or turns a line, and of ten thousand letters the first."""
    for name in ("\x1b[31mred\x1b[0m\x07", "invoice\u202efdp.exe", "two\nlines", "nul\x00", "x" * 10_000):
        found = made(name)
        for said in (found.finding, picture_of(found).title, picture_of(found).description):
            assert said.isprintable()
            assert len(said) < 400
        assert name in [row[0] for row in found.rows]
