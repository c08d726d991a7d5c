"""What the workflow of a report is started with, and what it has done."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.bounds import Instant
from domain.ids import Id
from domain.model import Value
from domain.wording import stamp

REPORT_WORKFLOW = "ReportWorkflow"

SEND_REPORT = "send_report"

SCHEDULED_AT = "TemporalScheduledStartTime"
"""The search attribute in which the server says at which instant of its schedule a workflow was due."""

_INSTANT_BEHIND = re.compile(r"(-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z)?", re.ASCII)
"""What the server puts behind the id of a workflow that a schedule starts; there may be nothing."""


class ReportOrder(Value):
    """A report is to be sent. The schedule of the report starts its workflow with it.

    Attributes:
        report: its id; what it says, and to whom it goes, the catalog says when it is sent.
    """

    report: Id


class DueReport(ReportOrder):
    """A report that is due.

    Attributes:
        due_at: the instant of its schedule, for which it holds whenever it is made.
    """

    due_at: Instant

    @property
    def key(self) -> str:
        """Names what is sent: under one key it goes out once."""
        return f"report/{self.report}/{stamp(self.due_at).replace(' ', 'T')}"


class SentReport(Value):
    """What came of it.

    Attributes:
        outcome: `retired`: it is declared no more.
        said: what the mail server said.
    """

    key: str
    outcome: Literal["sent", "retired"]
    to: list[str] = Field(default_factory=list)
    said: str = ""


def workflow_id(report: str) -> str:
    """Before the instant that it is due it is the id of a report's workflow."""
    return f"report/{report}"


def schedule_id(report: str) -> str:
    """The id of a report's schedule."""
    return f"report/{report}"


def is_of_report(own_id: str, report: str) -> bool:
    """Whether the workflow of that id may send a report: the id is the report's, perhaps with an instant behind it.

    Ids of other reports may begin with it as well: `weekly-eu` is none of `weekly`.
    """
    head, rest = own_id[: len(workflow_id(report))], own_id[len(workflow_id(report)) :]
    return head == workflow_id(report) and _INSTANT_BEHIND.fullmatch(rest) is not None


def due_at_of(scheduled: datetime | None, started: datetime) -> datetime:
    """The instant at which a report was due: as its schedule says, or when somebody started it by hand."""
    return (scheduled or started).replace(microsecond=0)
