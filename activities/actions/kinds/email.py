"""Mails: handed to a mail server, or put into the log of sent mail alone."""

from __future__ import annotations

from activities.actions import mail
from activities.actions.carrying_out import Tools, carries_out
from activities.actions.effect import Effect
from domain.process import Email


@carries_out(Email)
async def send(action: Email, effect: Effect, tools: Tools) -> None:
    """Hand a mail in; without a mail server, the log says what it would have said."""
    effect = await tools.surrounded(effect)
    message = await mail.rendered(action, effect, tools.renderer, tools.directory)
    if tools.outside is None or not tools.outside.sends_mail:
        await mail.log(message, effect, tools.log)
    else:
        await tools.outside.send_mail(message, effect)
