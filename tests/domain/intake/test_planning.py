"""What follows from a delivery for its case: what is news, in which order, and what is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.intake.news import News, Place, Unreadable
from domain.intake.planning import Known, Steps, check_opening, intake_of, steps
from domain.timeline.instances import InstanceState
from domain.timeline.views import CaseView, MilestoneStatus, MilestoneView

LISTED = {"priority": ["Low", "High"], "tags": ["vip"]}
NINE = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    """So many hours after nine."""
    return NINE + hours * HOUR


def told(when: float = 1, **said: Any) -> News:
    place = Place(case_id="c", external_id="c", occurred_at=at(when))
    return News(place=place, **{"opened_at": NINE, **said})


def milestone(name: str = "Answer", *, target: float = 4, **also: Any) -> MilestoneView:
    return MilestoneView.model_validate(
        {
            "milestone": name,
            "occurrence": 1,
            "process": "gold",
            "state": InstanceState.RUNNING,
            "span": "4h",
            "business_hours": "24x7",
            "start_at": NINE,
            "target_at": at(target),
            "completed_at": None,
            "completed_by": None,
            "removed_at": None,
            "exited_at": None,
            "violated": False,
            "violations": [],
            "elapsed_seconds": 0,
            "paused_seconds": 0,
            "actual_seconds": 0,
            "remaining_seconds": 0,
            "pauses": [],
            "fired": [],
            **also,
        }
    )


def case(*milestones: MilestoneView, **also: Any) -> CaseView:
    return CaseView.model_validate(
        {
            "case_id": "c",
            "now": at(9),
            "opened_at": NINE,
            "closed_at": None,
            "process": "gold",
            "process_version": 1,
            "entered_at": NINE,
            "exited_at": None,
            "stopped": False,
            "status": MilestoneStatus.COMPLIANT,
            "fields": {"status": "new"},
            "milestones": milestones,
            **also,
        }
    )


def follows(news: News, known: Known, view: CaseView) -> Steps:
    return steps(news, known, view, LISTED)


def asked(found: Steps) -> list[str]:
    return [ask.verb for ask in found.asks]


def test_requests_come_in_their_order() -> None:
    """Fields first, so that rules see them; what was reached before the case is closed."""
    news = told(fields={"status": "done"}, completes=["Answer"], resumes=True, closes=True)
    found = follows(news, Known(), case(milestone(), stopped=True))
    assert asked(found) == ["change_fields", "complete_milestone", "resume_clock", "close"]
    assert {ask.occurred_at for ask in found.asks} == {at(1)}
    assert found.left_out == []


def test_what_stands_so_already_is_not_asked() -> None:
    """No field that has its value, no clock that stands as it is."""
    assert asked(follows(told(fields={"status": "new"}, resumes=True), Known(), case())) == []
    assert asked(follows(told(stops=True), Known(), case(stopped=True))) == []
    assert asked(follows(told(fields={"status": "x"}, changes=False), Known(), case())) == []


def test_an_older_value_changes_nothing_field_by_field() -> None:
    """Whichever source said the newer one; of one instant the later to come counts."""
    known = Known(fields={"status": at(2), "priority": at(1)})
    found = follows(told(1, fields={"status": "old", "priority": "High"}), known, case())
    assert [ask.fields for ask in found.asks] == [{"priority": "High"}]
    assert found.left_out == ["something newer is known of status"]


def test_an_older_stop_does_not_stop_a_case_that_went_on_since() -> None:
    """Nor does an older resume let one go on that was stopped since."""
    known = Known(clock=at(2))
    assert asked(follows(told(1, stops=True), known, case())) == []
    assert asked(follows(told(1, resumes=True), known, case(stopped=True))) == []
    assert asked(follows(told(3, stops=True), known, case())) == ["stop_clock"]


def test_a_closed_case_is_asked_nothing_but_to_be_reopened() -> None:
    """With the fields that it has then; an older reopening does nothing."""
    closed = case(closed_at=at(2), fields={"status": "done"})
    kept = follows(told(3, fields={"status": "x"}, completes=["Answer"], closes=True), Known(), closed)
    assert asked(kept) == []
    assert "the case is closed" in kept.left_out[-1]
    again = follows(told(3, fields={"status": "new"}, reopens=True, stops=True), Known(state=at(2)), closed)
    assert [(ask.verb, ask.fields) for ask in again.asks] == [("reopen", {"status": "new"}), ("stop_clock", None)]
    assert asked(follows(told(1, reopens=True), Known(state=at(2)), closed)) == []
    assert asked(follows(told(1, closes=True), Known(state=at(2)), case())) == []


def test_a_milestone_is_completed_once() -> None:
    """A state that goes on saying so is no news; a milestone that there is not is left out."""
    done = milestone(state=InstanceState.COMPLETED, completed_at=at(1), completed_by="intake/desk")
    assert follows(told(2, completes=["Answer"]), Known(), case(done)) == Steps()
    gone = follows(told(2, completes=["Other"]), Known(), case(done))
    assert gone.left_out == ["Other: the case has no such milestone now"]
    removed = milestone(state=InstanceState.REMOVED, removed_at=at(1))
    assert follows(told(2, completes=["Answer"]), Known(), case(removed)).left_out == [
        "Answer: it is not open any more"
    ]


def test_of_several_occurrences_the_last_is_completed() -> None:
    """As a milestone that comes again wants it."""
    first = milestone(state=InstanceState.COMPLETED, completed_at=at(1))
    found = follows(told(2, completes=["Answer"]), Known(), case(milestone(occurrence=2), first))
    assert asked(found) == ["complete_milestone"]


def test_a_milestone_that_only_seemed_missed_is_set_right() -> None:
    """The earlier answer is heard of after a later one: the verdict is that of the earlier."""
    missed: dict[str, Any] = {"state": InstanceState.COMPLETED, "completed_at": at(5), "violated": True}
    found = follows(told(3, completes=["Answer"]), Known(), case(milestone(completed_by="intake/desk", **missed)))
    assert asked(found) == ["clear_completion", "complete_milestone"]
    by_hand = follows(told(3, completes=["Answer"]), Known(), case(milestone(completed_by="ann", **missed)))
    late = follows(told(4.5, completes=["Answer"]), Known(), case(milestone(completed_by="intake/desk", **missed)))
    assert asked(by_hand) == asked(late) == []
    assert "it is completed, since" in late.left_out[0]


def test_what_happened_before_the_opening_counts_at_it() -> None:
    """Another source may say that a case is older than it is."""
    found = follows(told(-1, fields={"status": "x"}), Known(), case())
    assert [ask.occurred_at for ask in found.asks] == [NINE]
    assert "before the case was opened" in found.left_out[0]


def test_what_is_known_grows_and_never_goes_back() -> None:
    """Field by field; a state only where a delivery says one."""
    known = Known().after(told(2, fields={"status": "x"}, stops=True, closes=True), opened=True)
    assert known == Known(fields={"status": at(2)}, clock=at(2), state=at(2))
    older = known.after(told(1, fields={"status": "y", "priority": "z"}, resumes=True, reopens=True), opened=False)
    assert older == Known(fields={"status": at(2), "priority": at(1)}, clock=at(2), state=at(2))
    assert known.after(told(3), opened=False) == known


def test_a_delivery_that_changes_no_field_makes_none_of_them_known() -> None:
    """Unless the case was opened with them: an older delivery that changes one is still news."""
    silent = told(2, fields={"status": "x"}, changes=False)
    assert Known().after(silent, opened=False) == Known()
    assert Known().after(silent, opened=True) == Known(fields={"status": at(2)})


def test_a_case_is_opened_as_its_ticket_was() -> None:
    """By the state that every ticket begins with, whichever delivery comes first."""
    news = told(3, fields={"status": "waiting", "priority": "High"}, initially={"status": "new"}, opened_at=NINE)
    intake = intake_of(news.model_copy(update={"references": {"account": "acme"}}), "intake/desk")
    assert (intake.opened_at, intake.account, intake.by) == (NINE, "acme", "intake/desk")
    assert intake.fields == {"status": "new", "priority": "High"}
    then = follows(news, Known(), case(fields=intake.fields))
    assert [(ask.fields, ask.occurred_at) for ask in then.asks] == [({"status": "waiting"}, at(3))]


URGENT = {"priority": "Urgent", "tags": ["old", "vip"]}
"""Values that a case may have from before they were dropped from their lists."""


@pytest.mark.parametrize("closed_at", [None, at(0.5)])
def test_what_a_case_has_it_may_be_told_again(closed_at: datetime | None) -> None:
    """Though its list has it no longer: a ticket names all its fields every time. So where the case is reopened."""
    standing = case(fields=URGENT, closed_at=closed_at)
    news = told(fields={**URGENT, "status": "x", "tags": ["old"]}, reopens=closed_at is not None)
    (ask,) = follows(news, Known(), standing).asks
    assert ask.fields == {"status": "x", "tags": ["old"]}


@pytest.mark.parametrize("closed_at", [None, at(0.5)])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"priority": "high"}, "fields: case.priority: 'high' is none of its values; did you mean 'High'?"),
        ({"priority": "Urgent"}, "fields: case.priority: 'Urgent' is none of its values; there are High, Low"),
        ({"tags": ["vip", "old"]}, "fields: case.tags: 'old' is none of its values; there are vip"),
    ],
)
def test_a_case_changes_to_no_value_that_is_not_listed(
    closed_at: datetime | None, fields: dict[str, Any], said: str
) -> None:
    """Nor to one that was dropped, which it has not."""
    standing = case(fields={"priority": "Low", "tags": ["vip"]}, closed_at=closed_at)
    with pytest.raises(Unreadable) as refused:
        follows(told(fields=fields, reopens=True), Known(), standing)
    assert str(refused.value) == said


def test_what_a_case_is_not_told_is_not_judged() -> None:
    """What is older than what is known, what changes nothing, and how the ticket was when its case was opened."""
    known = Known(fields={"priority": at(2)})
    assert asked(follows(told(1, fields={"priority": "Urgent"}), known, case())) == []
    assert asked(follows(told(fields={"priority": "Urgent"}, changes=False), Known(), case())) == []
    assert asked(follows(told(initially={"priority": "Urgent"}, fields={"priority": "High"}), Known(), case())) == [
        "change_fields"
    ]


def test_no_case_is_opened_with_a_value_that_is_not_listed() -> None:
    """Neither with one of now nor with one of the opening, though that is another by now."""
    check_opening(told(fields={"priority": "High", "status": "x"}, initially={"priority": "Low"}), LISTED)
    with pytest.raises(Unreadable, match=r"^fields: case\.priority: 'Urgent' is none of its values"):
        check_opening(told(fields={"priority": "Urgent"}, initially={"priority": "Low"}), LISTED)
    with pytest.raises(Unreadable, match=r"^initially: case\.priority: 'Urgent' is none of its values"):
        check_opening(told(fields={"priority": "Low"}, initially={"priority": "Urgent"}), LISTED)
