"""The one dispatcher of actions: by their kind, for cases and for entitlements, each done once under its key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal

from temporalio.exceptions import ApplicationError

from activities.actions import kinds
from activities.actions.attempts import unnamed
from activities.actions.carrying_out import MARKED, CarriesOut, Tools
from activities.actions.effect import Effect
from activities.actions.expiry import expired
from activities.actions.logs import ActionLog
from activities.actions.outside import Outside
from activities.actions.recipients import Directory
from activities.actions.surroundings import Links, Surroundings
from activities.rendering.renderer import BadTemplate, Renderer
from domain.feed.usage import UsageOutcome
from domain.process.actions import ActionKind


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
        self._surroundings = Surroundings(directory, links or Links())
        self._outside = outside
        self._tools = Tools(renderer, self._surrounded, directory, log, outside)
        self._by_kind = by_kind()

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
            await self._keep(effect)
            raise unnamed(ApplicationError(str(error), type="BadTemplate", non_retryable=True)) from None
        except ApplicationError as error:
            if error.non_retryable:
                await self._keep(effect)
            raise unnamed(error) from None
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

    async def _keep(self, effect: Effect) -> None:
        """Keep what failed for good: its case may have ended by the time that somebody has it tried again."""
        if effect.case_id is not None:  # an entitlement keeps its own
            await asyncio.to_thread(self._log.keep_order, effect.as_ordered())

    async def _do(self, effect: Effect, *, is_rehearsal: bool) -> None:
        action = effect.call.action
        carry_out = self._by_kind.get(type(action))
        if carry_out is None:
            raise ApplicationError(
                f"{effect.key}: no activity carries out a {action.do}; a case does so itself, on its timeline",
                type="UnknownAction",
                non_retryable=True,
            )
        tools = replace(self._tools, outside=None) if is_rehearsal else self._tools
        await carry_out(action, effect, tools)

    async def _surrounded(self, effect: Effect) -> Effect:
        """The same with all that its texts see."""
        return replace(effect, context=await self._surroundings.context(effect))


def by_kind() -> Mapping[type[ActionKind], CarriesOut[Any]]:
    """What carries out the actions of each kind, found in all modules of `activities.actions.kinds`."""
    for module in iter_modules(kinds.__path__, f"{kinds.__name__}."):
        import_module(module.name)
    return MARKED


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
