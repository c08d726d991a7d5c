"""The usage of an entitlement behind its barrier: each step is taken on a copy, which counts once it has succeeded.

A request that fails as nobody expected is refused, and the usage is as it was. A step of time is never refused: what it
could not do stays due, and is tried again after a minute, then five, then half an hour, and by every new run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain.usage.effects import CarryBackOrder, CatalogChange, RenewalOrder
from domain.usage.machine import Taken, Usage, UsageEffect
from domain.usage.requests import Consumed
from workflows.barrier import UNEXPECTED, barrier
from workflows.entitlement.faults import Faults

A = TypeVar("A")

AGAIN_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))

Request = Callable[[Usage], tuple[A, list[UsageEffect]]]
"""Does what is asked to a usage: an answer, and what follows."""


class Jobs(Protocol):
    """Where what follows from a step is done (`outbox`, or the `lanes` of an older run)."""

    def plan(self, usage: Usage, effects: Sequence[UsageEffect], now: datetime, clock: datetime | None) -> Any:
        """What a step wants done."""

    def start(self, wanted: Any) -> None:
        """Begin it."""

    def resume(self, usage: Usage, now: datetime) -> None:
        """Begin what the run before has not seen confirmed."""


class Stuck(NamedTuple):
    """A step of time that could not be taken.

    Attributes:
        said: what went wrong.
        tries: so far.
        again_at: by the entitlement's clock; by another build at once.
        build: that could not take it.
    """

    said: str
    tries: int
    again_at: datetime
    build: str


class Counter:
    """Counts what is asked of an entitlement.

    Args:
        usage: where the count stands.
        jobs: where what follows is done.
        faults: remembers what nobody expected.
        has_clock: the entitlement has a clock of its own, and so has what renews it.

    Attributes:
        usage: as it stands.
        stuck: the step of time that can't be taken at present.
    """

    def __init__(self, usage: Usage, jobs: Jobs, faults: Faults, *, has_clock: bool) -> None:
        self.usage = usage
        self.stuck: Stuck | None = None
        self._jobs = jobs
        self._faults = faults
        self._has_clock = has_clock

    # --- time ---

    @property
    def next_due(self) -> datetime | None:
        """When time brings something next; of what is stuck, when it is tried again."""
        if self.stuck is not None:
            return self.stuck.again_at if self._waits else self.usage.state.begun_at
        try:
            return self.usage.next_due
        except Exception:  # noqa: BLE001  the step that follows at once says what it is, and is stuck
            return self.usage.state.begun_at

    def step(self, now: datetime, key: str) -> None:
        """Do all that time brings up to now. What can't be done stays due.

        Args:
            now: the entitlement's.
            key: names this step, alike on every replay.
        """
        if self.stuck is not None and now < self.stuck.again_at and self._waits:
            return
        try:
            self._take_over(self._faults.attempt("a step of time", f"{key}/time", lambda: self._stepped(now)))
        except ApplicationError as error:
            tries = self.stuck.tries + 1 if self.stuck else 1
            wait = AGAIN_AFTER[min(tries, len(AGAIN_AFTER)) - 1]
            self.stuck = Stuck(error.message, tries, now + wait, _build())
        else:
            self.stuck = None

    @property
    def _waits(self) -> bool:
        """Whether the build is still the one that could not take the step."""
        return self.stuck is not None and self.stuck.build == _build()

    def _stepped(self, now: datetime) -> tuple[Usage, Any]:
        fork = self.usage.fork()
        effects = fork.advance(now)
        due = fork.next_due
        if due is not None and due <= now:
            raise RuntimeError(f"what was due at {due} is due still")
        return fork, self._plan(fork, effects, now)

    # --- requests ---

    def ask(self, what: str, key: str, request: Request[A], now: datetime) -> A:
        """Answer a request; what is left of periods that have ended is settled first.

        Args:
            what: is asked, for the log.
            key: names the request, alike on every replay.
            request: does it to a copy.
            now: the entitlement's.

        Raises:
            ApplicationError: it is refused; the usage is as it was.
        """
        self.step(now, key)

        def asked() -> tuple[A, tuple[Usage, Any]]:
            fork = self.usage.fork()
            answer, effects = request(fork)
            return answer, (fork, self._plan(fork, effects, now))

        answer, done = self._faults.attempt(what, key, asked)
        self._take_over(done)
        self.step(now, f"{key}/after")
        return answer

    def ask_each(
        self, what: str, key: str, requests: Sequence[tuple[str, Callable[[Usage], Taken]]], now: datetime
    ) -> list[Consumed]:
        """Answer a list, one request after another. One that fails as nobody expected fails alone.

        Args:
            what: is asked, for the log.
            key: names the list.
            requests: each with the reference that it is about.
            now: the entitlement's.
        """

        def all_of_them(usage: Usage) -> tuple[list[Consumed], list[UsageEffect]]:
            taken = [request(usage) for _, request in requests]
            return [one.answer for one in taken], [effect for one in taken for effect in one.effects]

        try:
            return self.ask(what, key, all_of_them, now)
        except ApplicationError as error:
            if error.type != UNEXPECTED or len(requests) == 1:
                raise
        answers: list[Consumed] = []
        for number, (reference, request) in enumerate(requests):
            try:
                answers.append(self.ask(what, f"{key}/{number}", lambda usage, ask=request: ask(usage), now))  # type: ignore[misc]
            except ApplicationError as error:
                unit = self.usage.terms.allowance.unit
                answers.append(Consumed(reference=reference, outcome="refused", reason=error.message, unit=unit))
        return answers

    def count_outcome(self, change: CatalogChange, came_to: Any, now: datetime) -> None:
        """Count what a renewal could not give back, and note under which id it was made.

        Args:
            change: of the catalog.
            came_to: what its activity returned.
            now: the entitlement's.
        """
        match change:
            case CarryBackOrder():
                given = came_to if isinstance(came_to, int) else 0
                self._count_after(
                    f"taken-back-{change.number}", lambda usage: usage.taken_back(change, given, now), now
                )
            case RenewalOrder() if isinstance(came_to, str) and came_to != change.renewal.entitlement_id:
                planned = change.renewal.entitlement_id
                self._count_after(f"renewed-{came_to}", lambda usage: usage.renewed_as(planned, came_to, now), now)
            case _:
                pass

    def _count_after(self, key: str, change: Callable[[Usage], list[UsageEffect]], now: datetime) -> None:
        self.ask("what came of a renewal", key, lambda usage: (None, change(usage)), now)

    def tried(self, now: datetime) -> Usage:
        """A copy, to try a request on, with what is due done if it can be."""
        fork = self.usage.fork()
        try:
            with barrier("a step of time, tried"):
                fork.advance(now)
        except ApplicationError:
            return self.usage.fork()
        return fork

    def _plan(self, usage: Usage, effects: Sequence[UsageEffect], now: datetime) -> Any:
        return self._jobs.plan(usage, effects, now, now if self._has_clock else None)

    def _take_over(self, done: tuple[Usage, Any]) -> None:
        self.usage, wanted = done
        self._jobs.start(wanted)


def _build() -> str:
    return workflow.info().get_current_build_id()


def request_key() -> str:
    """Names the request that is being handled, alike on every replay."""
    info = workflow.current_update_info()
    return info.id if info is not None else "none"
