"""Random cases: a process, what happens to a case of it, and what the timeline makes of that alone.

They come of the strategies that hold the timeline against its model, drawn with a fixed seed: the same number gives the
same cases. What is longer or shorter by a single second is left to that test: between a server's clock and a message
there are milliseconds, and nothing here may hang on them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from domain.calendar import ALWAYS, BusinessHours, FrozenCalendar
from domain.catalog.declarations import Catalog
from domain.criteria.fields import check_values
from domain.errors import Refused
from domain.messages.cases import CaseIntake
from domain.process import EntitlementProcess, TriggerKind
from domain.timeline.effects import Effect, Noted, NoteKind, TriggerFired
from domain.timeline.events import CaseClosed, CaseReopened, Event, PlanReplaced
from domain.timeline.machine import Case, Timeline
from domain.timeline.plan import Plan
from domain.timeline.views import CaseView
from tests.domain.timeline import test_model_migration as migrations
from tests.domain.timeline.test_model import (
    DAYS,
    FIELDS,
    HOURS,
    Step,
    event_of,
    field_values,
    is_allowed,
    milestones,
    processes,
    steps,
)

SEED = int(os.environ.get("MILEPOST_RANDOM_SEED", "1"))

GRAIN = 20
"""Seconds that everything is apart at least, but for what happens at one instant."""

SHORT_OF_IT = timedelta(seconds=1)
"""How long before its instant a message is sent. Up to 5 s ahead of the case's clock it is taken as it is."""

NEAR = timedelta(seconds=5), timedelta(seconds=60)
"""What is due so shortly before or after a message may come before or after it when a worker is started anew."""

SIGNALS = frozenset({"milestone_completed", "fields_changed", "clock_stopped", "clock_resumed"})
"""The kinds of event that can be told by a signal, which has the event's name. Closing is asked for, here."""

_DRAWN_FOR_EACH = 4

Way = Literal["request", "signal", "twice"]


@dataclass(frozen=True)
class Happening:
    """A message that reaches the case at an instant; `twice`: a request, and a signal of the same id after it."""

    arrives_at: datetime
    event: Event
    way: Way


@dataclass(frozen=True)
class RandomCase:
    """A process of its own, and what happens to the one case of it.

    Attributes:
        version: the next one of its process, to which it is migrated; None: it never is.
    """

    number: int
    process: EntitlementProcess
    version: EntitlementProcess | None
    hours: str
    opened_at: datetime
    fields: dict[str, Any]
    happenings: tuple[Happening, ...]

    def intake(self, case_id: str, entitlement: str) -> CaseIntake:
        """Its intake, under an id, from an entitlement."""
        return CaseIntake(
            case_id=case_id,
            entitlement=entitlement,
            business_hours=self.hours,
            fields=self.fields,
            opened_at=self.opened_at,
            clock=self.opened_at,
        )

    @property
    def plans(self) -> dict[int, Plan]:
        """The plans that it may go over to, by the versions of its process."""
        return {} if self.version is None else {self.version.version: _plan(self.version, self.hours)}


@dataclass
class Purely:
    """What the timeline alone makes of a case.

    Attributes:
        answers: for every happening what came of it: `taken`, `already`, or the code of its refusal; None for a signal,
            which nobody answers.
        unanswered_refusals: how many signals were refused.
        fired: every trigger, in order.
        kinds: of what was noted.
        near: something falls due so near to a message that a restart may turn the two round.
        at_once: something falls due at the very instant of a message, while another of that instant is still to come.
    """

    view: CaseView
    answers: list[str | None] = field(default_factory=list)
    unanswered_refusals: int = 0
    fired: list[TriggerFired] = field(default_factory=list)
    kinds: set[NoteKind] = field(default_factory=set)
    near: bool = False
    at_once: bool = False

    @property
    def richness(self) -> int:
        """How much happened."""
        milestones = self.view.milestones
        paused = sum(bool(m.paused_seconds) for m in milestones)
        violations = sum(len(m.violations) for m in milestones)
        return len(self.fired) + 2 * len(self.keys("field_update")) + violations + 2 * paused + len(milestones)

    def keys(self, do: str) -> list[str]:
        """The keys of all actions of a kind, in order."""
        return [call.key for fired in self.fired for call in fired.calls if call.action.do == do]


# --- drawing ----------------------------------------------------------------------------------------------------------


