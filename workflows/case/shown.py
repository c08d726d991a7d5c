"""What the Temporal UI shows of a case: its timeline as a list in Markdown (the UI draws tables without any space)."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain.bounds import cut, cut_for_search
    from domain.timeline.instances import InstanceState
    from domain.timeline.views import CaseView, MilestoneView
    from domain.wording import instant, numbered, span
    from workflows.case.actions import SHOWS_FAILED_ACTIONS
    from workflows.case.running import RunningCase
    from workflows.case.steps import Attempts

ACCOUNT = SearchAttributeKey.for_keyword("MilepostAccount")
ENTITLEMENT = SearchAttributeKey.for_keyword("MilepostEntitlement")
PRIORITY = SearchAttributeKey.for_keyword("MilepostPriority")
STATUS = SearchAttributeKey.for_keyword("MilepostStatus")
MILESTONE = SearchAttributeKey.for_keyword("MilepostMilestone")
STATE = SearchAttributeKey.for_keyword("MilepostState")
NEXT_DUE = SearchAttributeKey.for_datetime("MilepostNextDue")
FAILED_ACTIONS = SearchAttributeKey.for_int("MilepostFailedActions")

MOST_DETAILS_BYTES = 16 * 1024

Words = list[tuple[SearchAttributeKey[str], str | None]]


class Picture:
    """Keeps the Temporal UI's picture of a case right: details at no cost, search attributes when one changed."""

    def __init__(self, case: RunningCase) -> None:
        self._case = case
        self._attempts = Attempts("picture")
        self._published: dict[str, Any] = {}

    def show(self, view: CaseView | None = None) -> None:
        """Publish the case as it stands. A picture that can't be made is left out.

        Args:
            view: of the case, if whoever calls has it.
        """
        try:
            details, view, words = self._attempts.attempt("the picture", lambda: self._made(view))
        except ApplicationError:
            return
        workflow.set_current_details(details)
        if not self._case.is_closed:
            self._publish(view, words)

    def _made(self, view: CaseView | None) -> tuple[str, CaseView, Words]:
        view = view or self._case.newest()
        asked = [f"To decide: {decision.text}" for decision in view.open_decisions]
        details = cut("\n\n".join([case_details(view), *asked, *self._failed()]), MOST_DETAILS_BYTES)
        return details, view, self._words(view)

    def _failed(self) -> list[str]:
        """The actions that failed for good, each with its reason; nothing if there are none."""
        failed = self._case.kept.failed
        lines = [f"- {key}: {order.error or 'its reason is on the timeline'}" for key, order in failed.items()]
        return ["\n".join(["Actions that failed for good:", *lines])] if lines else []

    def _publish(self, view: CaseView, words: Words) -> None:
        updates: list[SearchAttributeUpdate[Any]] = [
            key.value_unset() if word is None else key.value_set(word)
            for key, word in words
            if word != self._published.get(key.name)
        ]
        if view.next_due != self._published.get(NEXT_DUE.name):
            updates.append(NEXT_DUE.value_set(view.next_due) if view.next_due else NEXT_DUE.value_unset())
        failed, shown = len(self._case.kept.failed) or None, self._published.get(FAILED_ACTIONS.name)
        if failed != shown and workflow.patched(SHOWS_FAILED_ACTIONS):
            updates.append(FAILED_ACTIONS.value_unset() if failed is None else FAILED_ACTIONS.value_set(failed))
            shown = failed
        if updates:
            workflow.upsert_search_attributes(updates)
            said = {NEXT_DUE.name: view.next_due, FAILED_ACTIONS.name: shown}
            self._published = {key.name: word for key, word in words} | said

    def _words(self, view: CaseView) -> Words:
        """Every attribute with its word, cut: the server ends a workflow that publishes a longer one."""
        kept = self._case.kept
        running = next((m.milestone for m in view.milestones if m.remaining_seconds is not None), None)
        priority = view.fields.get("priority")
        words: Words = [
            (ACCOUNT, kept.account),
            (ENTITLEMENT, kept.entitlement),
            (PRIORITY, None if priority is None else str(priority)),
            (STATUS, str(view.status)),
            (MILESTONE, running),
            (STATE, "stuck" if kept.stuck else "paused" if view.stopped else "open"),
        ]
        return [(key, None if word is None else cut_for_search(word)) for key, word in words]


def case_details(view: CaseView) -> str:
    """The current details of a case, which stand until its next event. Instants are UTC, spans open time."""
    process = f"**{view.process}** version {view.process_version}" if view.process else "no process"
    stopped = ", clock stopped" if view.stopped else ""
    lines = [f"{process}, milestone status **{view.status}**{stopped}"]
    if view.next_due:
        lines += ["", f"Next: {view.next_summary}, {instant(view.next_due)}"]
    lines += ["", *(f"- {_line(milestone)}" for milestone in view.milestones)]
    return "\n".join(lines).rstrip()


def _line(milestone: MilestoneView) -> str:
    name = numbered(milestone.milestone, milestone.occurrence)
    said = [f"**{name}** {milestone.state}"]
    if milestone.completed_at:
        said.append(f"at {instant(milestone.completed_at)}")
    target = instant(milestone.target_at) if milestone.target_at else "past the horizon"
    said.append(f"· target {target} ({milestone.span} of {milestone.business_hours})")
    if milestone.state is InstanceState.PAUSED and milestone.remaining_seconds is not None:
        said.append(f"· {span(milestone.remaining_seconds)} left")
    if milestone.violated:
        said.append("· **violated**")
    return " ".join(said)
