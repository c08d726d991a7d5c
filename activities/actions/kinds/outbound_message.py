"""Outbound messages: requests to the endpoints that the catalog declares."""

from __future__ import annotations

from activities.actions import hooks
from activities.actions.carrying_out import Tools, carries_out
from activities.actions.effect import Effect
from activities.delivery.outcomes import Delivered
from domain.catalog.endpoints import Endpoint
from domain.process.actions import OutboundMessage


@carries_out(OutboundMessage)
async def send(action: OutboundMessage, effect: Effect, tools: Tools) -> None:
    """Make an attempt at its endpoint, as that is declared now.

    Thousands may wait for one that is dead: what a message says is looked up when it is its turn.
    """
    outside, name = tools.outside, action.endpoint
    if outside is None or not outside.sends_hooks:
        seen = await tools.surrounded(effect)
        await tools.renderer.render(action.body, seen.context)  # a mistake shows in a rehearsal too
        return

    async def made(endpoint: Endpoint) -> hooks.Request:
        return await hooks.request(action, endpoint, await tools.surrounded(effect), tools.renderer)

    async def attempt(number: int) -> Delivered:
        return await outside.endpoints.send(name, effect.key, number, made)

    await outside.attempt(effect, action.do, f"endpoint {name}", name, attempt)
