"""The independent checker: what the histories, the store, the workflows and the wire say, held against one another."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from clients.cases import MilepostClient
from clients.entitlements import Entitlements
from domain.catalog.declarations import Catalog
from domain.errors import MilepostError, NotFound
from domain.process import FieldUpdate
from domain.timeline.events import EntitlementChanged, PlanReplaced
from domain.timeline.views import CaseView
from domain.usage.requests import workflow_id
from starters.replay.comparison import view_differences
from store import Store
from store.cases.values import StoredCase
from tests.models.both_timelines import Opening, SlowTimeline
from tests.models.specified.slow_timeline import RefusedError
from tests.siege.attackers import Attacker
from tests.siege.case_model import CaseModel, Order
from tests.siege.feed_check import case_feed_findings, usage_feed_findings
from tests.siege.histories import Histories, Run, fetch
from tests.siege.organisation import COUNTED
from tests.siege.processes import TASK_QUEUE
from tests.siege.usage_check import covered_findings, mail_findings, usage_findings
from tests.siege.wire import Sent
from worker.plugin import RUNNER, WORKFLOWS

_PATIENCE = 15.0
_REPLAYS_WITHIN = 30.0
_TOO_EARLY = 0.05
"""Seconds: the clocks of two processes of one machine are read at different moments."""
_MANY = 10_000


@dataclass(frozen=True)
class Effect:
    """A mail or a task that a case calls for.

    Attributes:
        due_at: seconds since 1970, before which it is early.
        knowable_at: from when on the engine could know and do it, likewise.
    """

    key: str
    due_at: float
    knowable_at: float


@dataclass
class Verdict:
    """What the checker found.

    Attributes:
        findings: by kind, in words. None: everything agrees.
        effects: what the cases call for, by the pure timeline.
        steps: when anything happened to any workflow, with what it was; for the coverage of phases.
        counts: how much there was of what is only counted.
        kept: the histories of which something was found, by name: what led to it is gone with the siege.
    """

    findings: dict[str, list[str]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    steps: list[tuple[float, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    kept: dict[str, WorkflowHistory] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """How many things are wrong."""
        return sum(map(len, self.findings.values()))

    def find(self, kind: str, *said: str) -> None:
        """Note something that is wrong."""
        if said:
            self.findings.setdefault(kind, []).extend(said)


class Checker:
    """Checks what is left when the siege is over and nothing happens any more."""

    def __init__(
        self, client: Client, store: Store, catalog: Catalog, attackers: Sequence[Attacker], sent: Sequence[Sent]
    ) -> None:
        self.client, self.store, self.catalog = client, store, catalog
        self.attackers, self.sent = attackers, sent
        self.milepost = MilepostClient(client, task_queue=TASK_QUEUE, patience=_PATIENCE)
        self.verdict = Verdict()
        self._wedged: set[str] = set()
        self._planned: dict[str, set[str]] = {}
        self._covered: dict[str, list[str]] = {}
        self._first_sent: dict[str, float] = {}
        for one in sent:
            self._first_sent.setdefault(one.key, one.at)

    async def check(self) -> Verdict:
        """Check everything."""
        histories = await fetch(self.client)
        await self._check_tasks(histories)
        await self._check_replay(histories)
        self._check_messages(histories)
        for workflow, runs in histories.items():
            if workflow.startswith("case/"):
                await self._whatever_comes(workflow, self._check_case(workflow.removeprefix("case/"), runs), runs)
        for entitlement in COUNTED:
            runs = histories.get(workflow_id(entitlement), [])
            await self._whatever_comes(entitlement, self._check_entitlement(entitlement, runs), runs)
        self._check_wire()
        return self.verdict

    async def _whatever_comes(self, what: str, check: Coroutine[Any, Any, None], runs: Sequence[Run]) -> None:
        """One thing that can't be checked leaves the rest to be checked."""
        before = self.verdict.found
        try:
            await check
        except Exception as error:  # noqa: BLE001  what a wedged workflow leaves behind may be anything
            self.verdict.find("not to be checked", f"{what}: {error!r}"[:300])
        if self.verdict.found > before:
            self._keep(what, runs)

    def _keep(self, what: str, runs: Sequence[Run]) -> None:
        self.verdict.kept |= {f"{what}-{run.run_id}": run.history for run in runs}

    # --- workflows ---

    async def _check_tasks(self, histories: Histories) -> None:
        for workflow, runs in histories.items():
            for run in runs:
                self.verdict.find("failed task", *(f"{workflow}: {why}" for why in run.failed_tasks))
                self.verdict.counts["workflow tasks lost with a worker"] += run.lost_tasks
                self.verdict.counts["workflow tasks passed on to any worker"] += run.passed_on_tasks
                self.verdict.counts["workflow tasks over two seconds"] += run.slow_tasks
                self.verdict.counts["runs"] += 1
                self.verdict.counts["runs that went on in the next"] += run.ended == "CONTINUED_AS_NEW"
                self.verdict.steps += _phases(workflow, run)
                if run.ended in {"TERMINATED", "TIMED_OUT", "CANCELED"}:
                    self.verdict.find("ended from outside", f"{workflow} is {run.ended}")
            described = (await self.client.get_workflow_handle(workflow).describe()).raw_description
            if described.pending_workflow_task.attempt > 1:
                attempt = described.pending_workflow_task.attempt
                self._wedged.add(workflow)
                self._keep(workflow, runs)
                self.verdict.find("failing task", f"{workflow} tries its task for the {attempt}th time")
            for pending in described.pending_activities:
                why = pending.last_failure.message
                self.verdict.find("unfinished", f"{workflow}: {pending.activity_type.name} is under way: {why}")

    async def _check_replay(self, histories: Histories) -> None:
        replayer = Replayer(
            workflows=WORKFLOWS,
            data_converter=pydantic_data_converter,
            workflow_runner=RUNNER,
            workflow_failure_exception_types=[ValidationError],
        )
        for workflow, runs in histories.items():
            if workflow in self._wedged:
                continue  # it fails in a replay as well, and a replayer may never get rid of it
            for run in runs:
                replaying = replayer.replay_workflow(run.history, raise_on_replay_failure=False)
                try:
                    replayed = await asyncio.wait_for(replaying, _REPLAYS_WITHIN)
                except TimeoutError:
                    self.verdict.find("does not replay", f"{workflow}: not within {_REPLAYS_WITHIN:g} s")
                    self._keep(workflow, [run])
                    continue
                self.verdict.counts["histories replayed"] += 1
                if replayed.replay_failure is not None:
                    self.verdict.find("does not replay", f"{workflow}: {replayed.replay_failure}"[:500])
                    self._keep(workflow, [run])

    def _check_messages(self, histories: Histories) -> None:
        """What a client was told holds: a taken message is in the history, and nothing is without an answer."""
        for attacker in self.attackers:
            self.verdict.find("no answer", *attacker.errors)
            for message in attacker.sent:
                if message.answer not in {"taken", "already", "sent"}:
                    continue
                runs = histories.get(f"case/{message.case_id}", [])
                if not any(_event_id(arguments) == message.event_id for run in runs for arguments in _given(run)):
                    said = f"{message.name} {message.event_id} to {message.case_id} was {message.answer}"
                    self.verdict.find("lost message", f"{said}, and no history has it")

    # --- cases ---

    async def _check_case(self, case_id: str, runs: Sequence[Run]) -> None:
        if all(run.ended == "FAILED" for run in runs):
            self.verdict.counts["cases refused"] += 1
            return
        try:
            stored = await asyncio.to_thread(self.store.cases.get, case_id)
        except NotFound:
            self.verdict.find("store", f"{case_id}: the store has no such case")
            return
        self.verdict.counts["cases"] += 1
        model = CaseModel(case_id, await asyncio.to_thread(self.store.cases.notes, case_id))
        model.walk(runs)
        self._planned[case_id] = model.entitlements
        if stored.entitlement is not None:
            self._covered.setdefault(stored.entitlement, []).append(case_id)
        if model.broken or not model.orders:
            self.verdict.find("timeline", f"{case_id}: {model.broken or 'it was never opened'}")
            return
        is_closed = stored.view.closed_at is not None
        self.verdict.find("feed", *case_feed_findings(self.store, case_id, is_closed=is_closed))
        order = self._compare_views(case_id, stored, await self._view(case_id, runs), model)
        if order is not None:
            self._check_effects(case_id, order)
            self._check_slowly(case_id, order, model)

    async def _view(self, case_id: str, runs: Sequence[Run]) -> CaseView | None:
        """What the workflow itself says; one that has ended says it by its result too, but a query does as well."""
        try:
            return await self.milepost.view(case_id)
        except MilepostError as error:
            ended = runs[-1].ended == "FAILED"  # a reopening that was refused answers nothing any more
            if not ended:
                self.verdict.find("does not answer", f"{case_id}: {error}"[:300])
            return None

    def _compare_views(self, case_id: str, stored: StoredCase, view: CaseView | None, model: CaseModel) -> Order | None:
        """The order that agrees with the store and with the workflow; None if there is none."""
        found: list[str] = []
        for order in model.orders:
            found = [f"store: {line}" for line in _view_findings(stored.view, order)]
            found += [f"query: {line}" for line in _view_findings(view, order)] if view is not None else []
            states = (order.timeline.state, stored.carried.state)
            taken, known = (list(state.event_ids.digests()) for state in states)
            if taken != known:
                found.append(f"digests of events taken: {sorted(set(taken) ^ set(known)) or 'in another order'}")
            if order.noted != len(model.on_record):
                found.append(f"{len(model.on_record) - order.noted} notes too many: {model.on_record[order.noted :]}")
            if not found:
                return order
        self.verdict.find("timeline", *(f"{case_id}: {line}" for line in found[:5]))
        return None

    def _check_effects(self, case_id: str, order: Order) -> None:
        wanted: dict[str, Effect] = {}
        fields: set[str] = set()
        for fired in order.fired:
            at, knowable = fired.effect.at.timestamp(), fired.knowable_at.timestamp()
            for call in fired.effect.calls:
                if isinstance(call.action, FieldUpdate):
                    fields.add(call.key)
                    continue
                if call.key in wanted:
                    self.verdict.find("timeline", f"{call.key} is called for twice")
                wanted[call.key] = Effect(call.key, at, max(at, knowable))
        self.verdict.effects += wanted.values()
        done = Counter(mail.key for mail in self.store.actions.mails(case_id, limit=_MANY))
        done.update(task.key for task in self.store.tasks.find(case_id, limit=_MANY))
        self.verdict.find("lost", *(f"{key} was never done" for key in wanted if key not in done))
        self.verdict.find("twice", *(f"{key} is stored {times} times" for key, times in done.items() if times > 1))
        self.verdict.find("unwanted", *(f"{key} was done and never due" for key in done if key not in wanted))
        actions = {action.key: action.status for action in self.store.actions.of_case(case_id)}
        undone = [f"{key} is {actions.get(key, 'unknown')}" for key in (*wanted, *fields) if actions.get(key) != "done"]
        self.verdict.find("actions", *undone)
        fired_keys = Counter(self.store.cases.triggers(case_id))
        self.verdict.counts["triggers"] += len(order.fired)
        if sum(fired_keys.values()) != len(order.fired):
            self.verdict.find("triggers", f"{case_id}: {len(fired_keys)} stored, {len(order.fired)} by the timeline")

    def _check_slowly(self, case_id: str, order: Order, model: CaseModel) -> None:
        """The slow timeline, fed the same; it knows no change of entitlement and no migration."""
        if model.first is None or any(isinstance(e, EntitlementChanged | PlanReplaced) for _, e in order.deeds):
            return
        plan, fields, opened_at = model.first
        if plan.process is None:
            return
        slow = SlowTimeline(
            Opening(plan.process, plan.calendars, plan.business_hours, fields, opened_at, dict(plan.fields))
        )
        for now, event in order.deeds:
            try:
                slow.advance(now) if event is None else slow.apply(event, now)
            except RefusedError as refused:
                self.verdict.find("slow timeline", f"{case_id}: {refused.code}, {event!r:.200}")
                return
        ours = sorted((f.effect.milestone, f.effect.occurrence, f.effect.trigger, f.effect.at) for f in order.fired)
        theirs = sorted((name, occurrence, trigger, at) for name, occurrence, trigger, _, at in slow.fired)
        self.verdict.counts["cases worked out slowly"] += 1
        if ours != theirs:
            differ = set(map(str, ours)) ^ set(map(str, theirs))
            self.verdict.find("slow timeline", f"{case_id}: fired otherwise: {sorted(differ)[:4]}")

    # --- entitlements ---

    async def _check_entitlement(self, entitlement: str, runs: Sequence[Run]) -> None:
        if not runs:
            self.verdict.counts["entitlements never asked"] += 1
            return
        declared = next(each for each in self.catalog.entitlements if each.id == entitlement)
        account = next(each for each in self.catalog.accounts if each.id == declared.account)
        try:
            balance = await Entitlements(self.client, TASK_QUEUE, patience=_PATIENCE).balance(entitlement)
        except Exception as error:  # noqa: BLE001  whatever it is, the checks go on
            self.verdict.find("does not answer", f"{entitlement}: {error!r}"[:300])
            return
        if balance is None:
            self.verdict.find("does not answer", f"{entitlement}: nobody counts")
            return
        rows = await asyncio.to_thread(self.store.ledgers.rows, entitlement)
        self.verdict.counts["rows of ledgers"] += len(rows)
        found = [*usage_findings(declared, runs, balance, rows)]
        mails, tasks = (
            self.store.actions.mails(entitlement, limit=_MANY),
            self.store.tasks.find(entitlement, limit=_MANY),
        )
        found += mail_findings(declared, rows, mails, tasks, has_manager=account.manager_mail is not None)
        if declared.allowance is not None and declared.allowance.unit == "cases":
            found += covered_findings(entitlement, rows, self._planned, self._covered.get(entitlement, []))
        self.verdict.find("usage", *(f"{entitlement}: {line}" for line in found))
        self.verdict.find("feed", *usage_feed_findings(self.store, entitlement, rows))

    # --- the wire ---

    def _check_wire(self) -> None:
        for effect in self.verdict.effects:
            sent_at = self._first_sent.get(effect.key)
            if sent_at is None:
                self.verdict.find("lost", f"{effect.key} was never sent")
            elif sent_at < effect.due_at - _TOO_EARLY:
                self.verdict.find("early", f"{effect.key} was sent {effect.due_at - sent_at:.2f} s early")
        times = Counter(one.key for one in self.sent)
        self.verdict.counts["sent"] = len(times)
        self.verdict.counts["sent again on the wire"] = sum(number - 1 for number in times.values())


