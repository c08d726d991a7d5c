"""What reports have to say of one case: worked out from the slow timeline, and from the events of the feed alone.

Nothing here knows the tables that reports are made from, or the code that counts them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.feed.envelope import FeedEvent
from domain.reports.grouping import text_of
from tests.models.both_timelines import Opening, SlowTimeline
from tests.reported import Said


def worked_out(
    opening: Opening, slow: SlowTimeline, events: Iterable[FeedEvent], now: datetime, fields: Sequence[str]
) -> Said:
    """What the slow timeline says of a case; who held it when, the changes that the feed tells of.

    Args:
        opening: of the case.
        slow: the case.
        events: of the case.
        now: the instant.
        fields: among whose values its time is divided.
    """
    model: Any = slow.model
    promised = [one for one in model.instances if is_promise(opening, model, one)]
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    responses: dict[str, list[int]] = defaultdict(list)
    overruns: dict[str, list[int]] = defaultdict(list)
    for instance in promised:
        seen = model._look_at(instance, now)
        name = seen["milestone"]
        seen["violated"] &= not _ended_unseen(instance)
        outcomes[name][_outcome(seen)] += 1
        if seen["completed_at"] is not None:
            responses[name].append(seen["actual"])
        if seen["violated"]:
            overruns[name].append(_overrun(model, instance, seen, now))
    paused: Counter[str] = Counter()
    for instance in model.instances:
        paused[instance.milestone.name] += _rested(model, instance, *_life(instance, now))
    changes = [event for event in events if event.type == "milepost.case.fields_changed.v1"]
    return Said(
        outcomes={name: dict(counts) for name, counts in outcomes.items()},
        responses={name: (len(some), _mean(some)) for name, some in responses.items()},
        overruns={name: _mean(some) for name, some in overruns.items()},
        paused={name: seconds for name, seconds in paused.items() if seconds},
        held={name: _held(model, promised, list(_points(opening, changes, name)), now) for name in fields},
    )


def is_promise(opening: Opening, model: Any, instance: Any) -> bool:
    """Whether the target of a slow instance is or was a promise: that is decided when it passes.

    What a migration completes or removes is judged as before: its new span has not been taken over by then.
    """
    passed = instance.standing_record()
    if passed is not None:
        return bool(passed.promised)
    waits = not instance.is_open and any(one is instance for one in model.taking_over)
    before = opening.process.milestone(instance.milestone.name) if waits else None
    return bool((before or instance.milestone).promise)


def _ended_unseen(instance: Any) -> bool:
    """Whether it ended without a completion and without a record, as before its start: then nothing was violated."""
    return not instance.is_open and instance.completed_at is None and instance.standing_record() is None


def _outcome(seen: Mapping[str, Any]) -> str:
    late = bool(seen["violated"])
    if seen["state"] == "completed":
        return "met_late" if late else "met"
    if seen["handed_over"]:
        return "handed_over_late" if late else "handed_over"
    if late:
        return "violated"
    return "removed" if seen["state"] == "removed" else "open"


def _overrun(model: Any, instance: Any, seen: Mapping[str, Any], now: datetime) -> int:
    end = seen["completed_at"] or model._effective_now(instance, now)
    return max(int(instance.term(instance.ended_at).calendar.elapsed(seen["target"], end)), 0)


def _life(instance: Any, now: datetime) -> tuple[datetime, datetime]:
    start = instance.term(instance.ended_at).start
    return start, instance.ended_at or max(now, start)


def _rested(model: Any, instance: Any, begin: datetime, end: datetime) -> int:
    term = instance.term(instance.completed_at)
    return int(sum(model._open_seconds(term, a, b) for a, b in model._paused_times(instance, begin, end)))


def _mean(some: Sequence[int]) -> float:
    return round(sum(some) / len(some), 1)


def _points(opening: Opening, changes: Iterable[FeedEvent], field: str) -> Iterator[tuple[datetime, str]]:
    """Since when a field had each of its values."""
    yield opening.at, text_of(opening.fields.get(field))
    for event in changes:
        if field in event.data["fields"]:
            yield event.time, text_of(event.data["fields"][field])


def _held(
    model: Any, promised: Iterable[Any], points: Sequence[tuple[datetime, str]], now: datetime
) -> dict[tuple[str, str], int]:
    """For how many open seconds each value held instances of each milestone."""
    held: Counter[tuple[str, str]] = Counter()
    for instance in promised:
        start, end = _life(instance, now)
        term = instance.term(instance.completed_at)
        for place, (since, value) in enumerate(points):
            until = points[place + 1][0] if place + 1 < len(points) else end
            a, b = (start if place == 0 else max(since, start)), min(until, end)
            if a < b:
                rested = _rested(model, instance, a, b)
                held[instance.milestone.name, value] += model._open_seconds(term, a, b) - rested
    return {key: seconds for key, seconds in held.items() if seconds}


def told_outcomes(opening: Opening, events: Iterable[FeedEvent], slow: SlowTimeline) -> dict[str, dict[str, int]]:
    """What the events of a case come to, one after the other.

    Args:
        opening: of the case.
        events: of the case.
        slow: the case, which says what of it is or was a promise.
    """
    ends: dict[tuple[str, int], str] = {}
    violations: Counter[tuple[str, int]] = Counter()
    for event in events:
        kind = event.type.removeprefix("milepost.case.").removesuffix(".v1")
        key = (event.data.get("milestone", ""), event.data.get("occurrence", 0))
        match kind:
            case "milestone.started" | "milestone.scheduled":
                ends.setdefault(key, "open")
            case "milestone.cleared" | "milestone.returned":
                ends[key] = "open"
            case "milestone.completed":
                ends[key] = "completed"
            case "milestone.removed":
                ends[key] = "handed over" if event.data.get("why") == "handed over" else "removed"
            case "milestone.violated":
                violations[key] += 1
            case "milestone.corrected":
                violations[key] -= 1
    model: Any = slow.model
    promises = {(one.milestone.name, one.occurrence): is_promise(opening, model, one) for one in model.instances}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for key, end in ends.items():
        ended = {"completed": ("met", "met_late"), "handed over": ("handed_over", "handed_over_late")}
        in_time, too_late = ended.get(end, (end, "violated"))
        if promises[key]:
            found[key[0]][too_late if violations[key] > 0 else in_time] += 1
    return {name: dict(counts) for name, counts in found.items()}
