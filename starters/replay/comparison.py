"""Whether a case that walked through its workflow ended as the pure timeline says, instance by instance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from domain.timeline.effects import Effect
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.views import CaseView, MilestoneView
from starters.backtest.pure_run import Walked, walk
from starters.replay.running import Replayed


@dataclass(frozen=True, slots=True)
class Compared:
    """A case of both runs.

    Attributes:
        pure: how the pure run ended.
        differences: one line each; none if the two are equal.
    """

    durable: CaseView
    pure: Walked
    differences: tuple[str, ...]


def compare(replayed: Iterable[Replayed], plan: Plan, done: Mapping[str, AbstractSet[str]]) -> list[Compared]:
    """Run the cases again through the pure timeline and hold the two beside each other.

    Args:
        replayed: the durable run.
        plan: by which the pure run goes.
        done: the keys of the actions that were carried out, by case.
    """
    return [_compared(one, plan, done.get(one.case.case_id, frozenset())) for one in replayed]


def _compared(replayed: Replayed, plan: Plan, done: AbstractSet[str]) -> Compared:
    pure = pure_run(replayed, plan)
    case_id = replayed.case.case_id
    found = [*view_differences(replayed.view, pure.view), *_action_differences(pure, done)]
    return Compared(replayed.view, pure, tuple(f"{case_id}: {text}" for text in found))


def pure_run(replayed: Replayed, plan: Plan) -> Walked:
    """The pure run of a case, as far as the durable one went, looked at as of the same instant."""
    case, now = replayed.case, replayed.view.now
    if replayed.view.closed_at is not None:
        return walk(case, plan)
    timeline = Timeline.enter(plan, Case(case_id=case.case_id, fields=case.intake.fields), case.opened_at)
    effects: list[Effect] = []
    for event in case.events:
        effects += timeline.apply(event)
    effects += timeline.advance(max(replayed.until, now))
    return Walked(view=timeline.view(now), effects=tuple(effects), kept=case.kept)


def view_differences(durable: CaseView, pure: CaseView) -> list[str]:
    """What differs between two views of a case, of each milestone by its newest instances.

    When something was noticed is the engine's own business, and so is the instant at which a closed case was looked at.
    """
    durable, pure = durable.newest(), pure.newest()  # one of them may have folded the others
    left, right = _facts(durable), _facts(pure)
    found = [
        f"{name} is {left.get(name)!r} here and {right.get(name)!r} in the pure run"
        for name in {**left, **right}
        if left.get(name) != right.get(name)
    ]
    ours, theirs = ({(m.milestone, m.occurrence): m for m in view.milestones} for view in (durable, pure))
    for key in {**ours, **theirs}:
        name = f"{key[0]} ({key[1]})"
        if key not in ours or key not in theirs:
            found.append(f"{name} is only in the {'durable' if key in ours else 'pure'} run")
            continue
        left, right = _instance_facts(ours[key]), _instance_facts(theirs[key])
        found += [f"{name}: {k} is {left[k]} here and {right[k]} in the pure run" for k in left if left[k] != right[k]]
    return found


def _facts(view: CaseView) -> dict[str, object]:
    who = {"account", "entitlement"}  # of whom the timeline knows nothing
    return view.model_dump(mode="json", exclude={"now", "milestones", "next_due", "next_summary", *who})


def _instance_facts(milestone: MilestoneView) -> dict[str, object]:
    noticed = {"violations": {"__all__": {"noticed_at"}}}
    return milestone.model_dump(mode="json", exclude=noticed)


def _action_differences(pure: Walked, done: AbstractSet[str]) -> list[str]:
    wanted = {call.key for fired in pure.fired for call in fired.calls}
    return [
        *(f"action {key} was not carried out" for key in sorted(wanted - done)),
        *(f"action {key} is not in the pure run" for key in sorted(done - wanted)),
    ]
