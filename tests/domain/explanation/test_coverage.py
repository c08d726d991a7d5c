"""What an explanation says of what covers a case: which entitlement was chosen, why, and why no other was."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.explanation.coverage import coverage_lines, explain_coverage
from domain.explanation.explaining import explain
from domain.explanation.text import explanation_text
from domain.messages.coverage import CaseCoverage, Left, NotMatched
from domain.timeline.effects import Noted, NoteKind
from tests.domain.timeline.bench import Bench

T0 = datetime(2025, 6, 9, 13, tzinfo=UTC)
CHOSEN = CaseCoverage(
    entitlement="gold",
    by="asset",
    left=Left(unit="cases", cap=5, remaining=4),
    others=[NotMatched(entitlement="silver", why="'gold' ranks before it")],
)
BENCH = Bench({"within": "2h"}, opened="Mon 09:00")


def noted(kind: NoteKind, text: str, *, by: str | None = None, reason: str | None = None) -> Noted:
    return Noted(number=1, at=T0, kind=kind, text=text, by=by, reason=reason)


COVERED = noted(NoteKind.COVERED, CHOSEN.text)
OVER = noted(NoteKind.ENTITLEMENT_CHANGED, "the case goes over to entitlement x", by="ann", reason="sold")


def test_what_covers_a_case_is_explained_and_why_no_other_does() -> None:
    """Before its targets, on the wall clock of its calendar."""
    plan, state = BENCH.timeline.plan, BENCH.timeline.state
    coverage = explain_coverage(plan, [COVERED], account="acme", entitlement="gold")
    lines = explanation_text(explain(plan, state, T0), 100, coverage).splitlines()
    assert lines[2:5] == [
        "Coverage    Account acme, covered by gold.",
        "            Mon 2025-06-09 09:00 (13:00Z): covered by gold, which matches by its asset; 4 of 5 cases",
        "              left. Not silver: 'gold' ranks before it.",
    ]
    assert (coverage.notes[0].kind, coverage.notes[0].at.isoformat()) == ("covered", "2025-06-09T09:00:00-04:00")


def test_a_change_of_entitlement_is_part_of_it() -> None:
    """With who made it and why; other notes are not."""
    notes = [COVERED, noted(NoteKind.CLOSED, "the case is closed"), OVER]
    explained = explain_coverage(BENCH.timeline.plan, notes, account=None, entitlement="x")
    assert [note.text for note in explained.notes] == [COVERED.text, OVER.text]
    lines = coverage_lines(explained, 100)
    assert lines[0] == "Coverage    Covered by x."
    assert lines[-1].strip() == 'Mon 2025-06-09 09:00 (13:00Z): the case goes over to entitlement x by ann, "sold".'


def test_a_case_that_nothing_covers_says_so() -> None:
    """In a line, also where nothing was noted of it."""
    explained = explain_coverage(BENCH.timeline.plan, [], account="acme", entitlement=None)
    assert coverage_lines(explained, 100) == ["Coverage    Account acme, covered by no entitlement."]
