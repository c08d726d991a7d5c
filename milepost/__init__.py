"""Milepost: a durable SLA engine on Temporal. This is the one import that users need."""

from clients.cases import MilepostClient
from clients.sending import NoAnswer
from domain.calendar import BusinessHours
from domain.errors import NotFound, Refused
from domain.frozen import FrozenCalendar
from domain.messages.cases import Answer, CaseIntake
from domain.timeline.machine import Timeline
from domain.timeline.views import CaseView

__all__ = [
    "Answer",
    "BusinessHours",
    "CaseIntake",
    "CaseView",
    "FrozenCalendar",
    "MilepostClient",
    "NoAnswer",
    "NotFound",
    "Refused",
    "Timeline",
]
