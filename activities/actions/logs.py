"""The part of the store that says what actions did. It takes a thing twice without harm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from activities.actions.expiry import ExpiryLog
from domain.feed.usage import UsageOutcome
from domain.process.actions import Action
from store.values import FailedOrder


class MailLog(Protocol):
    """The log of sent mail."""

    def record_mail(  # noqa: PLR0917  in the order of a mail's own parts
        self,
        key: str,
        to: Sequence[str],
        subject: str,
        body: str,
        at: datetime,
        due_at: datetime | None = None,
        answer: str | None = None,
        html: str | None = None,
        remark: str | None = None,
    ) -> bool:
        """Put a mail into the log of sent mail."""


class TaskLog(Protocol):
    """Where tasks are kept."""

    def record_task(
        self,
        key: str,
        *,
        subject: str,
        assign_to: str,
        body: str,
        at: datetime,
        due_at: datetime | None = None,
        account: str | None = None,
    ) -> bool:
        """Make a task."""


class ActionLog(ExpiryLog, MailLog, TaskLog, Protocol):
    """What was done of actions of all kinds."""

    def record_action_done(
        self,
        key: str,
        *,
        at: datetime | None = None,
        outcome: UsageOutcome | None = None,
        action: Action | None = None,
    ) -> None:
        """Note that an action was carried out."""

    def record_action_dropped(
        self,
        key: str,
        reason: str,
        *,
        at: datetime | None = None,
        outcome: UsageOutcome | None = None,
        action: Action | None = None,
    ) -> None:
        """Note that an action had expired."""

    def record_action_retried(self, outcome: UsageOutcome) -> None:
        """Note that somebody has an entitlement's action tried again."""

    def keep_order(self, order: FailedOrder) -> None:
        """Keep a case's action that failed for good as it was ordered, until it is done at last."""
