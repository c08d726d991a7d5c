"""The actions of a case as people see them: what each said or did, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from domain.delivery.naming import UNNAMED
from domain.wording import plural, second

if TYPE_CHECKING:
    from store import Store
    from store.cases.stored_actions import StoredAction
    from store.values import Delivery, Redelivery


@dataclass(frozen=True, slots=True)
class ShownAction:
    """An action of a trigger that fired.

    Attributes:
        key: under which it is done once.
        due_at: when its trigger was due.
        text: in words; of one that was done, as its receiver has it.
        status: `ordered`, `done`, `failed` or `dropped`.
        error: why it failed, or was dropped.
    """

    key: str
    milestone: str
    occurrence: int
    trigger: str
    due_at: datetime
    text: str
    status: str
    error: str | None = None


def case_actions(store: Store, case_id: str) -> list[ShownAction]:
    """The recorded actions of a case, in the order in which they fell due; nothing for a case that is not known."""
    tried = {delivery.key: delivery.to for delivery in store.deliveries.of_case(case_id) if delivery.status != "sent"}
    # Of a mail that only some have yet, the line is about all to whom it is to go.
    said = {
        mail.key: f"email to {tried.get(mail.key) or ', '.join(mail.to)}: {mail.subject}"
        for mail in store.actions.mails(case_id)
    }
    said |= {task.key: f"task for {task.assign_to or 'nobody'}: {task.subject}" for task in store.tasks.find(case_id)}
    return [
        ShownAction(
            key=stored.key,
            milestone=stored.milestone,
            occurrence=stored.occurrence or 1,
            trigger=stored.trigger,
            due_at=stored.due_at,
            text=said.get(stored.key) or (stored.action.in_words if stored.action else stored.key),
            status=stored.status,
            error=stored.error,
        )
        for stored in store.actions.of_case(case_id)
        if stored.milestone and stored.trigger and stored.due_at  # else only its outcome is recorded so far
    ]


def action_lines(store: Store, case_id: str, zone: tzinfo) -> list[str]:
    """The actions of a case, some lines each: with what was sent, when, to whom, and the receiver's answer.

    Of what was delivered again by hand: who asked for it, when, and what came of it.
    """
    sent = {delivery.key: delivery for delivery in store.deliveries.of_case(case_id)}
    again = store.redeliveries.of_case(case_id)
    remarks = {mail.key: mail.remark for mail in store.actions.mails(case_id) if mail.remark}
    lines: list[str] = []
    for action in case_actions(store, case_id):
        lines.append(f"{second(action.due_at, zone)}  {action.milestone}: {action.text} ({action.status})")
        lines.append(f"    {action.key}")
        if action.key in sent:
            lines.append(f"    {_delivered(sent[action.key], zone)}")
        elif action.error:
            lines.append(f"    {action.error}")
        if action.key in remarks:
            lines.append(f"    {remarks[action.key]}")
        lines += [f"    {_delivered_again(one, zone)}" for one in again if one.key == action.key]
    return lines


def _delivered_again(one: Redelivery, zone: tzinfo) -> str:
    asked = f"delivered again by hand: {one.by} asked at {second(one.asked_at, zone)}"
    became = {"sent": "sent", "waits": "waits for an attempt", "failed": "failed"}[one.status]
    tries = f", {plural(one.attempts, 'attempt')}" if one.attempts else ""
    return f"{asked}; {became}{tries}{f': {one.answer}' if one.answer else ''}"


def failed_lines(failed: Sequence[StoredAction], zone: tzinfo, answers: Mapping[str, str]) -> list[str]:
    """Actions that failed for good, two lines each: whose, when and why, and the key to retry it by.

    Args:
        failed: in their order.
        zone: in which instants are shown.
        answers: what was last said of their deliveries, by their keys: to whom, which the reason itself leaves out.
    """
    lines: list[str] = []
    for one in failed:
        whose = "entitlement" if one.entitlement else "case"
        foreign = f" ({one.external_id})" if one.external_id else ""
        at = second(one.failed_at, zone) if one.failed_at else "at some time"
        why = answers.get(one.key, one.error) if UNNAMED in (one.error or "") else one.error
        lines += [f"{at}  {whose} {one.case_id}{foreign}: {why}", f"    {one.key}"]
    return lines


def _delivered(delivery: Delivery, zone: tzinfo) -> str:
    if delivery.status == "waits" and not delivery.attempts:
        return f"waits to go to {delivery.to}{f': {delivery.answer}' if delivery.answer else ''}"
    attempts = plural(delivery.attempts, "attempt")
    when = second(delivery.last_at or delivery.first_at, zone)
    became = {"sent": "sent", "waits": "waits for another attempt", "failed": "failed", "dropped": "dropped"}
    said = f": {delivery.answer}" if delivery.answer else ""
    return f"{became[delivery.status]} to {delivery.to}, {attempts}, the last at {when}{said}"
