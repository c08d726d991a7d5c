"""The one dispatcher of actions: by their kind, for cases and for entitlements, each done once under its key."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Literal, Protocol, assert_never

from temporalio.exceptions import ApplicationError

from activities.actions import mail, signals, tasks
from activities.actions.effect import Effect
from activities.actions.expiry import ExpiryLog, expired
from activities.actions.mail import MailLog
from activities.actions.outside import Outside
from activities.actions.recipients import Directory
from activities.actions.surroundings import Links, Surroundings
from activities.actions.tasks import TaskLog
from activities.rendering.renderer import BadTemplate, Renderer
from domain.feed.usage import UsageOutcome
from domain.process import Email, FieldUpdate, Task
from domain.process.actions import Action, OutboundMessage, Signal


class ActionLog(ExpiryLog, MailLog, TaskLog, Protocol):
    """The part of the store that says what was done. It takes a thing twice without harm."""

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


class Dispatcher:
    """Carries actions out.

    Args:
        log: where what was done is recorded.
        directory: who gets mails, and what the catalog says of them.
        renderer: of their texts.
        outside: the way to mail servers and endpoints; None: nothing leaves this process, and
            the log says what would have.
        links: that texts may name.
    """

    def __init__(
        self,
        log: ActionLog,
        directory: Directory,
        renderer: Renderer,
        outside: Outside | None = None,
        links: Links | None = None,
    ) -> None:
        self._log = log
        self._directory = directory
        self._surroundings = Surroundings(directory, links or Links())
        self._renderer = renderer
        self._outside = outside

    async def perform(self, effect: Effect) -> str | None:
        """Carry an action out; one that is worth nothing any more is dropped, on record. Returns why, if it was.

        Raises:
            ApplicationError: it was not done; it says when to try again, or that there is no sense in it.
        """
        outside = self._outside
        is_rehearsal = outside is None or await outside.is_rehearsal(effect)
        pace = 1 if outside is None else outside.pace
        worthless = await expired(effect, self._log, pace=pace, is_rehearsal=is_rehearsal)
        if worthless is not None and not await asyncio.to_thread(self._log.was_sent, effect.key):
            dropped = _outcome(effect, "dropped", worthless)
            record = partial(self._log.record_action_dropped, effect.key, worthless, at=effect.at)
            await asyncio.to_thread(record, outcome=dropped, action=effect.call.action)
            return worthless
        try:
            await self._do(effect, is_rehearsal=is_rehearsal)
        except BadTemplate as error:  # wrong today is wrong at every retry
            raise ApplicationError(str(error), type="BadTemplate", non_retryable=True) from error
        sent = _outcome(effect, "sent")
        record = partial(self._log.record_action_done, effect.key, at=effect.at)
        await asyncio.to_thread(record, outcome=sent, action=effect.call.action)
        return None

    async def retried(self, effect: Effect, by: str | None, at: datetime) -> None:
        """Tell that somebody has an entitlement's action tried again; nothing of one that has not failed.

        Args:
            effect: the action.
            by: who asked for it.
            at: when, by the entitlement's clock.
        """
        told = _outcome(effect, "retried")
        if told is not None:
            told = told.model_copy(update={"by": by, "at": at})
            await asyncio.to_thread(self._log.record_action_retried, told)

    async def _do(self, effect: Effect, *, is_rehearsal: bool) -> None:
        action, outside = effect.call.action, None if is_rehearsal else self._outside
        match action:
            case Email():
                effect = await self._surrounded(effect)
                message = await mail.rendered(action, effect, self._renderer, self._directory)
                if outside is None or not outside.sends_mail:
                    await mail.log(message, effect, self._log)
                else:
                    await outside.send_mail(message, effect)
            case Task():
                await tasks.make(action, await self._surrounded(effect), self._renderer, self._log)
            case OutboundMessage():
                if outside is None or not outside.sends_hooks:
                    seen = await self._surrounded(effect)
                    await self._renderer.render(action.body, seen.context)  # a mistake shows in a rehearsal too
                else:  # thousands may wait for one that is dead: what they say is looked up when it is their turn
                    await outside.send_hook(action, effect, self._renderer, self._surrounded)
            case Signal():
                rendered = await signals.rendered(action, await self._surrounded(effect), self._renderer)
                if outside is not None:
                    await outside.send_signal(rendered, effect)
            case FieldUpdate():
                raise ApplicationError(
                    f"{effect.key}: a field update takes effect on the timeline of a case, nowhere else",
                    type="UnknownAction",
                    non_retryable=True,
                )
            case _:
                assert_never(action)

    async def _surrounded(self, effect: Effect) -> Effect:
        """The same with all that its texts see."""
        return replace(effect, context=await self._surroundings.context(effect))


def _outcome(
    effect: Effect, kind: Literal["sent", "retried", "dropped"], said: str | None = None
) -> UsageOutcome | None:
    """What became of an entitlement's action, for its feed; None of a case's, whose workflow tells it."""
    if effect.case_id is not None:
        return None
    account = (effect.context.get("account") or {}).get("id")
    return UsageOutcome(
        kind=kind,
        entitlement=effect.thread.partition("/")[2],
        account=None if account is None else str(account),
        key=effect.key,
        do=effect.call.action.do,
        at=effect.at,
        said=said,
    )