@st.composite
def _cases(draw: st.DrawFn) -> RandomCase:
    declared = draw(_processes())
    version = draw(st.none() | migrations.versions(declared))
    if version is not None and version.milestones == declared.milestones:
        version = None  # a catalog takes what did not change for the same version
    process, version = _tasked(declared), version and _tasked(version)
    opened_at = DAYS[draw(st.sampled_from(sorted(DAYS)))]
    names = [milestone.name for milestone in process.milestones]
    drawn = draw(st.lists(steps(opened_at, names), min_size=5, max_size=12))
    if version is not None:
        place = draw(st.integers(0, len(drawn) - 1))
        drawn[place] = drawn[place]._replace(kind="migrate", delay=0)
    ways: list[Way] = draw(
        st.lists(st.sampled_from(["request", "request", "signal", "twice"]), min_size=len(drawn), max_size=len(drawn))
    )
    return RandomCase(
        number=0,
        process=process,
        version=version,
        hours=(hours := draw(st.sampled_from(sorted(HOURS)))),
        opened_at=opened_at,
        fields=draw(field_values(opened_at)),
        happenings=tuple(_happenings(opened_at, drawn, ways, None if version is None else _plan(version, hours))),
    )


@st.composite
def _processes(draw: st.DrawFn) -> EntitlementProcess:
    """A process with one to four milestones."""
    declared = draw(processes()).model_dump(mode="json")
    if draw(st.booleans()):
        declared["milestones"].append(draw(milestones("D", []).filter(is_allowed)))
    return EntitlementProcess.model_validate(declared)


def _tasked(process: EntitlementProcess) -> EntitlementProcess:
    """The process with a task made by every trigger, and at least one trigger of each milestone."""
    declared = process.model_dump(mode="json")
    for milestone in declared["milestones"]:
        triggers = milestone["triggers"] or [{"kind": TriggerKind.VIOLATION, "at": "0", "id": "t0"}]
        milestone["triggers"] = [
            {**t, "actions": [{"do": "task", "subject": "{{ milestone.name }}", "id": "task"}, *t.get("actions", [])]}
            for t in triggers
        ]
    return EntitlementProcess.model_validate(declared)


def _plan(process: EntitlementProcess, hours: str) -> Plan:
    return Plan(process=process, business_hours=hours, calendars=usual_calendars(), fields=FIELDS)


def _happenings(opened_at: datetime, drawn: list[Step], ways: list[Way], other: Plan | None) -> list[Happening]:
    """What happens, in the order in which it arrives, `other` the plan to go over to; it ends with a closed case."""
    found: list[Happening] = []
    now = opened_at
    is_closed = False
    for number, (step, way) in enumerate(zip(drawn, ways, strict=True)):
        now += timedelta(seconds=_grained(step.passed))
        if is_closed and step.kind != "complete":  # which a closed case refuses; else it is taken up again
            event: Event | None = CaseReopened(event_id=str(number), occurred_at=now)
            way = "request"  # noqa: PLW2901 - reopening is a new run, not a message
        elif step.kind == "reopen":
            continue
        elif step.kind == "migrate":
            event = None if other is None else PlanReplaced(event_id=str(number), occurred_at=now, plan=other)
        else:
            event = event_of(step._replace(delay=_grained(step.delay)), number, now)
        if event is None:
            continue
        is_closed = isinstance(event, CaseClosed) or (is_closed and not isinstance(event, CaseReopened))
        has_signal = event.type in SIGNALS and not is_closed
        found.append(Happening(now, event, way if has_signal else "request"))
    now += timedelta(hours=5)
    return [*found, Happening(now, CaseClosed(event_id="end", occurred_at=now), "request")]


def _grained(seconds: int) -> int:
    """A second becomes more of them; a little ahead of the clock stays."""
    return GRAIN if seconds == 1 else seconds


@cache
def random_cases(count: int, *, lot: int = 0) -> tuple[RandomCase, ...]:
    """So many cases that do not hang on milliseconds; always the same ones for the same numbers.

    Most of what is drawn comes to nothing: a milestone never starts, the case is closed at once. The richest are taken,
    and before them those of which a kind of note is seen for the first time.

    Args:
        count: so many.
        lot: each number has cases of its own.
    """
    drawn: list[tuple[Purely, RandomCase]] = []

    @seed(SEED + lot)
    @settings(
        max_examples=_DRAWN_FOR_EACH * count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_cases())
    def draw(one: RandomCase) -> None:
        pure = walk_purely(one, "drawn")
        if not pure.at_once:
            drawn.append((pure, one))

    draw()
    seen: set[NoteKind] = set()
    first, others = list[RandomCase](), list[RandomCase]()
    for pure, one in sorted(drawn, key=lambda each: each[0].richness, reverse=True):
        (first if pure.kinds - seen else others).append(one)
        seen |= pure.kinds
    return tuple(_numbered(one, number) for number, one in enumerate([*first, *others][:count]))


def _numbered(case: RandomCase, number: int) -> RandomCase:
    named = {"name": f"Random {number}"}
    version = case.version and case.version.model_copy(update=named)
    numbered = replace(case, number=number, process=case.process.model_copy(update=named), version=version)
    return replace(numbered, happenings=tuple(_of(numbered, each) for each in case.happenings))


def _of(case: RandomCase, happening: Happening) -> Happening:
    event = happening.event
    for plan in case.plans.values() if isinstance(event, PlanReplaced) else ():
        event = event.model_copy(update={"plan": plan})
    return replace(happening, event=event)


# --- the catalog ------------------------------------------------------------------------------------------------------


