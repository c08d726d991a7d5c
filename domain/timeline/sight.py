"""What the rules see of a case at one instant, and what its criteria come to."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import blake2b
from typing import Any

from domain.bounds import quoted
from domain.criteria.evaluating import Scope
from domain.criteria.fields import utc_text
from domain.criteria.reading import fields_read
from domain.process import Milestone
from domain.timeline.book import Book
from domain.timeline.effects import NoteKind
from domain.timeline.plan import STAYS_SMALL, Plan
from domain.timeline.state import Verdict

OPENED_AT = "opened_at"

MOST_VERDICTS = 20
"""Of each criterion: the rules look at the newest only, and explanations at those before."""

MOST_WATCHED_LETTERS = 256
"""Of the value of a field of `restart_on` that every instance keeps."""
_BEGINNING = 200


class Sight:
    """The case as the criteria of one round see it.

    Attributes:
        at: the instant.
        fields: of the case, as the round began.
    """

    def __init__(self, book: Book, at: datetime) -> None:
        self.book = book
        self.at = at
        self.fields: dict[str, Any] = {}
        self._seen: Plan | None = None
        self._known: dict[tuple[str, str], bool] = {}
        self.look()

    def look(self) -> None:
        """See the case as it is now, once for all criteria of a round. What did not change keeps its verdicts."""
        state, plan = self.book.state, self.book.plan
        if self._seen is plan and self.fields == state.fields:
            return
        self._seen = plan
        self._known = {}
        self.fields = dict(state.fields)
        self._values: dict[str, dict[str, Any] | None] = {
            "case": {"id": state.case_id, OPENED_AT: utc_text(state.opened_at), **self.fields},
            "entitlement": plan.entitlement,
            "account": plan.account,
        }
        self.scope = Scope.of_plain(self._values)

    def holds(self, milestone: Milestone | None, rule: str, source: str) -> bool:
        """Whether criteria hold. What they come to goes on record when it changes; an error is false."""
        if not source:
            return True
        rules = (milestone.name if milestone else "", rule)
        known = self._known.get(rules)
        if known is None:
            known = self._known[rules] = self._judged(milestone, rule, source)
        return known

    def _judged(self, milestone: Milestone | None, rule: str, source: str) -> bool:
        holds, error = self.scope.evaluate(source)
        verdicts = self.book.state.verdicts
        name = f"{milestone.name}: {rule}" if milestone else rule
        history = verdicts.get(name, ())
        last = history[-1] if history else None
        if last is None or (last.holds, last.error) != (holds, error):
            verdicts[name] = (*history[1 - MOST_VERDICTS :], Verdict(at=self.at, holds=holds, error=error))
            if error is not None and (last is None or last.error is None):
                said = f"{rule} of {milestone.name}" if milestone else rule
                self.book.note(NoteKind.CRITERIA_FAILED, self.at, f"{said} counts as false: {error}")
        return holds

    def in_words(self, source: str) -> str:
        """The fields that a criterion reads, each with its value as it is now; empty if it reads none."""
        return ", ".join(f"{root}.{field} {self._said(root, field)}" for root, field in fields_read(source))

    def _said(self, root: str, field: str) -> str:
        values = self._values[root]
        if values is None:
            return f"is not set, since there is no {root}"
        if field not in values:
            return "is not set"
        value = values[field]
        return f"is {quoted(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"

    def instant(self, field: str) -> datetime | None:
        """The instant that a date-time field of the case names."""
        value = self.book.state.fields.get(field)
        return datetime.fromisoformat(value).replace(microsecond=0) if isinstance(value, str) and value else None

    def watched(self, milestone: Milestone) -> dict[str, Any]:
        """The fields that restart a milestone, by their names; those that are empty are left out."""
        values = {name: self.fields.get(name) for name in milestone.restart_on}
        return {name: self.kept(value) for name, value in values.items() if value not in (None, "", [])}

    def kept(self, value: Any) -> Any:
        """What an instance keeps of the value of a field; of what was kept before it is the same."""
        return small(value) if self.book.plan.rules >= STAYS_SMALL else value

    def is_complete(self, milestone: Milestone) -> bool:
        """Whether the completion rule of a milestone holds."""
        return bool(milestone.complete_when) and self.holds(milestone, "complete_when", milestone.complete_when)

    def is_wanted(self, milestone: Milestone, *, is_kept: bool = False) -> bool:
        """Whether a milestone's criteria hold and, of a deadline, its field names one.

        Args:
            milestone: as the process declares it.
            is_kept: of an open instance that a migration kept: it started already, and needs no deadline.
        """
        if milestone.by is not None and self.instant(milestone.by) is None and not is_kept:
            return False
        return self.holds(milestone, "when", milestone.when)


def small(value: Any) -> Any:
    """A value, or the beginning of its text and a digest, where that is long: of two values it differs if they do."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, list | dict) else value
    if not isinstance(text, str) or len(text) <= MOST_WATCHED_LETTERS:
        return value
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return f"{text[:_BEGINNING]}… ({digest})"
