"""Endpoints as people see them: where they lead, how they do, and with which keys they sign."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from activities.actions.secret_sources import signing_secret
from activities.delivery.outcomes import NotDelivered
from domain.delivery.signing import PRIVATE
from domain.errors import Refused
from domain.wording import second

if TYPE_CHECKING:
    from domain.catalog.endpoints import Endpoint
    from store.values import EndpointState


def endpoint_lines(declared: Sequence[Endpoint], states: Sequence[EndpointState], zone: tzinfo) -> list[str]:
    """The endpoints, a line each: where they lead, and how they do. Those that are retired are left out."""
    known = {state.endpoint: state for state in states}
    shown = [endpoint for endpoint in declared if not endpoint.retired]
    width = max((len(endpoint.id) for endpoint in shown), default=0)
    return [f"{one.id:<{width}}  {one.kind:<8}  {one.url}  {_health(known.get(one.id), zone)}" for one in shown]


def public_key_lines(endpoint: Endpoint) -> list[str]:
    """The public half of each ed25519 key of an endpoint, as its receiver takes it: ``whpk_...``.

    Raises:
        Refused: a secret of it can't be read here, or none is such a key.
    """
    try:
        keys = [signing_secret(source).public_key for source in endpoint.secrets]
    except NotDelivered as error:
        raise Refused("no_secret", str(error)) from None
    found = [key for key in keys if key is not None]
    if not found:
        raise Refused("no_public_key", f"endpoint {endpoint.id!r} signs with no ed25519 key; one begins with {PRIVATE}")
    return found


def _health(state: EndpointState | None, zone: tzinfo) -> str:
    if state is None or (not state.failures and state.off_at is None):
        return "well"
    if state.off_at is not None:
        return f"OFF since {second(state.off_at, zone)}: {state.said}"
    times = "once" if state.failures == 1 else f"{state.failures} times in a row"
    alone = f", left alone until {second(state.open_until, zone)}" if state.open_until else ""
    return f"failed {times}{alone}: {state.said}"