def catalog_of(cases: tuple[RandomCase, ...], prefix: str) -> Catalog:
    """A catalog with all the processes, each with an entitlement of an account of its own."""
    return Catalog.model_validate(
        {
            "organisation": {"name": "Random", "time_zone": "America/New_York"},
            "fields": {name: str(kind) for name, kind in FIELDS.items()},
            "business_hours": [{"name": name, **hours} for name, hours in HOURS.items()],
            "processes": [case.process.model_dump(mode="json", exclude={"version"}) for case in cases],
            "accounts": [{"id": f"{prefix}-{case.number}", "name": f"Account {case.number}"} for case in cases],
            "entitlements": [
                {
                    "id": f"{prefix}-{case.number}",
                    "account": f"{prefix}-{case.number}",
                    "process": case.process.name,
                }
                for case in cases
            ],
        }
    )


def next_version_of(case: RandomCase) -> Catalog:
    """The next version of a case's process, alone."""
    processes = [case.version.model_dump(mode="json", exclude={"version"})] if case.version else []
    return Catalog.model_validate(
        {"fields": {name: str(kind) for name, kind in FIELDS.items()}, "processes": processes}
    )


# --- the timeline alone -----------------------------------------------------------------------------------------------


@cache
def usual_calendars() -> dict[str, FrozenCalendar]:
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
    hours = [BusinessHours(name=name, **week) for name, week in HOURS.items()]
    return {each.name: each.freeze(start, end) for each in (*hours, ALWAYS)}


class _PureCase:
    """A timeline that is fed as a workflow feeds it: the time until a message is sent, then the message."""

    def __init__(self, case: RandomCase, case_id: str) -> None:
        plan = _plan(case.process, case.hours)
        fields = check_values(case.fields, FIELDS)
        self.timeline = Timeline.enter(plan, Case(case_id=case_id, fields=fields), case.opened_at)
        self.effects: list[Effect] = []
        self.seen = Purely(view=self.timeline.view(case.opened_at))
        self.last_message_at: datetime | None = None
        self.advance(case.opened_at)

    def advance(self, now: datetime) -> None:
        self.effects += self.timeline.advance(now)

    @property
    def is_closed(self) -> bool:
        return self.timeline.state.closed_at is not None

    def take(self, happening: Happening) -> None:
        at, event = happening.arrives_at, happening.event
        if isinstance(event, CaseReopened) and not self.is_closed:
            self.seen.answers.append("open")
        elif isinstance(event, CaseReopened):
            self.effects += self.timeline.apply(event, at)
            self.advance(at)  # the clock of the new run starts at its very instant
            self.seen.answers.append("taken")
        elif self.is_closed:
            self.seen.answers.append("closed")  # its workflow has ended
        else:
            self.advance(at - SHORT_OF_IT)
            self._note_what_is_near(at)
            self._deliver(happening, at - SHORT_OF_IT)
        self.last_message_at = at

    def _deliver(self, happening: Happening, now: datetime) -> None:
        event = happening.event
        if happening.way == "signal":
            self._tell(event, now)
            self.seen.answers.append(None)
            return
        answer = self._ask(event, now)
        self.seen.answers.append(answer)
        if happening.way == "twice":
            self._tell(event, now)

    def _ask(self, event: Event, now: datetime) -> str:
        """A request is tried on a copy: refused, it changes nothing at all."""
        try:
            self.timeline.fork().apply(event, now)
        except Refused as refused:
            return refused.code
        effects = self.timeline.apply(event, now)
        self.effects += effects
        already = any(isinstance(e, Noted) and e.kind is NoteKind.ALREADY for e in effects)
        return "already" if already else "taken"

    def _tell(self, event: Event, now: datetime) -> None:
        try:
            self.effects += self.timeline.apply(event, now)
        except Refused:
            self.seen.unanswered_refusals += 1

    def _note_what_is_near(self, at: datetime) -> None:
        before, after = NEAR
        dues = [effect.at for effect in self.effects if isinstance(effect, TriggerFired)]
        dues += [v.violated_at for i in self.timeline.state.instances for v in i.violations]
        due = self.timeline.next_due
        self.seen.near |= any(at - before <= each <= at for each in dues) or (due is not None and due <= at + after)
        self.seen.at_once |= at == self.last_message_at and due == at

    def end(self) -> Purely:
        closed_at = self.timeline.state.closed_at
        assert closed_at is not None, "a random case ends with being closed"
        self.seen.view = self.timeline.view(closed_at)
        self.seen.kinds = {effect.kind for effect in self.effects if isinstance(effect, Noted)}
        self.seen.fired = [effect for effect in self.effects if isinstance(effect, TriggerFired)]
        return self.seen


def walk_purely(case: RandomCase, case_id: str) -> Purely:
    """What the timeline makes of it, under the id of a case."""
    pure = _PureCase(case, case_id)
    for happening in case.happenings:
        pure.take(happening)
    return pure.end()
