"""Mails: whom they go to, their texts, and the log of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from temporalio.exceptions import ApplicationError

from activities.actions.effect import Effect
from activities.actions.logs import MailLog
from activities.actions.recipients import Directory, recipients
from activities.rendering.renderer import Renderer
from domain.bounds import cut
from domain.catalog.mailing import MailTemplate
from domain.errors import NotFound
from domain.process import Email

NO_RECIPIENT = "NoRecipient"
"""The type of the error of a mail that nobody gets."""


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail with its texts as they are read.

    Attributes:
        html: None: it has a plain text alone.
        remark: roles that nobody had, in one line; None: there is nothing to say.
    """

    to: list[str]
    subject: str
    body: str
    html: str | None = None
    remark: str | None = None


async def rendered(action: Email, effect: Effect, renderer: Renderer, directory: Directory) -> RenderedMail:
    """A mail as it is read, with the addresses of those who get it now.

    Raises:
        BadTemplate: one of its texts can't be rendered.
        ApplicationError: nobody gets it, or its template is gone.
    """
    to = [await renderer.render(address, effect.context) for address in action.to]
    found = await asyncio.to_thread(recipients, to, effect.context, directory)
    if not found.addresses:
        raise ApplicationError(
            cut(f"nobody to send it to; {'; '.join(found.nobody)}"), type=NO_RECIPIENT, non_retryable=True
        )
    texts: Email | MailTemplate = action
    if action.template is not None:
        try:
            texts = await asyncio.to_thread(directory.mail_template, action.template)
        except NotFound as error:
            raise ApplicationError(str(error), type="NotFound", non_retryable=True) from None
    subject = await renderer.render(texts.subject, effect.context)
    body = await renderer.render(texts.body, effect.context)
    html = await renderer.render(texts.html, effect.context, html=True) if texts.html else None
    remark = cut(f"not sent to {'; '.join(found.nobody)}") if found.nobody else None
    return RenderedMail(found.addresses, subject, body, html, remark)


async def log(message: RenderedMail, effect: Effect, log: MailLog, answer: str | None = None) -> bool:
    """Put a mail into the log of sent mail; False: it is there already.

    Args:
        message: as it was sent, or would have been.
        effect: the action.
        log: where it is put.
        answer: what the mail server said; None: none was asked.
    """
    return await asyncio.to_thread(
        log.record_mail,
        effect.key,
        to=message.to,
        subject=message.subject,
        body=message.body,
        at=effect.at,
        due_at=effect.due_at,
        answer=answer,
        html=message.html,
        remark=message.remark,
    )
