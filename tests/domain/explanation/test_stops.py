"""What an explanation says of a milestone that was stopped alone: who did it, and why."""

from __future__ import annotations

import re

from domain.explanation import explain
from domain.explanation.parts import Explanation
from domain.explanation.stops import names_a_stop, with_stops
from domain.explanation.text import explanation_text
from domain.timeline.effects import Noted
from tests.domain.timeline.bench import Bench, ny


def explained(bench: Bench, when: str) -> Explanation:
    """As of an instant, with what the notes of the case tell."""
    timeline = bench.to(when).timeline
    notes = [effect for effect in bench.effects if isinstance(effect, Noted)]
    return with_stops(explain(timeline.plan, timeline.state, ny(when)), notes)


def clauses(explanation: Explanation) -> list[str]:
    """What its sentences say of stops."""
    text = " ".join(explanation_text(explanation).split())
    return re.findall(r"The clock of [^.]* was stopped[^.]*\.", text)


def test_a_milestone_that_is_stopped_says_by_whom_and_why() -> None:
    """From the very instant of the stop, and after it goes on."""
    bench = Bench({"within": "4h"}).stop("Mon 10:00", "M", by="ann", reason="waits for a part")
    said = ['The clock of this milestone was stopped by ann, "waits for a part".']
    stands = explained(bench, "Mon 10:00")
    assert (names_a_stop(stands), clauses(stands)) == (True, said)
    bench.resume("Mon 11:00", "M", by="bob", reason="it is here")
    assert clauses(explained(bench, "Mon 12:00")) == said


def test_each_stop_of_a_milestone_is_its_own() -> None:
    """Another milestone's stop, and one of the case, are told of these alone."""
    bench = Bench({"within": "4h"}, {"name": "N", "within": "4h"})
    bench.stop("Mon 10:00", "M", by="ann", reason="one").resume("Mon 10:30", "M")
    bench.stop("Mon 11:00", "N", by="bob").resume("Mon 11:30", "N")
    bench.stop("Mon 12:00", by="cid", reason="all of it").stop("Mon 12:30", "M", by="dan", reason="two")
    both = (
        'The clock of the case was stopped by cid, "all of it"; the clock of this milestone was stopped by dan, "two".'
    )
    assert clauses(explained(bench, "Mon 13:00")) == [
        'The clock of this milestone was stopped by ann, "one".',
        both,
        "The clock of this milestone was stopped by bob.",
        'The clock of the case was stopped by cid, "all of it".',
    ]


def test_several_stops_in_one_pause_are_all_told() -> None:
    """Where the case stood all the while."""
    bench = Bench({"within": "4h"}).stop("Mon 10:00").stop("Mon 10:10", "M", by="ann").resume("Mon 10:20", "M")
    bench.stop("Mon 10:30", "M", by="bob")
    (part,) = explained(bench, "Mon 11:00").instances
    assert [(cause.kind, cause.by) for cause in part.pauses[0].causes] == [
        ("case stopped", None),
        ("milestone stopped", "ann"),
        ("milestone stopped", "bob"),
    ]


def test_what_no_note_tells_is_left_as_it_is() -> None:
    """A store that has no record of it yet; and an explanation without such a pause asks for none."""
    bench = Bench({"within": "4h"}).stop("Mon 10:00", "M", by="ann")
    explanation = explain(bench.timeline.plan, bench.timeline.state, ny("Mon 11:00"))
    assert clauses(with_stops(explanation, [])) == ["The clock of this milestone was stopped."]
    runs = Bench({"within": "4h"}).timeline
    assert not names_a_stop(explain(runs.plan, runs.state, ny("Mon 11:00")))
