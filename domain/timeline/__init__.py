"""The timeline of a case: a pure state machine over events and time."""

from domain.timeline.machine import Case, Timeline

__all__ = ["Case", "Timeline"]
