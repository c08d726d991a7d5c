"""A backtest: the cases of an event log run through a process, to see what it would have promised and kept.

The cases walk through the same timeline as live ones, with no server, one after the other; of each only its
measurements are kept, so that time and memory grow with the number of events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.catalog.declarations import Account, Catalog, Entitlement, Organisation
from domain.catalog.kinds import Kind
from domain.catalog.status import zone_of
from domain.criteria.fields import nearest
from domain.errors import NotFound
from domain.frozen import FrozenCalendar
from domain.process import EntitlementProcess
from domain.reports.compliance import promises
from domain.reports.grouping import NONE, Grouping, text_of
from domain.reports.measures import Measured, measure, pauses_of
from domain.timeline.effects import NoteKind, TriggerFired
from domain.timeline.events import CaseReopened, FieldsChanged
from domain.timeline.plan import Plan
from domain.timeline.views import MilestoneView
from starters.backtest.pure_run import Walked, plan_for, walk
from starters.logs.mapping import LogError
from starters.logs.stories import LoggedCase


class DecidedAtOpening(LogError):
    """A log that does not say when a milestone was completed, since its opening rows have what completes it."""

    def __init__(self, milestone: str, cases: int) -> None:
        said = (
            f"{milestone!r} is completed at the opening of all {cases} cases that have it: what completes it stands in "
            "their first row already, so the log does not say when it happened. Map the column that says when as an "
            "event of its own (shape: cases, or shape: activities), and say in which state a case is opened (state: "
            "{opened: New}); `milepost logs look` proposes a mapping"
        )
        super().__init__([said])


Stored = Callable[[str, int], EntitlementProcess]
"""Finds a process in a version that is not the latest."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A process to try on a log.

    Attributes:
        name: how it is called beside another one.
        plan: what the cases run by.
        entitlement: the id of what criteria see as `entitlement`, and `account` of what they see as `account`.
        zone: of the account, or else the organisation's, whose wall clock says on which day a target lies.
    """

    name: str
    plan: Plan
    process: EntitlementProcess
    entitlement: str | None
    account: str | None
    zone: ZoneInfo


class PauseKey(NamedTuple):
    """What pauses are counted by: the milestone, the causes, and the state that the case was in."""

    milestone: str
    cause: str
    state: str


class TriggerKey(NamedTuple):
    """What fired triggers are counted by."""

    milestone: str
    trigger: str


@dataclass(slots=True)
class PauseTally:
    """Pauses of one key: how many, and for how many open seconds together."""

    pauses: int = 0
    seconds: int = 0


@dataclass(slots=True)
class CaseResult:
    """What came of one case.

    Attributes:
        groups: of each of its instances.
        kept: whether it kept its promises, by the system that wrote the log.
        external_id: the id that the log has for it, where that is no id of a case.
    """

    case_id: str
    kept: bool | None
    instances: list[Measured]
    groups: list[str]
    external_id: str | None = None

    @property
    def missed(self) -> bool:
        """Whether any of its milestones was missed."""
        return any(one.violated for one in self.instances)


@dataclass(slots=True)
class Backtest:
    """What came of a log under a process.

    Attributes:
        cases: each in the log's order.
        events: how many there were.
        pauses: open time in which clocks stood; a pause over several states counts in each.
        fired: how often each trigger fired.
        actions: how many actions of each kind that makes (``email``, ``task``).
        failed: criteria that could not be evaluated and counted as false, by what was said of it, with the number of
            cases; and rules that went round in circles.
        decided: in how many cases a milestone was completed at the opening, by what the log shows there already.
    """

    tried: Tried
    grouping: Grouping | None
    cases: list[CaseResult] = field(default_factory=list)
    events: int = 0
    pauses: dict[PauseKey, PauseTally] = field(default_factory=dict)
    fired: Counter[TriggerKey] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)

    def instances(self) -> Iterator[tuple[Measured, str]]:
        """Every instance with its group."""
        for case in self.cases:
            yield from zip(case.instances, case.groups, strict=True)


def backtest(cases: Iterable[LoggedCase], tried: Tried, *, by: Grouping | None, state: str | None = None) -> Backtest:
    """Run cases through a process.

    Args:
        cases: of a log.
        tried: the process.
        by: what the groups are made by; None: there is only one.
        state: the field of the case that says where it stands, by which pauses are told apart.

    Raises:
        Refused: an event does not fit the catalog's fields.
        DecidedAtOpening: the log says of no case when a milestone was completed.
    """
    result = Backtest(tried, by)
    for case in cases:
        walked = walk(case, tried.plan)
        _take(result, case, walked, state)
    _refuse_decided(result)
    return result


def _refuse_decided(result: Backtest) -> None:
    """Refuse a log whose opening rows show how its cases ended: everything would be met in no time at all.

    Raises:
        DecidedAtOpening: a milestone that more than one case has was completed at the opening of each of them.
    """
    having = Counter(name for case in result.cases for name in {one.milestone for one in case.instances})
    for name, cases in result.decided.items():
        if cases == having[name] > 1:
            raise DecidedAtOpening(name, cases)


def _take(result: Backtest, case: LoggedCase, walked: Walked, state: str | None) -> None:
    view, calendars = walked.view, result.tried.plan.calendars
    promised = promises(view)
    kept = {(one.process, one.milestone, one.occurrence): one for one in walked.instances}
    measured = [measure(m, calendars, view.now, kept[m.process, m.milestone, m.occurrence]) for m in promised]
    groups = [result.grouping.group(view.fields, one) if result.grouping else NONE for one in promised]
    result.cases.append(CaseResult(case.case_id, walked.kept, measured, groups, case.external_id))
    result.decided.update(walked.decided)
    result.events += len(case.events)
    if any(one.was_paused for one in measured):
        states = _states(case, state)
        for milestone in view.milestones:
            _take_pauses(result.pauses, milestone, states, calendars[milestone.business_hours], view.now)
    failed: set[str] = set()
    for effect in walked.effects:
        if isinstance(effect, TriggerFired):
            result.fired[TriggerKey(effect.milestone, effect.trigger)] += 1
            result.actions.update(call.action.do for call in effect.calls)
        elif effect.kind in (NoteKind.CRITERIA_FAILED, NoteKind.GUARD):
            failed.add(effect.text)
    result.failed.update(failed)


def _take_pauses(
    pauses: dict[PauseKey, PauseTally],
    milestone: MilestoneView,
    states: Sequence[tuple[datetime, str]],
    calendar: FrozenCalendar,
    now: datetime,
) -> None:
    for begins, ends, causes in pauses_of(milestone, now):
        for number, (since, state) in enumerate(states):
            until = states[number + 1][0] if number + 1 < len(states) else ends
            a, b = max(since, begins), min(until, ends)
            if a < b:
                tally = pauses.setdefault(PauseKey(milestone.milestone, " + ".join(causes), state), PauseTally())
                tally.pauses += 1
                tally.seconds += calendar.elapsed(a, b)


def _states(case: LoggedCase, name: str | None) -> list[tuple[datetime, str]]:
    """The states of a case, each with since when; those of no length left out."""
    if name is None:
        return [(case.opened_at, NONE)]
    states = [(case.opened_at, text_of(case.intake.fields.get(name)))]
    for event in case.events:
        if isinstance(event, FieldsChanged | CaseReopened) and name in event.fields:
            if states[-1][0] == event.occurred_at:
                states.pop()
            states.append((event.occurred_at, text_of(event.fields[name])))
    return states


# --- the process and its plan -----------------------------------------------------------------------------------------


def process_named(catalog: Catalog, text: str, stored: Stored | None = None) -> EntitlementProcess:
    """The process called ``NAME``, or ``NAME@VERSION``.

    Args:
        catalog: where it is declared.
        text: the name; a process that is really called so comes first.
        stored: where its other versions are.

    Raises:
        NotFound: there is none, or not in that version.
    """
    declared = {process.name: process for process in catalog.processes}
    name, _, version = text.rpartition("@")
    if text in declared:
        return declared[text]
    if not (version.isascii() and version.isdigit()):
        raise NotFound(f"no process {text!r}; {nearest(text, declared)}")
    found = declared.get(name)
    if found is None:
        raise NotFound(f"no process {name!r}; {nearest(name, declared)}")
    if found.version == int(version):
        return found
    if stored is not None:
        return stored(name, int(version))
    raise NotFound(
        f"process {name!r} has version {found.version} in the catalog's files, and no {version}; "
        "versions that were applied are found when the files are left out"
    )


def trial(
    catalog: Catalog, cases: Sequence[LoggedCase], process: EntitlementProcess, *, account: str | None, name: str = ""
) -> Tried:
    """A process with all that its cases run by.

    Criteria see the account, and its entitlement that has the process, or else its first, as if it had: so they can be
    tried on a process that no entitlement names yet. Business hours come from it too, where the process names none.

    Args:
        catalog: with the business hours, accounts and entitlements.
        cases: their plan reaches over all of them.
        process: to try.
        account: of the cases, if they have one.
        name: how it is called; left out: by its name and version.

    Raises:
        NotFound: the catalog lacks business hours that the process names.
    """
    organisation = catalog.organisation or Organisation()
    taken = _entitlement(catalog, account, process.name)
    only = catalog.model_copy(
        update={
            "organisation": organisation.model_copy(update={"process": process.name}),
            "processes": [process],
            "entitlements": [taken.model_copy(update={"process": process.name})] if taken else [],
        }
    )
    plan = plan_for(only, cases, entitlement=taken.id if taken else None)
    found = catalog.find(Kind.ACCOUNTS, account) if account else None
    if taken is None and isinstance(found, Account):
        plan = plan.model_copy(update={"account": found.for_criteria(organisation)})
    return Tried(
        name=name or f"{process.name} v{process.version}",
        plan=plan,
        process=process,
        entitlement=taken.id if taken else None,
        account=found.id if isinstance(found, Account) else None,
        zone=wall_clock(catalog, account),
    )


def wall_clock(catalog: Catalog, account: str | None) -> ZoneInfo:
    """The zone in which the days of a log's cases lie, as in reports: of their account, or else the organisation's."""
    found = catalog.find(Kind.ACCOUNTS, account) if account else None
    organisation = catalog.organisation or Organisation()
    return zone_of(found, organisation) if isinstance(found, Account) else ZoneInfo(organisation.time_zone)


def _entitlement(catalog: Catalog, account: str | None, process: str) -> Entitlement | None:
    of_account = [one for one in catalog.entitlements if one.account == account and not one.retired]
    return next((one for one in of_account if one.process == process), of_account[0] if of_account else None)
