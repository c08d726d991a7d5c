"""What covers a case, and how it came by that: which entitlement was chosen, why, and why no other was.

A case's own state knows which one alone; why is in its notes, which the store has.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import AwareDatetime, Field

from domain.explanation.words import labelled
from domain.model import Value
from domain.timeline.effects import Noted, NoteKind
from domain.timeline.plan import Plan
from domain.wording import moment, who

TOLD = (NoteKind.COVERED, NoteKind.ENTITLEMENT_CHANGED)
"""The kinds of notes that tell of it."""


class CoverageNote(Value):
    """What was found to cover a case, or that it went over to another entitlement.

    Attributes:
        at: when it took effect, on the wall clock of the case's calendar.
        kind: `covered`: which entitlement was chosen or is asked about, why, and why no other was;
            `entitlement_changed`: somebody named another one, or decided on what was asked.
        text: one line for people.
    """

    at: AwareDatetime
    kind: NoteKind
    text: str
    by: str | None
    reason: str | None


class CoverageExplained(Value):
    """What covers a case as it was last recorded, and why.

    Attributes:
        entitlement: None: none covers it.
        notes: the oldest first.
    """

    account: str | None
    entitlement: str | None
    notes: list[CoverageNote] = Field(default_factory=list)


def explain_coverage(
    plan: Plan, notes: Sequence[Noted], *, account: str | None, entitlement: str | None
) -> CoverageExplained:
    """Explain what covers a case.

    Args:
        plan: what the case runs by; its calendar says on which wall clock instants are told.
        notes: of the case, in their order; those of other kinds are passed over.
        account: whose the case is.
        entitlement: what covers it.
    """
    hours = plan.calendars.get((plan.process.business_hours if plan.process else None) or plan.business_hours)
    told = [
        CoverageNote(
            at=hours.local(note.at) if hours else note.at,
            kind=note.kind,
            text=note.text,
            by=note.by,
            reason=note.reason,
        )
        for note in notes
        if note.kind in TOLD
    ]
    return CoverageExplained(account=account, entitlement=entitlement, notes=told)


def coverage_lines(coverage: CoverageExplained, width: int) -> list[str]:
    """What covers a case in words, as lines of at most `width` columns, as far as words allow."""
    covered = f"covered by {coverage.entitlement or 'no entitlement'}"
    now = f"account {coverage.account}, {covered}" if coverage.account else covered
    notes = [f"{moment(note.at)}: {note.text}{who(note.by, note.reason)}." for note in coverage.notes]
    return labelled("Coverage", [f"{now[0].upper()}{now[1:]}.", *notes], width, indent=0)
