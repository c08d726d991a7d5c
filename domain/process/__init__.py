"""Entitlement processes, their milestones, triggers and actions, as an organisation declares them."""

from domain.process.actions import ActionCall, Email, FieldUpdate, Task
from domain.process.declaration import EntitlementProcess
from domain.process.milestones import After, Milestone, OnChange, Recurrence, SpanRow
from domain.process.triggers import Trigger, TriggerKind

__all__ = [
    "ActionCall",
    "After",
    "Email",
    "EntitlementProcess",
    "FieldUpdate",
    "Milestone",
    "OnChange",
    "Recurrence",
    "SpanRow",
    "Task",
    "Trigger",
    "TriggerKind",
]
