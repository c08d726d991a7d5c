"""A small world without a server, in which activities run: a real store, counts in memory, and a worker that dies.

Everything that an activity leaves behind is an effect: a transaction of the store, an answered request to a count, a
message to a case, a request to a receiver. A worker may die after any of them.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, cast

from pydantic import BaseModel
from sqlalchemy import select
from temporalio import activity
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.actions.dispatch import Dispatcher
from activities.actions.outside import Outside
from activities.delivery.http import HookSender
from activities.delivery.means import Means
from activities.delivery.outcomes import Delivered
from activities.delivery.smtp import MailServer, Said, Verdict
from activities.rendering.renderer import Renderer
from domain.delivery.encryption import Encryption
from domain.usage.effects import UsageRecords
from domain.usage.machine import Usage
from domain.usage.requests import APPROVE_OVERAGE, CONSUME_MANY, LOG_HOURS, Balance, EntitlementTerms
from domain.usage.rows import LedgerRow
from domain.usage.state import PeriodRecord
from store import Store
from store.database import Database
from store.tables import metadata
from worker.payloads import DATA_CONVERTER
from worker.process import _activities

NOON = datetime(2025, 6, 10, 12, tzinfo=UTC)
_ABOUT_NOW = timedelta(hours=1)
_QUEUE = "twice"
_RECORDED = re.compile(r'"recordedtime": ?"[^"]*"')
"""When an event of the feed was written, by the wall clock."""
_ENDED = re.compile(r'("redelivery/[^"]*/\d+)-[0-9a-f]{12}(?=")')
"""The id of a delivery by hand, whose digest has the instant of its end."""


class Died(Exception):
    """The worker is gone, between one effect and the next."""


class Life:
    """How many effects a worker leaves behind before it dies.

    Attributes:
        left: None: it does not die.
        effects: so far.
    """

    def __init__(self) -> None:
        self.left: int | None = None
        self.effects = 0

    def leave(self) -> None:
        """Count an effect.

        Raises:
            Died: it was the last.
        """
        self.effects += 1
        if self.left is not None and self.effects >= self.left:
            raise Died


class Counts:
    """Counts of entitlements, as their workflows count; stands in for `clients.entitlements.Entitlements`."""

    def __init__(self, life: Life, record: Callable[[UsageRecords], object]) -> None:
        self._life = life
        self._record = record
        self.usages: dict[str, Usage] = {}

    def _of(self, terms: EntitlementTerms) -> Usage:
        return self.usages.setdefault(terms.entitlement_id, Usage.begin(terms, NOON))

    async def begin(self, terms: EntitlementTerms) -> None:
        """Begin one, unless it has begun."""
        self._of(terms)
        self._life.leave()

    async def ask(self, terms: EntitlementTerms, update: str, argument: Any, _: type[Any]) -> Any:
        """Answer a request, and keep what it leads to in the ledger."""
        usage = self._of(terms)
        answer: Any
        match update:
            case _ if update == CONSUME_MANY:
                taken = [usage.take(one, NOON) for one in argument]
                answer = [one.answer for one in taken]
                effects = [effect for one in taken for effect in one.effects]
            case _ if update == LOG_HOURS:
                answer, effects = usage.log_hours(argument, NOON)
            case _ if update == APPROVE_OVERAGE:
                answer, effects = usage.decide(argument, NOON)
            case _:
                answer, effects = usage.change(argument, NOON)
        rows = [effect for effect in effects if isinstance(effect, LedgerRow)]
        periods = [effect for effect in effects if isinstance(effect, PeriodRecord)]
        self._record(
            UsageRecords(
                entitlement_id=terms.entitlement_id,
                count="count",
                account=terms.account,
                unit=terms.allowance.unit,
                rows=rows,
                periods=periods,
            )
        )
        return answer

    async def balance(self, entitlement_id: str, at: str | None = None) -> Balance | None:
        """What one has."""
        usage = self.usages.get(entitlement_id)
        return None if usage is None else usage.balance(datetime.fromisoformat(at) if at else NOON)

    async def query(self, entitlement_id: str, _: str, reference: str, **__: Any) -> bool | None:
        """Whether a reference took its part."""
        usage = self.usages.get(entitlement_id)
        return None if usage is None else usage.state.taken.find(reference) is not None


class Outbound:
    """Takes what is sent, by what its receiver knows it by: as a client, and as what sends web hooks and mail."""

    namespace = "default"
    identity = "a worker"
    data_converter = DATA_CONVERTER

    def __init__(self, life: Life) -> None:
        self._life = life
        self.workflow_service = self
        self.taken: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.counts: Counts

    def get_workflow_handle(self, workflow: str) -> _Workflow:
        """What a client is asked for."""
        return _Workflow(workflow, self)

    async def signal_workflow_execution(self, request: SignalWorkflowExecutionRequest, **_: Any) -> None:
        """What the server is asked for, which knows a signal by the id of its request."""
        to = f"{request.workflow_execution.workflow_id} {request.signal_name}"
        self.take(to, request.request_id, request.input.payloads[0].data.decode())

    async def send(self, _: str, url: str, headers: dict[str, str], body: bytes, __: Sequence[str] = ()) -> Delivered:
        """What a sender of web hooks is asked for."""
        self.take(url, headers["Idempotency-Key"], _RECORDED.sub('"recordedtime": "now"', body.decode()))
        return Delivered("200 OK")

    async def hand_in(self, server: MailServer, mail: EmailMessage, to: Sequence[str]) -> dict[str, Said]:
        """What sends mail."""
        body = mail.get_body(("plain",))
        self.take(server.host, mail["Message-ID"], "" if body is None else body.get_content())
        return dict.fromkeys(to, Said("250 OK", Verdict.TAKEN))

    def take(self, receiver: str, known_by: str, said: str) -> None:
        """Take one message."""
        self.taken[receiver, known_by].add(said)
        self._life.leave()


@dataclasses.dataclass(frozen=True)
class _Workflow:
    """Keeps what a workflow is told, by what the workflow tells messages apart by."""

    id: str
    outbound: Outbound

    async def signal(self, name: str, message: Any) -> None:
        said = message.model_dump(mode="json") if isinstance(message, BaseModel) else message
        self.outbound.take(f"{self.id} {name}", f"{said['entitlement_id']} {said['number']}", json.dumps(said))

    async def execute_update(self, name: str, message: dict[str, Any], *, id: str) -> None:  # noqa: A002  the SDK's name
        assert message["event_id"] == id
        self.outbound.take(f"{self.id} {name}", id, json.dumps(message))


class SmallWorld:
    """Everything that activities see, and every activity of a worker."""

    def __init__(self, database: str, renderer: Renderer) -> None:
        self.life = Life()
        self.store = Store.open(database)
        self.outbound = Outbound(self.life)
        self.counts = self.outbound.counts = Counts(self.life, self.store.ledgers.record)
        client = cast("Client", self.outbound)
        hooks = cast("HookSender", self.outbound)
        mail = MailServer("mail.example.org", "Milepost <sla@example.org>", 25, encryption=Encryption.NONE)
        outside = Outside(self.store, Means(mail=mail, hooks=hooks, sends_rehearsals=True))
        dispatcher = Dispatcher(self.store.actions, self.store.catalog, renderer, outside)
        registered = _activities(client, self.store, _QUEUE, dispatcher, outside)
        self.activities = {activity._Definition.must_from_callable(one).name: one for one in registered}

    async def run(self, name: str, argument: Any, *, attempt: int = 1) -> Any:
        """Run an activity, as an attempt of a worker."""
        environment = ActivityEnvironment(cast("Client", self.outbound))
        environment.info = dataclasses.replace(
            environment.info, workflow_run_id="run", attempt=attempt, scheduled_time=NOON, task_queue=_QUEUE
        )
        return await environment.run(self.activities[name], argument)

    async def dies(self, name: str, argument: Any, after: int | None) -> None:
        """Run an activity on a worker that dies after so many effects; None: as it says that the activity is done."""
        self.life.effects, self.life.left = 0, after
        try:
            await self.run(name, argument)
        except Exception:  # however a death shows in the midst of it
            if after is None or self.life.effects < after:
                raise
        finally:
            self.life.left = None

    def left_behind(self) -> dict[str, Any]:
        """All that is in the world, without when the wall clock says that it came."""
        with self.store._database.read() as connection:
            tables = {
                table.name: sorted(
                    _ENDED.sub(r"\1", json.dumps(list(row), default=_without_now))
                    for row in connection.execute(select(table))
                )
                for table in metadata.sorted_tables
            }
        counts = {name: usage.state.model_dump(mode="json") for name, usage in self.counts.usages.items()}
        return {"tables": tables, "counts": counts, "sent": dict(self.outbound.taken)}


@contextmanager
def watched_writes(life: Callable[[], Life | None], write: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """`Database.write` whose every transaction counts as an effect once it is in."""

    @contextmanager
    def watched(database: Database, **how: Any) -> Iterator[Any]:
        with write(database, **how) as connection:
            yield connection
        living = life()
        if living is not None:
            living.leave()

    yield watched


def _without_now(value: Any) -> str:
    if isinstance(value, datetime) and abs(datetime.now(UTC) - value) < _ABOUT_NOW:
        return "about now"
    return value.model_dump_json() if isinstance(value, BaseModel) else str(value)
