"""The workflow of one report that is sent: its schedule starts it, it has the report made and mailed, and ends.

Nothing is asked of it, so its one command follows from its argument, and from the instant of its schedule, alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.bounds import cut
    from domain.errors import Refused
    from domain.messages import report as messages
    from domain.messages.inbox import FORMAT, read_message, written_format
    from domain.messages.report import DueReport, ReportOrder, SentReport, due_at_of, is_of_report
    from workflows.failing import failed_activity, raised_by
    from workflows.newer import NewerBuild, check_format
    from workflows.waiting import SIGN_OF_LIFE

MAKING = timedelta(minutes=5)
"""Of one attempt: it is counted, drawn and handed in."""

GIVES_UP_AFTER = timedelta(days=3)
"""A report of last week that comes later is of no use to anybody."""

AGAIN = RetryPolicy(
    initial_interval=timedelta(seconds=5), backoff_coefficient=2, maximum_interval=timedelta(minutes=30)
)

_SCHEDULED_AT = SearchAttributeKey.for_datetime(messages.SCHEDULED_AT)


@workflow.defn(name=messages.REPORT_WORKFLOW)
class ReportWorkflow:
    """One report. Started with a `ReportOrder`; id ``report/{report}`` and the instant at which it was due."""

    @workflow.init
    def __init__(self, *raw: Any) -> None:
        self.refusal: ApplicationError | NewerBuild | None = None
        self.due: DueReport | None = None
        try:
            self.due = _read_order(raw)
        except (Refused, NewerBuild) as error:
            self.refusal = raised_by(error)

    @workflow.run
    async def run(self, *_raw: Any) -> SentReport:
        """Send it, and return to whom it went. What failed for good ends the run with its reason."""
        if self.refusal is not None:
            raise self.refusal
        assert self.due is not None  # noqa: S101  else there is a refusal
        try:
            sent: SentReport = await workflow.execute_activity(
                messages.SEND_REPORT,
                self.due,
                result_type=SentReport,
                start_to_close_timeout=MAKING,
                heartbeat_timeout=SIGN_OF_LIFE,
                schedule_to_close_timeout=GIVES_UP_AFTER,
                retry_policy=AGAIN,
                summary="make it and send it",
            )
        except ActivityError as error:
            raise failed_activity(error) from error
        return sent


def _read_order(raw: tuple[Any, ...]) -> DueReport:
    """What is to be sent, and when it was due.

    Raises:
        Refused: it is no order, or another report's.
        NewerBuild: a newer build wrote it so that this one can't read it.
    """
    if raw:
        check_format(written_format(raw[0]), FORMAT)
    order, info = read_message(ReportOrder, raw), workflow.info()
    if not is_of_report(info.workflow_id, order.report):
        wanted = messages.workflow_id(order.report)
        said = f"workflow {info.workflow_id!r} can't send report {order.report!r}; its id begins with {wanted!r}"
        raise Refused("wrong_id", cut(said))
    scheduled = info.typed_search_attributes.get(_SCHEDULED_AT)
    return DueReport(report=order.report, due_at=due_at_of(scheduled, info.start_time))
