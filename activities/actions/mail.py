"""Mails: their texts, and the log of those that no server is asked to deliver."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from activities.actions.effect import Effect
from activities.rendering.renderer import Renderer
from domain.process import Email


class MailLog(Protocol):
    """The log of sent mail."""

    def record_mail(
        self, key: str, *, to: Sequence[str], subject: str, body: str, at: datetime, due_at: datetime | None = None
    ) -> bool:
        """Put a mail into the log of sent mail."""


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail with its texts as they are read.

    Attributes:
        html: None: it has a plain text alone.
    """

    to: list[str]
    subject: str
    body: str
    html: str | None = None


async def rendered(action: Email, effect: Effect, renderer: Renderer) -> RenderedMail:
    """The texts of a mail.

    Raises:
        BadTemplate: one of them can't be rendered.
    """
    to = [await renderer.render(address, effect.context) for address in action.to]
    subject = await renderer.render(action.subject, effect.context)
    body = await renderer.render(action.body, effect.context)
    html = await renderer.render(action.html, effect.context, html=True) if action.html else None
    return RenderedMail(to, subject, body, html)


async def log(message: RenderedMail, effect: Effect, log: MailLog) -> None:
    """Put a mail that goes nowhere else into the log of sent mail."""
    await asyncio.to_thread(
        log.record_mail,
        effect.key,
        to=message.to,
        subject=message.subject,
        body=message.body,
        at=effect.at,
        due_at=effect.due_at,
    )
