"""What reports have to say of one case: worked out from the slow timeline, and from the events of the feed alone.

Nothing here knows the tables that reports are made from, or the code that counts them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, NamedTuple

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
    margins: dict[str, list[int]] = defaultdict(list)
    overruns: dict[str, list[int]] = defaultdict(list)
    for instance in promised:
        seen = model._look_at(instance, now)
        name = seen["milestone"]
        seen["violated"] &= not _ended_unseen(instance)
        outcomes[name][_outcome(seen)] += 1
        if seen["completed_at"] is not None:
            responses[name].append(seen["actual"])
        if _outcome(seen) == "met":
            calendar = instance.term(instance.completed_at).calendar
            margins[name].append(int(calendar.elapsed(seen["completed_at"], seen["target"])))
        if seen["violated"]:
            overruns[name].append(_overrun(model, instance, seen, now))
    told = list(events)
    pauses = [pause for instance in model.instances for pause in _pauses(model, instance, now)]
    changes = [event for event in told if event.type == "milepost.case.fields_changed.v1"]
    return Said(
        outcomes={name: dict(counts) for name, counts in outcomes.items()},
        responses={name: (len(some), *_lie(some, 90)) for name, some in responses.items()},
        margins={name: (len(some), *_lie(some, 10, 90), *_room(some)) for name, some in margins.items()},
        overruns={name: _lie(some, 90) for name, some in overruns.items()},
        pauses=_by_cause(pauses),
        stopped=_by_person(pauses, told),
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


def _lie(some: Sequence[int], *per_cent: int) -> tuple[float, ...]:
    """The mean, the median, and of each of these per cent the least value that so many of all are not above."""
    ordered, many = sorted(some), len(some)
    middle = (ordered[(many - 1) // 2] + ordered[many // 2]) / 2
    nth = (next(v for place, v in enumerate(ordered, 1) if 100 * place >= share * many) for share in per_cent)
    return (round(sum(some) / many, 1), middle, *nth)


def _room(margins: Sequence[int]) -> tuple[int, int]:
    """How many had two hours or more to go, and how many less than one."""
    return sum(margin >= 2 * 3600 for margin in margins), sum(margin < 3600 for margin in margins)


class _Pause(NamedTuple):
    """A pause of an instance, up to now.

    Attributes:
        left: open seconds to the target as it stood when it began.
    """

    milestone: str
    causes: tuple[str, ...]
    begins: datetime
    seconds: int
    left: int
    is_after: bool


def _pauses(model: Any, instance: Any, now: datetime) -> Iterator[_Pause]:
    """The pauses of an instance that count: from its start on, up to its end; one that goes on has begun, too."""
    start, end = _life(instance, now)
    term = instance.term(instance.completed_at)
    times = list(model._paused_times(instance, start, end))
    since = model._open_pause(instance) if instance.is_open else None
    if since is not None and since >= now:
        times.append((since, since))
    for begins, ends in times:
        then = copy(instance)
        then.completed_at, then.removed_at, then.exited_at = begins, None, None  # by what is known by then
        target = model._target(then)
        yield _Pause(
            milestone=instance.milestone.name,
            causes=_causes(model, instance, begins),
            begins=begins,
            seconds=int(model._open_seconds(term, begins, ends)),
            left=int(instance.term(instance.ended_at).calendar.elapsed(begins, target)),
            is_after=begins > target,
        )


def _causes(model: Any, instance: Any, begins: datetime) -> tuple[str, ...]:
    """What paused an instance, in the order in which it came; what was there before it in an order of its own.

    All that came while its clock stood: that goes on beyond the end of the instance, which may come back.
    """
    known = [pause.to_at for pause in model._pauses(instance) if pause.from_at <= begins]
    ends = known[-1] or datetime.max.replace(tzinfo=begins.tzinfo)
    waits = [] if model._waits_as_scheduled(instance) else model.waits
    kinds = {
        "case stopped": model.stops,
        "outside the process": model.outside,
        "entry ahead": waits,
        "milestone stopped": instance.stops,
        "pause_when": instance.ruled,
        "completed": instance.undone,
    }
    every = [one for stretches in kinds.values() for one in stretches]

    def counts(one: Any) -> bool:
        """Whether it lasted beyond the beginning, or came and went in that very instant while another stood."""
        if one.to_at is None or one.to_at > begins:
            return bool(one.from_at <= ends)
        stood = (s for s in every if s.from_no < one.from_no and (s.to_no is None or s.to_no > one.from_no))
        return bool(one.from_at == begins) and any(stood)

    found: list[tuple[Any, str]] = []
    for rank, (cause, stretches) in enumerate(kinds.items()):
        for one in stretches:
            if counts(one):
                early = one.from_at < begins
                found.append(((begins, 0, rank) if early else (one.from_at, one.from_no, rank), cause))
    return tuple(dict.fromkeys(cause for _, cause in sorted(found)))


def _by_cause(pauses: Iterable[_Pause]) -> dict[tuple[str, str], tuple[int, ...]]:
    """How many, for how long, and how many began in the quarter of an hour before their target, and after it."""
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    for one in pauses:
        key = one.milestone, " + ".join(one.causes)
        close = not one.is_after and one.left <= 15 * 60
        figures = zip(found.get(key, (0, 0, 0, 0)), (1, one.seconds, close, one.is_after), strict=True)
        found[key] = tuple(a + b for a, b in figures)
    return found


def _by_person(pauses: Iterable[_Pause], events: Iterable[FeedEvent]) -> dict[tuple[str, str], int]:
    """Of pauses that began because the case was stopped: by whom, which is who stopped it then, or last before."""
    stops = [event for event in events if event.type == "milepost.case.clock_stopped.v1"]
    stops = [event for event in stops if event.data.get("milestone") is None]
    found: Counter[tuple[str, str]] = Counter()
    for one in pauses:
        if one.causes[0] == "case stopped":
            *_, last = (event for event in stops if event.time <= one.begins)
            found[one.milestone, last.data.get("by") or "none"] += 1
    return dict(found)


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
