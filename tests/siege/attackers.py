"""The two clients: they open cases and send them messages, sensible ones and others, again and again until answered."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.errors import MilepostError, NotFound, Refused
from domain.messages.cases import CaseIntake
from domain.usage.requests import workflow_id
from store import Store
from tests.siege import nonsense
from tests.siege.organisation import ASKING, CAPPED, INTAKES, MILESTONES, PRIORITIES, STATES
from tests.siege.processes import TASK_QUEUE

AT_ONCE = 6
PATIENCE = 6.0
_AGAIN_AFTER = 0.3
_RECENT = 10

SIGNALS = {
    "complete_milestone": "milestone_completed",
    "change_fields": "fields_changed",
    "stop_clock": "clock_stopped",
    "resume_clock": "clock_resumed",
    "log_time": "time_logged",
    "close": "case_closed",
}
"""The signal that says the same as an update."""

_PASSING = frozenset({"not_now", "WorkflowNotReadyFailure", "AcceptedUpdateCompletedWorkflow"})
"""A run that goes on in the next one says so."""

Way = Literal["update", "signal"]


@dataclass
class Message:
    """A message that was sent to a case, and what came of it.

    Attributes:
        answer: `taken`, `already`, `repeated` or the code of a refusal; `sent` of a signal that the server took; None
            as long as there is no answer.
    """

    case_id: str
    name: str
    way: Way
    event_id: str
    answer: str | None = None


@dataclass
class Attacker:
    """One client. What it sends comes from a seed; when, from the machine."""

    name: str
    client: Client
    store: Store
    chance: random.Random
    pace: float
    is_harsh: bool
    cases: list[str] = field(default_factory=list)
    opened: dict[str, str] = field(default_factory=dict)
    sent: list[Message] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._milepost = MilepostClient(self.client, task_queue=TASK_QUEUE, patience=PATIENCE)
        self._events = 0
        self._gives_up_at = 0.0

    async def attack(self, is_over: Callable[[], bool], patience: float) -> None:
        """Send until it is over; then wait so many seconds for what has not been answered."""
        self._gives_up_at = math.inf
        turn = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while not is_over():
                await turn.acquire()
                task = group.create_task(self._step())
                task.add_done_callback(lambda _: turn.release())
                await asyncio.sleep(self.chance.expovariate(1 / self.pace))
            self._gives_up_at = time.monotonic() + patience

    def _step(self) -> Coroutine[Any, Any, None]:
        """Choose here, at once, so that the choice comes from the seed alone."""
        if len(self.cases) < 2 or self.chance.random() < 0.18:
            return self._open()
        case_id = self.chance.choice(self.cases[-_RECENT:])
        kind = self.chance.random()
        if kind < 0.08:
            return self._take_directly()
        if kind < 0.20:
            return self._abuse(case_id)
        if kind < 0.24:
            return self._reopen(case_id)
        return self._tell(case_id)

    # --- openings ---

    def _open(self) -> Coroutine[Any, Any, None]:
        case_id = f"{self.name}-{len(self.cases) + 1}"
        self.cases.append(case_id)
        state, priority = self.chance.choice(STATES[:2]), self.chance.choice(PRIORITIES)
        intake = CaseIntake.model_validate(
            {
                "case_id": case_id,
                **self.chance.choices(INTAKES, (3, 1, 1))[0],
                "fields": {"state": state, "priority": priority},
                "by": self.name,
            }
        )
        times = 2 if self.chance.random() < 0.15 else 1
        self.counts["open"] += 1

        async def opening() -> None:
            answers = await asyncio.gather(*(self._until_answered(lambda: self._opened(intake)) for _ in range(times)))
            self.opened[case_id] = answers[0] or "unanswered"

        return opening()

    async def _opened(self, intake: CaseIntake) -> str:
        return (await self._milepost.open(intake)).outcome

    def _reopen(self, case_id: str) -> Coroutine[Any, Any, None]:
        self.counts["reopen"] += 1

        async def reopened() -> str:
            try:
                await asyncio.to_thread(self.store.cases.get, case_id)
            except NotFound:
                return "not_there_yet"
            return (await self._milepost.reopen(case_id, occurred_at=datetime.now(UTC), by=self.name)).outcome

        async def reopening() -> None:
            await self._until_answered(reopened)

        return reopening()

    # --- messages to cases ---

    def _tell(self, case_id: str) -> Coroutine[Any, Any, None]:
        name, fields = self._sensible()
        message = {"event_id": self._event_id(), "occurred_at": self._instant(), "by": self.name, **fields}
        ways: list[Way] = ["update" if name not in SIGNALS or self.chance.random() < 0.6 else "signal"]
        if self.chance.random() < 0.15:  # the same once more, maybe in the other way
            ways.append("signal" if name in SIGNALS and self.chance.random() < 0.5 else "update")
        pause = self.chance.choice([0.0, 0.0, 1.0])
        self.counts[name] += 1

        async def telling() -> None:
            for number, way in enumerate(ways):
                if number:
                    await asyncio.sleep(pause)
                await self._send(case_id, name, way, message)

        return telling()

    def _sensible(self) -> tuple[str, dict[str, Any]]:
        choice = self.chance.choice
        kinds = (
            "complete",
            "state",
            "priority",
            "stop",
            "resume",
            "extend",
            "clear",
            "time",
            "close",
            "over",
            "decide",
        )
        kind = self.chance.choices(kinds, (20, 22, 6, 9, 9, 6, 4, 10, 5, 4, 5))[0]
        match kind:
            case "complete":
                return "complete_milestone", {"milestone": choice(MILESTONES)}
            case "state":
                return "change_fields", {"fields": {"state": choice(STATES)}}
            case "priority":
                return "change_fields", {"fields": {"priority": choice(PRIORITIES), "note": self._event_id()}}
            case "stop" | "resume":
                whole = self.chance.random() < 0.6
                return f"{kind}_clock", {} if whole else {"milestone": choice(MILESTONES)}
            case "extend":
                return "extend_milestone", {"milestone": choice(MILESTONES), "open_seconds": choice([1, 3, 10])}
            case "clear":
                return "clear_completion", {"milestone": choice(MILESTONES)}
            case "time":
                return "log_time", {"id": f"entry-{self._event_id()}", "minutes": choice([5, 20, 45, 90])}
            case "over":
                return "change_entitlement", {"entitlement": choice([CAPPED, "north-rest", ASKING, None])}
            case "decide":
                return "decide_overage", {"approved": self.chance.random() < 0.6, "reason": "agreed"}
            case _:
                return "close", {}

    async def _send(self, case_id: str, name: str, way: Way, message: dict[str, Any]) -> None:
        record = Message(case_id, name, way, str(message["event_id"]))
        self.sent.append(record)

        async def update() -> str:
            answer = await self._milepost.ask(case_id, name, message)
            return str(answer["outcome"]) if isinstance(answer, dict) else "taken"

        async def signal() -> str:
            handle = self._milepost.handle(case_id)
            await asyncio.wait_for(handle.signal(SIGNALS[name], message), PATIENCE)
            return "sent"

        record.answer = await self._until_answered(update if way == "update" else signal)

    # --- takings that come from elsewhere, changes by hand ---

    def _take_directly(self) -> Coroutine[Any, Any, None]:
        event_id, entitlement = self._event_id(), self.chance.choice([CAPPED, ASKING])
        by_hand = {"event_id": event_id, "by": self.name, "reason": "siege"}
        message: dict[str, Any]
        kind = self.chance.choices(["consume", "adjust", "amend", "reverse"], (5, 3, 2, 2))[0]
        match kind:
            case "consume":
                fields = {"reference": f"walk-{event_id}", "occurred_at": self._instant()}
                message = {"event_id": event_id, "by": self.name, **fields}
            case "adjust":
                message = {**by_hand, "amount": self.chance.choice([-1, 1, 2]), "occurred_at": self._instant()}
            case "amend":
                message = {**by_hand, "cap": self.chance.randint(2, 12)}
            case _:
                message = {**by_hand, "reference": f"walk-{self.name}-{self.chance.randint(1, max(self._events, 1))}"}
        times = 2 if self.chance.random() < 0.3 else 1
        self.counts[kind] += 1
        handle = self.client.get_workflow_handle(workflow_id(entitlement))

        async def asked() -> str:
            answer = await asyncio.wait_for(handle.execute_update(kind, message), PATIENCE)
            return str(answer["outcome"])

        async def taking() -> None:
            for _ in range(times):
                await self._until_answered(asked)

        return taking()

    # --- nonsense ---

    def _abuse(self, case_id: str) -> Coroutine[Any, Any, None]:
        name, arguments = nonsense.draw(self.chance, harsh=self.is_harsh)
        is_signal = name in nonsense.SIGNAL_NAMES
        self.counts["nonsense"] += 1
        handle = self._milepost.handle(case_id)

        async def sending() -> str:
            if is_signal:
                await asyncio.wait_for(handle.signal(name, args=arguments), PATIENCE)
                return "sent"
            await asyncio.wait_for(handle.execute_update(name, args=arguments), PATIENCE)
            return "taken"

        async def abusing() -> None:
            await self._until_answered(sending)

        return abusing()

    # --- how ---

    async def _until_answered(self, ask: Callable[[], Awaitable[str]]) -> str | None:
        """Ask again while nobody answers. None: nobody did until the end."""
        while True:
            try:
                return await ask()
            except NotFound:
                return "not_found"
            except Refused as refused:
                return refused.code
            except WorkflowUpdateFailedError as error:
                code = getattr(error.cause, "type", None) or "refused"
                if code not in _PASSING:
                    return code
                last: Exception = error
            except (NoAnswer, TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
                last = error
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return "not_found"
                if error.status in {RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.ALREADY_EXISTS}:
                    return "refused"
                last = error
            except MilepostError as error:
                last = error
            if time.monotonic() > self._gives_up_at:
                self.errors.append(f"{self.name} got no answer until the end: {last!r}"[:300])
                return None
            self.counts["sent again"] += 1
            await asyncio.sleep(_AGAIN_AFTER)

    def _event_id(self) -> str:
        self._events += 1
        return f"{self.name}-{self._events}"

    def _instant(self) -> str:
        """Mostly now; some messages are late, and a few come from a clock that is ahead."""
        lag = self.chance.choices([0.0, self.chance.uniform(0, 6), -self.chance.uniform(0, 3)], (65, 30, 5))[0]
        return (datetime.now(UTC) - timedelta(seconds=lag)).isoformat()
