"""The events of cases: every note is one, with what a receiver needs, within its bounds."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar import ALWAYS
from domain.criteria.fields import FieldType
from domain.errors import Refused
from domain.feed.case_data import NOTES
from domain.feed.cases import case_events
from domain.feed.envelope import Draft
from domain.feed.fitting import MOST_DATA_BYTES
from domain.feed.reference import page, schema_files
from domain.feed.registry import chosen_types, event_types, schema_of
from domain.messages.case_state import ActionOutcome
from domain.process import EntitlementProcess
from domain.timeline import events as asked
from domain.timeline.effects import Effect, Noted, NoteKind, TriggerFired
from domain.timeline.plan import Plan
from tests.feeds import T0, Recorded, at

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
PROCESS = EntitlementProcess.model_validate(
    {
        "name": "Gold",
        "milestones": [
            {
                "name": "First response",
                "within": "4h",
                "pause_when": 'case.state == "waiting"',
                "triggers": [
                    {"kind": "warning", "at": "75%", "actions": [{"do": "task", "subject": "call"}]},
                    {"kind": "violation", "actions": [{"do": "field_update", "field": "state", "value": "late"}]},
                ],
            },
            {"name": "Update", "within": "1h", "recurrence": "independent", "starts": "criteria"},
        ],
    }
)
PLAN = Plan(
    process=PROCESS,
    business_hours=ALWAYS.name,
    calendars={ALWAYS.name: ALWAYS.freeze(T0, T0 + timedelta(days=400))},
    fields={"state": FieldType.STRING, "description": FieldType.STRING},
)


def said(event_type: type[Any], number: int, minutes: int, **facts: Any) -> Any:
    return event_type(event_id=f"e-{number}", occurred_at=at(minutes), by="ann", **facts)


def requests(number: int, minutes: int) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["First response", "Update"])
    return st.one_of(
        st.builds(lambda name: said(asked.MilestoneCompleted, number, minutes, milestone=name), names),
        st.builds(lambda name: said(asked.CompletionCleared, number, minutes, milestone=name), names),
        st.builds(lambda name: said(asked.MilestoneExtended, number, minutes, milestone=name, open_seconds=600), names),
        st.builds(
            lambda state: said(asked.FieldsChanged, number, minutes, fields={"state": state}),
            st.sampled_from(["waiting", "open"]),
        ),
        st.builds(lambda: said(asked.ClockStopped, number, minutes)),
        st.builds(lambda: said(asked.ClockResumed, number, minutes)),
        st.builds(lambda: said(asked.CaseClosed, number, minutes)),
        st.builds(lambda: said(asked.CaseReopened, number, minutes)),
    )


@st.composite
def lives(draw: st.DrawFn) -> list[Any]:
    """What a case is asked, each some time after the one before."""
    minutes, life = 0, list[Any]()
    for number in range(draw(st.integers(1, 12))):
        minutes += draw(st.integers(0, 90))
        life.append(draw(requests(number, minutes)))
    return life


def lived(life: list[Any]) -> tuple[list[Effect], list[Draft]]:
    """All effects of a case, and the events that its records have."""
    case = Recorded("c-1", plan=PLAN)
    effects, drafts = list[Effect](), list[Draft]()
    for request in life:
        try:
            step = case.timeline.apply(request)
        except Refused as refused:
            step = case.timeline.remark(NoteKind.REFUSED, request.occurred_at, str(refused))
        effects += step
        drafts += case_events(case.record(step))
    step = case.timeline.advance(at(2000))
    return [*effects, *step], [*drafts, *case_events(case.record(step))]


def told(effect: Effect) -> tuple[Any, ...]:
    """A note or a trigger, as a reader of the notes knows it."""
    if isinstance(effect, TriggerFired):
        return (effect.at, effect.milestone, effect.occurrence, effect.trigger)
    return (effect.at, effect.milestone, effect.occurrence, effect.text, effect.by, effect.reason)


def heard(draft: Draft) -> tuple[Any, ...]:
    """The same as a reader of the feed knows it."""
    data = draft.data
    if "trigger" in data:
        return (draft.time, data["milestone"], data["occurrence"], data["trigger"])
    about = (data.get("milestone"), data.get("occurrence"))
    return (draft.time, *about, data["text"], data.get("by"), data.get("reason"))


@settings(max_examples=60, deadline=None)
@given(lives())
def test_feed_and_notes_are_one_story(life: list[Any]) -> None:
    """Whatever happens to a case: each note and each trigger is one event, in order, and there is no other."""
    effects, drafts = lived(life)
    assert [heard(draft) for draft in drafts] == [told(effect) for effect in effects]
    assert [draft.sequence for draft in drafts] == list(range(1, len(drafts) + 1))
    assert len({draft.id for draft in drafts}) == len(drafts)


@settings(max_examples=30, deadline=None)
@given(lives())
def test_every_event_is_valid_by_its_schema(life: list[Any]) -> None:
    """What is required is there, in plain JSON, under 20 KB."""
    for draft in lived(life)[1]:
        data = event_types()[draft.type].model_validate_json(json.dumps(draft.data))
        assert data.model_dump(mode="json", exclude_none=True) == draft.data
        assert set(schema_of(draft.type)["required"]) <= set(draft.data)


def test_every_kind_of_note_has_a_type() -> None:
    """A note that were no event would be missing in the feed."""
    assert set(NOTES) == set(NoteKind)
    assert len({name for name, _ in NOTES.values()}) == len(NOTES)


def test_an_event_says_what_was_so_at_its_time() -> None:
    """Of a case that is caught up in one step: the start names the target of then, the violation its own."""
    case = Recorded("c-1", plan=PLAN)
    effects = case.timeline.apply(said(asked.ClockStopped, 1, 60))
    effects += case.timeline.apply(said(asked.ClockResumed, 2, 120))
    effects += case.timeline.apply(said(asked.MilestoneExtended, 3, 180, milestone="First response", open_seconds=3600))
    effects += case.timeline.advance(at(400))
    drafts = [draft for draft in case_events(case.record(effects)) if draft.data.get("milestone") == "First response"]
    by_type = {draft.type.removeprefix("milepost.case.milestone.").removesuffix(".v1"): draft for draft in drafts}
    assert by_type["started"].data["target_at"] == "2025-06-09T17:00:00Z"
    assert by_type["resumed"].data["target_at"] == "2025-06-09T18:00:00Z"
    assert by_type["extended"].data["open_seconds"] == 3600
    assert by_type["extended"].data["target_at"] == "2025-06-09T19:00:00Z"
    warned = by_type["warned"]
    assert warned.data["actions"] == [{"key": "c-1/gold/first-response/1/warning-75-percent/1/task", "do": "task"}]
    violated = by_type["violated"]
    assert violated.time == at(360)
    assert violated.data["violated_at"] == "2025-06-09T19:00:00Z"
    assert violated.data["noticed_at"] == "2025-06-09T19:40:00Z"


def test_outcomes_of_actions_are_events() -> None:
    """Done, or dropped with the reason, by the key that its receiver knows."""
    case = Recorded("c-1", plan=PLAN)
    done = ActionOutcome(key="c-1/k/1", do="email", milestone="First response", at=at(5))
    dropped = done.model_copy(update={"key": "c-1/k/2", "dropped": "expired: its milestone was completed"})
    last, other = case_events(case.record(case.timeline.advance(at(1)), [done, dropped]))[:2]
    assert (last.type, last.data["key"]) == ("milepost.case.action.sent.v1", "c-1/k/1")
    assert (other.type, other.data["why"]) == ("milepost.case.action.expired.v1", dropped.dropped)


@pytest.mark.parametrize(
    "fields",
    [
        {"description": "é" * 2000},
        {f"f{number}": "x" * 2000 for number in range(60)},
        {f"f{number}": ["y" * 30] * 1000 for number in range(4)},
        {f"f{number}": number for number in range(5000)},
    ],
    ids=["one long text", "many long texts", "long lists", "many fields"],
)
def test_an_event_is_cut_to_its_bounds(fields: dict[str, Any]) -> None:
    """A text over 2 KB is cut, with its length and digest; whatever a case has, an event stays under 20 KB."""
    case = Recorded("c-1")
    case.timeline.state.fields.update(fields)
    effects = case.timeline.remark(NoteKind.CHANGED, at(1), "changed", fields=fields, before={})
    draft = next(one for one in case_events(case.record(effects)) if one.type.endswith("fields_changed.v1"))
    assert len(json.dumps(draft.data, ensure_ascii=False).encode()) <= MOST_DATA_BYTES
    assert draft.data["cut"]
    for one in draft.data["cut"]:
        whole: Any = {"fields": fields}
        for part in one["path"].split("/")[1:]:
            whole = whole[int(part) if isinstance(whole, list) else part]
        text = whole if isinstance(whole, str) else json.dumps(whole, ensure_ascii=False)
        assert one["size"] == len(text.encode())
        assert one["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_another_attempt_has_the_same_ids() -> None:
    """An event that is noticed at another time is the same; one that says otherwise is another."""

    def ids(noticed: int, by: str) -> list[str]:
        case = Recorded("c-1", plan=PLAN)
        effects = case.timeline.advance(at(noticed))
        effects += case.timeline.remark(NoteKind.REFUSED, at(500), "refused", by)
        return [draft.id for draft in case_events(case.record(effects))]

    assert ids(300, "ann") == ids(400, "ann")
    first, other = ids(300, "ann"), ids(300, "bob")
    assert first[:-1] == other[:-1]
    assert first[-1] != other[-1]


def test_a_note_without_facts_holds_nothing_up() -> None:
    """One that was made before there was a feed becomes an event with what is known."""
    case = Recorded("c-1", plan=PLAN)
    bare = Noted(number=1, at=T0, kind=NoteKind.VIOLATED, text="violated", milestone="First response", occurrence=1)
    (draft,) = case_events(case.record([bare]))
    assert draft.type == "milepost.case.milestone.violated.v1"
    assert "violated_at" not in draft.data


def test_types_are_named_in_short() -> None:
    """By the middle, in full, or by a beginning; what is unknown is told what there is."""
    full = "milepost.case.milestone.violated.v1"
    assert chosen_types(["case.milestone.violated", full]) == [full, full]
    assert chosen_types(["case.action.*"]) == ["milepost.case.action.*"]
    with pytest.raises(Refused, match="did you mean"):
        chosen_types(["case.milestone.violatd"])
    with pytest.raises(Refused, match="no type of event begins with"):
        chosen_types(["nothing.*"])


def test_the_page_has_all_parts_of_what_became_of_an_action() -> None:
    """Of entitlements as of cases; what every event has is said once, above the table."""
    rows = {line.split("`")[1]: line for line in page().splitlines() if line.startswith("| `")}
    for whose in ("case", "entitlement"):
        assert {"`key`", "`error`"} <= set(rows[f"milepost.{whose}.action.failed.v1"].replace(",", "").split())
    assert not any("channel" in row for row in rows.values())


def test_the_reference_is_up_to_date() -> None:
    """The page and the schemas that are shipped are those of the types; ``milepost events --schemas`` writes them."""
    assert (REFERENCE / "events.md").read_text(encoding="utf-8") == page()
    shipped = {file.name: file.read_text(encoding="utf-8") for file in (REFERENCE / "events").iterdir()}
    assert shipped == schema_files()
