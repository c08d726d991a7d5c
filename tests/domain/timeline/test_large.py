"""What keeps a case small, and its answers, whatever it is sent."""

from __future__ import annotations

import pytest
from pydantic_core import to_json

from domain.bounds import MOST_EXTENSIONS, MOST_TEXT_BYTES
from domain.errors import Refused
from domain.timeline.plan import STAYS_SMALL
from domain.timeline.sight import MOST_WATCHED_LETTERS, small
from domain.timeline.views import MOST_SHOWN_BYTES, CaseView
from tests.domain.timeline.bench import Bench

STAYS = [
    {"name": f"Stay {number}", "within": "2h", "starts": "criteria", "restart_on": ["state", "priority"]}
    for number in range(3)
]
CHANGES = 12


def long(number: int, letter: str = "x") -> str:
    """A text as long as that of a field may be; its end alone says which."""
    said = str(number)
    return letter * (MOST_TEXT_BYTES - len(said)) + said


def handed_over(*, rules: int) -> Bench:
    """A case of three milestones, each begun anew by each change of a text that is as long as it may be."""
    bench = Bench(*STAYS, fields={"state": long(0), "priority": long(0, "y")}, rules=rules, hours="X")
    for number in range(1, CHANGES):
        bench.change(f"Mon 09:{number + 10}", state=long(number), priority=long(number, "y"))
    return bench


def test_what_is_watched_of_a_long_text_is_its_beginning_and_a_digest() -> None:
    """It hands over as the whole text does, also where the ends alone differ, and the state stays small."""
    bench = handed_over(rules=STAYS_SMALL)
    runs = bench.runs("Mon 10:00", "Stay 1")
    assert [run.handed_over for run in runs] == [True] * (CHANGES - 1) + [False]
    assert len({run.ran_under["state"] for run in runs}) == CHANGES
    assert all(len(run.ran_under[name]) <= MOST_WATCHED_LETTERS for run in runs for name in ("state", "priority"))
    assert len(bench.timeline.state.model_dump_json()) < 4 * MOST_TEXT_BYTES
    same = bench.through_json().change("Mon 10:00", state=long(CHANGES - 1), count=1)
    assert len(same.runs("Mon 10:00", "Stay 1")) == CHANGES


def test_under_older_rules_the_whole_text_is_kept() -> None:
    """As histories have it."""
    bench = handed_over(rules=STAYS_SMALL - 1)
    assert bench.runs("Mon 10:00", "Stay 1")[0].ran_under["state"] == long(0)


@pytest.mark.parametrize("value", ["High", 5, True, None, ["a", "b"], "x" * MOST_WATCHED_LETTERS])
def test_what_is_short_is_kept_as_it_is(value: object) -> None:
    """Of whatever type."""
    assert small(value) == value


def test_what_was_kept_is_kept_as_it_is() -> None:
    """So that a value and what was kept of it before compare as the same; lists too, by what is in them."""
    tags = [f"tag {number}" for number in range(500)]
    assert small(small(tags)) == small(tags) != small([*tags[:-1], "another"])
    assert len(small(tags)) <= MOST_WATCHED_LETTERS


@pytest.mark.parametrize("rules", [STAYS_SMALL, STAYS_SMALL - 1])
def test_a_milestone_is_extended_a_hundred_times(rules: int) -> None:
    """Of one that is open once more is refused, and says what else there is; a case of before goes on."""
    bench = Bench({"within": "4h"}, rules=rules)
    for _ in range(MOST_EXTENSIONS):
        bench.extend("Mon 10:00", open_seconds=1)
    if rules < STAYS_SMALL:
        bench.extend("Mon 10:00", open_seconds=1)
        return
    assert bench.refused(bench.extend, "Mon 10:00", open_seconds=1) == "too_many_extensions"
    with pytest.raises(Refused, match="M was extended 100 times, and is no more; complete it, or give its process"):
        bench.extend("Mon 10:00", open_seconds=1)


# --- answers ---


def held(view: CaseView, within: int) -> CaseView:
    """What so many bytes hold of a view; nothing of it may be lost."""
    shown = view.within(within)
    assert sum(len(to_json(one)) for one in shown.milestones) <= within
    assert known(shown) == known(view)
    return shown


def known(view: CaseView) -> int:
    """The instances that a view shows, and those of which it says how many they are."""
    return len(view.milestones) + sum(one.occurrences for one in view.more)


def test_an_answer_holds_the_newest_and_says_how_many_the_others_are() -> None:
    """Though whole texts are kept in each: of those that have ended the oldest go first."""
    view = handed_over(rules=STAYS_SMALL - 1).view("Mon 10:00").newest()
    assert len(to_json(view)) > 2 * 10**6
    shown = held(view, MOST_SHOWN_BYTES)
    assert [one.occurrence for one in shown.milestones if one.is_open] == [CHANGES] * 3
    assert min(one.occurrence for one in shown.milestones) > 9
    assert [one.last for one in shown.more] == [10, 10, 9]


def test_of_very_many_open_ones_an_answer_holds_as_many_as_it_can() -> None:
    """There is no answer that the server would not take."""
    view = handed_over(rules=STAYS_SMALL - 1).view("Mon 10:00")
    shown = held(view, 3 * MOST_TEXT_BYTES)
    assert [(one.milestone, one.is_open) for one in shown.milestones] == [("Stay 2", True)]


def test_a_small_case_is_shown_whole() -> None:
    """Nothing is copied, and nothing counted."""
    view = Bench(*STAYS).view("Mon 10:00")
    assert view.within() is view
