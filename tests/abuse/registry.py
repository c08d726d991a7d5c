"""Every message that a workflow takes, with its model and a sample that is taken.

What the workflows' own definitions have and this table does not is found by a test, and so is what it has too much.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel
from temporalio import workflow

from domain.messages.case_state import EntitlementChange
from domain.messages.cases import ActionRetry, CaseIntake, Migration, OverageChoice, TimeLogged, TimeReversed
from domain.messages.migrations import MigrationOrder
from domain.messages.redelivery import RedeliveryOrder
from domain.messages.report import ReportOrder
from domain.subscriptions.requests import (
    SubscriptionEnd,
    SubscriptionPause,
    SubscriptionReplay,
    SubscriptionResume,
    SubscriptionStart,
)
from domain.timeline.events import (
    CaseClosed,
    CaseReopened,
    ClockResumed,
    ClockStopped,
    CompletionCleared,
    FieldsChanged,
    MilestoneCompleted,
    MilestoneExtended,
)
from domain.usage.requests import (
    BalanceCarriedIn,
    BalanceTakenBack,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementOverflowed,
    EntitlementRenewed,
    EntitlementStart,
    EntitlementTerms,
    OverageCovered,
    OverageDecision,
    OverageVoided,
    TimeEntry,
    UsageActionRetry,
    UsageAdjusted,
    UsageGranted,
)
from worker.plugin import WORKFLOWS

Kind = Literal["start", "update", "signal", "query"]

UNHEARD_OF: Final = "unheard_of"
"""A name that no workflow knows: it goes to the handler of all other names, if there is one."""


@dataclass(frozen=True)
class Message:
    """Something that a workflow is sent.

    Attributes:
        model: None: it takes no object.
        sample: of the message, without what every test gives it anew (ids); or, without a model, an argument.
        is_many: whether its argument is a list of such objects.
    """

    workflow: str
    kind: Kind
    name: str
    model: type[BaseModel] | None = None
    sample: Any = None
    is_many: bool = False

    @property
    def id(self) -> str:
        """Its name in a report."""
        argument = f" with {self.model.__name__}" if self.kind == "start" and self.model else ""
        return f"{self.workflow} {self.kind} {self.name}{argument}"


CASE, ENTITLEMENT, MIGRATION = "CaseWorkflow", "EntitlementWorkflow", "MigrationWorkflow"
SUBSCRIPTION = "SubscriptionWorkflow"
REDELIVERY = "RedeliveryWorkflow"
REPORT = "ReportWorkflow"

AT = datetime(2025, 6, 9, 13, tzinfo=UTC).isoformat()
_ID: dict[str, Any] = {"event_id": "ugly"}
_BY_HAND: dict[str, Any] = {**_ID, "by": "ann", "reason": "a mistake"}
_ANSWER = {**_ID, "milestone": "Answer"}
_TERMS: dict[str, Any] = {
    "entitlement_id": "E",
    "account": "acme",
    "allowance": {"cap": 50},
    "periods": {"term": {"time_zone": "UTC"}, "starts": [], "ends_at": None, "known_until": None},
}
_OVERFLOW = {
    "event_id": "o",
    "entitlement_id": "E",
    "reference": "r",
    "case_id": "c",
    "number": 1,
    "occurred_at": AT,
    "unit": "cases",
    "amount": 1,
    "used": 2,
    "cap": 2,
    "period": 0,
    "first_day": None,
}
_DECISION = {**_ID, "reference": "r", "approved": True, "by": "ann", "reason": "they pay", "occurred_at": AT}


def _case(kind: Kind, name: str, model: type[BaseModel] | None = None, sample: Any = None) -> Message:
    return Message(CASE, kind, name, model, sample)


def _entitlement(
    kind: Kind, name: str, model: type[BaseModel] | None = None, sample: Any = None, *, is_many: bool = False
) -> Message:
    return Message(ENTITLEMENT, kind, name, model, sample, is_many)


MESSAGES: Final = [
    _case("start", CASE, CaseIntake, {"case_id": "c", "account": "acme", "fields": {"priority": "High"}}),
    _case("update", "open"),
    _case("update", "complete_milestone", MilestoneCompleted, _ANSWER),
    _case("update", "change_fields", FieldsChanged, {**_ID, "fields": {"state": "Open"}}),
    _case("update", "stop_clock", ClockStopped, _ID),
    _case("update", "resume_clock", ClockResumed, _ID),
    _case("update", "clear_completion", CompletionCleared, _ANSWER),
    _case("update", "extend_milestone", MilestoneExtended, {**_ANSWER, "open_seconds": 3600}),
    _case("update", "close", CaseClosed, _ID),
    _case("update", "reopen", CaseReopened, _ID),
    _case("update", "change_entitlement", EntitlementChange, {**_ID, "entitlement": "acme-gold"}),
    _case("update", "decide_overage", OverageChoice, {**_ID, "approved": True, "by": "ann"}),
    _case("update", "log_time", TimeLogged, {**_ID, "id": "T-1", "minutes": 30}),
    _case("update", "reverse_time", TimeReversed, {**_BY_HAND, "entry": "T-1"}),
    _case("update", "migrate", Migration, _ID),
    _case("update", "retry_action", ActionRetry, {"key": "k"}),
    _case("update", UNHEARD_OF),
    _case("signal", "milestone_completed", MilestoneCompleted, _ANSWER),
    _case("signal", "fields_changed", FieldsChanged, {**_ID, "fields": {"state": "Open"}}),
    _case("signal", "clock_stopped", ClockStopped, _ID),
    _case("signal", "clock_resumed", ClockResumed, _ID),
    _case("signal", "time_logged", TimeLogged, {**_ID, "id": "T-1", "minutes": 30}),
    _case("signal", "case_closed", CaseClosed, _ID),
    _case("signal", "entitlement_overflowed", EntitlementOverflowed, _OVERFLOW),
    _case("signal", UNHEARD_OF),
    _case("query", "timeline", sample=AT),
    _case("query", "explain", sample=AT),
    _entitlement("start", ENTITLEMENT, EntitlementStart, {"entitlement_id": "E", "clock": AT}),
    _entitlement("start", ENTITLEMENT, EntitlementTerms, _TERMS),  # of a client that is older
    _entitlement("update", "consume", Consumption, {**_ID, "reference": "r"}),
    _entitlement("update", "consume_many", Consumption, {**_ID, "reference": "r"}, is_many=True),
    _entitlement("update", "log_hours", TimeEntry, {"id": "T-1", "minutes": 30, "worked_at": AT}),
    _entitlement("update", "approve_overage", OverageDecision, _DECISION),
    _entitlement("update", "reverse", ConsumptionReversed, {**_BY_HAND, "reference": "r"}),
    _entitlement("update", "adjust", UsageAdjusted, {**_BY_HAND, "amount": 1}),
    _entitlement("update", "amend", EntitlementAmended, {**_BY_HAND, "cap": 60}),
    _entitlement("update", "cancel", EntitlementCancelled, _BY_HAND),
    _entitlement("update", "renew", EntitlementRenewed, _BY_HAND),
    _entitlement("update", "carry_in", BalanceCarriedIn, {**_BY_HAND, "amount": 1}),
    _entitlement("update", "carry_back", BalanceTakenBack, {**_BY_HAND, "amount": 1}),
    _entitlement("update", "cover_overage", OverageCovered, {**_BY_HAND, "reference": "r"}),
    _entitlement("update", "void_overage", OverageVoided, {**_BY_HAND, "reference": "r"}),
    _entitlement("update", "grant", UsageGranted, {**_BY_HAND, "amount": 1}),
    _entitlement("update", "retry_action", UsageActionRetry, {"key": "k"}),
    _entitlement("update", UNHEARD_OF),
    _entitlement("signal", UNHEARD_OF),
    _entitlement("query", "balance", sample=AT),
    _entitlement("query", "has_taken", sample="r"),
    Message(MIGRATION, "start", MIGRATION, MigrationOrder, {"migration_id": "m"}),
    Message(MIGRATION, "update", UNHEARD_OF),
    Message(MIGRATION, "signal", UNHEARD_OF),
    Message(MIGRATION, "query", "progress"),
    Message(MIGRATION, "query", "order"),
    Message(SUBSCRIPTION, "start", SUBSCRIPTION, SubscriptionStart, {"subscription_id": "s"}),
    Message(SUBSCRIPTION, "update", "pause", SubscriptionPause, {"by": "ann", "reason": "release"}),
    Message(SUBSCRIPTION, "update", "resume", SubscriptionResume, {"by": "ann"}),
    Message(SUBSCRIPTION, "update", "replay", SubscriptionReplay, {"cursor": "now", "by": "ann"}),
    Message(SUBSCRIPTION, "update", "end", SubscriptionEnd, {"by": "ann"}),
    Message(SUBSCRIPTION, "update", UNHEARD_OF),
    Message(SUBSCRIPTION, "signal", UNHEARD_OF),
    Message(SUBSCRIPTION, "query", "standing"),
    Message(REDELIVERY, "start", REDELIVERY, RedeliveryOrder, {"key": "k", "by": "ann", "asked_at": AT}),
    Message(REPORT, "start", REPORT, ReportOrder, {"report": "r"}),
]


def defined() -> set[tuple[str, Kind, str]]:
    """Every message that a workflow class says it takes. A handler of all other names counts as one unheard of."""
    found: set[tuple[str, Kind, str]] = set()
    for cls in WORKFLOWS:
        definition = workflow._Definition.must_from_class(cls)  # there is no public way to ask
        name = definition.name or cls.__name__
        found.add((name, "start", name))
        handlers: dict[Kind, Any] = {
            "update": definition.updates,
            "signal": definition.signals,
            "query": definition.queries,
        }
        for kind, named in handlers.items():
            found |= {(name, kind, handler or UNHEARD_OF) for handler in named}
    return found