def _view_findings(view: CaseView, order: Order) -> list[str]:
    """How a view of the engine differs from the timeline's at the same instant."""
    mine = order.timeline.view(view.now).model_copy(update={"open_decisions": view.open_decisions})
    return view_differences(view, mine)


def _event_id(arguments: list[Any]) -> str | None:
    return arguments[0].get("event_id") if arguments and isinstance(arguments[0], dict) else None


def _given(run: Run) -> Iterator[list[Any]]:
    """What every message of a run brought along."""
    for step in run.steps:
        yield from (told.arguments for told in step.told)
        yield from (asked.arguments for asked in step.asked)
    yield from (told.arguments for told in run.waiting)


def _phases(workflow: str, run: Run) -> Iterator[tuple[float, str]]:
    """What happened when, in words that faults are held against."""
    kind = "case" if workflow.startswith("case/") else "entitlement"
    for step in run.steps:
        now = step.now.timestamp()
        yield from ((now, f"{kind}: {asked.name}") for asked in step.asked)
        yield from ((told.arrived_at.timestamp(), f"{kind}: signal") for told in step.told)
        yield from ((now, f"{kind}: {done.activity} done") for done in step.done)
    if run.ended == "CONTINUED_AS_NEW" and run.steps:
        yield run.steps[-1].now.timestamp(), f"{kind}: goes on in the next run"
