"""A small organisation, and what tests do with its cases."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.service import RPCError

from clients.cases import MilepostClient
from domain.catalog.declarations import Catalog
from domain.messages.cases import Answer, CaseIntake
from domain.timeline.views import CaseView, MilestoneView
from domain.usage.requests import workflow_id
from store.store import Store
from tests.support import PATIENT, unique
from worker.clock import VirtualClock

MONDAY = datetime(2025, 6, 9, 13, 0, tzinfo=UTC)
"""A Monday, 09:00 in New York."""

OF_TIME_SKIPPING = {"WORKFLOW_EXECUTION_OPTIONS_UPDATED", "WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED"}
"""Events that only a virtual clock makes; a real run has none."""


def _triggers(name: str) -> list[dict[str, Any]]:
    mail = {"do": "email", "to": "desk@example.com", "subject": "{{ case.id }}: {{ milestone.name }} " + name}
    return [
        {"kind": "warning", "at": "75%", "actions": [{**mail, "body": "Due {{ milestone.target_at }}."}]},
        {"kind": "violation", "at": "0", "actions": [{"do": "task", "subject": "call {{ account.name }}"}]},
    ]


CATALOG = Catalog.model_validate(
    {
        "organisation": {"name": "Example", "time_zone": "America/New_York"},
        "fields": {
            "type": "string",
            "priority": "string",
            "state": "string",
            "due_at": "datetime",
            "escalated": "boolean",
        },
        "business_hours": [
            {
                "name": "Office",
                "time_zone": "America/New_York",
                "week": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
            },
            {"name": "Zagreb", "time_zone": "Europe/Zagreb", "week": "always", "holidays": {"country": "HR"}},
        ],
        "processes": [
            {
                "name": "Support",
                "business_hours": "Office",
                "milestones": [
                    {"name": "First response", "within": "4h", "triggers": _triggers("is due")},
                    {
                        "name": "Resolution",
                        "within": [{"when": 'case.priority == "High"', "span": "8h"}, {"span": "16h"}],
                        "pause_when": 'case.state == "Waiting"',
                        "complete_when": 'case.state == "Resolved"',
                        "triggers": _triggers("is due"),
                    },
                ],
            },
            {
                "name": "Broken mail",
                "milestones": [
                    {
                        "name": "Answer",
                        "within": "1h",
                        "triggers": [
                            {
                                "kind": "warning",
                                "at": "30m",
                                "actions": [{"do": "email", "to": "desk@example.com", "subject": "{{ case.id + 1 }}"}],
                            },
                            {"kind": "violation", "at": "0", "actions": [{"do": "task", "subject": "late"}]},
                        ],
                    }
                ],
            },
            {"name": "Quick", "milestones": [{"name": "Answer", "within": "3s"}]},
            {
                "name": "Four",
                "milestones": [
                    {
                        "name": "Answer",
                        "within": "1h",
                        "triggers": [
                            *(
                                {"kind": "warning", "at": at, "actions": [{"do": "task", "subject": at}]}
                                for at in ("45m", "30m", "15m")
                            ),
                            {"kind": "violation", "at": "0", "actions": [{"do": "task", "subject": "late"}]},
                        ],
                    }
                ],
            },
            {
                "name": "Years away",
                "business_hours": "Office",
                "milestones": [{"name": "Audit", "within": "4000h"}],
            },
        ],
        "accounts": [
            {"id": "acme", "name": "Acme"},
            {"id": "capped", "name": "Capped", "manager_mail": "manager@example.com"},
            {"id": "few", "name": "Few"},
            {"id": "broken", "name": "Broken"},
            {"id": "asking", "name": "Asking"},
            {"id": "blocking", "name": "Blocking"},
            {"id": "banked", "name": "Banked"},
            {"id": "two", "name": "Two"},
            {"id": "empty", "name": "Empty", "manager_mail": "manager@example.com"},
            {"id": "slow", "name": "Slow"},
            {"id": "quick", "name": "Quick"},
            {"id": "four", "name": "Four"},
            {"id": "strict", "name": "Strict", "without_entitlement": "refuse"},
        ],
        "assets": [{"id": "capped-asset", "account": "capped"}, {"id": "asking-asset", "account": "asking"}],
        "entitlements": [
            {"id": "acme-gold", "account": "acme", "process": "Support"},
            {
                "id": "capped-50",
                "account": "capped",
                "asset": "capped-asset",
                "process": "Support",
                "ends_on": "2030-12-31",
                "allowance": {"unit": "cases", "cap": 50},
            },
            {
                "id": "few-2",
                "account": "few",
                "process": "Support",
                "starts_on": "2025-01-15",
                "allowance": {"unit": "cases", "cap": 2, "period": "quarter"},
            },
            {
                "id": "few-later",
                "account": "few",
                "process": "Quick",
                "starts_on": "2025-08-01",
                "allowance": {"unit": "cases", "cap": 5, "period": "month"},
            },
            {"id": "capped-rest", "account": "capped", "process": "Support", "ends_on": "2031-12-31"},
            {"id": "broken-1", "account": "broken", "process": "Broken mail"},
            {
                "id": "asking-1",
                "account": "asking",
                "asset": "asking-asset",
                "process": "Support",
                "business_hours": "Office",
                "ends_on": "2030-12-31",
                "allowance": {"unit": "cases", "cap": 1, "overflow": "prompt", "overage_price": "85.00 EUR"},
            },
            {"id": "asking-rest", "account": "asking", "process": "Quick", "ends_on": "2031-12-31"},
            {
                "id": "blocking-1",
                "account": "blocking",
                "process": "Support",
                "allowance": {"unit": "cases", "cap": 1, "overflow": "block"},
            },
            *(
                {
                    "id": f"two-{name}",
                    "account": "two",
                    "process": "Support",
                    "ends_on": ends_on,
                    "allowance": {"unit": "cases", "cap": 1, "overflow": "block"},
                }
                for name, ends_on in (("first", "2030-12-31"), ("second", "2031-12-31"))
            ),
            {
                "id": "banked-1",
                "account": "banked",
                "ends_on": "2030-12-31",
                "allowance": {"unit": "hours", "cap": 2},
            },
            {"id": "banked-2", "account": "banked", "ends_on": "2031-12-31", "allowance": {"unit": "hours", "cap": 20}},
            {"id": "empty-0", "account": "empty", "allowance": {"unit": "cases", "cap": 0}},
            {"id": "quick-1", "account": "quick", "process": "Quick"},
            {"id": "four-1", "account": "four", "process": "Four"},
            {"id": "slow-1", "account": "slow", "type": "Audit", "process": "Years away"},
        ],
    }
)


class World:
    """The organisation's cases, each with a clock of its own that begins on a Monday at 9:00 in New York."""

    def __init__(self, clock: VirtualClock, store: Store, task_queue: str) -> None:
        self.clock = clock
        self.store = store
        self.task_queue = task_queue
        self.started_at: dict[str, datetime] = {}
        self.milepost = MilepostClient(clock.client, task_queue=task_queue, patience=PATIENT)

    async def open(self, account: str | None = "acme", case_id: str | None = None, **intake: Any) -> str:
        """Open a case; returns its id. At nine sharp, however long a busy machine takes for its first step."""
        case_id = case_id or unique("case")
        opened = {"clock": MONDAY, "opened_at": MONDAY}
        await self.milepost.open(
            CaseIntake.model_validate({"case_id": case_id, "account": account, **opened, **intake})
        )
        return case_id

    async def end_entitlements(self) -> None:
        """End the entitlements' workflows: the next test's are on another task queue, under the same ids."""
        for entitlement in CATALOG.entitlements:
            with suppress(RPCError):
                await self.clock.client.get_workflow_handle(workflow_id(entitlement.id)).terminate()

    async def go_to(self, case_id: str, instant: datetime) -> None:
        """Move the case's clock past an instant; everything due up to then has happened.

        A second past it: a timer begins when the server records it, so it fires some milliseconds after its instant.
        """
        await self._go_to(case_id, instant + timedelta(seconds=1))

    async def _go_to(self, case_id: str, instant: datetime) -> None:
        handle = self.milepost.handle(case_id)
        if case_id not in self.started_at:
            self.started_at[case_id] = (await handle.describe()).start_time
        await self.clock.go_to(handle, self.started_at[case_id] + (instant - MONDAY))

    async def ask(self, case_id: str, update: str, at: datetime, **event: Any) -> Answer:
        """Go to a second before an instant and send a request of that instant."""
        await self._go_to(case_id, at - timedelta(seconds=1))
        return await self.milepost.request(case_id, update, occurred_at=at.isoformat(), **event)

    async def view(self, case_id: str) -> CaseView:
        """The case as it stands."""
        return await self.milepost.view(case_id)

    async def milestone(self, case_id: str, name: str) -> MilestoneView:
        """The newest instance of a milestone."""
        return next(m for m in reversed((await self.view(case_id)).milestones) if m.milestone == name)

    async def history(self, case_id: str) -> WorkflowHistory:
        """The history of the newest run."""
        return await self.milepost.handle(case_id).fetch_history()

    async def failed_tasks(self, case_id: str) -> list[str]:
        """Why workflow tasks of the newest run failed: a task that is tried for ever shows here."""
        failed = (e.workflow_task_failed_event_attributes for e in (await self.history(case_id)).events)
        return [f.failure.message for f in failed if f.HasField("failure")]

    async def events(self, case_id: str) -> Counter[str]:
        """How many events of each type a real run would have."""
        history = await self.history(case_id)
        names = (EventType.Name(e.event_type).removeprefix("EVENT_TYPE_") for e in history.events)
        return Counter(name for name in names if name not in OF_TIME_SKIPPING)


def later(**span: float) -> datetime:
    """An instant after Monday 9:00."""
    return MONDAY + timedelta(**span)
