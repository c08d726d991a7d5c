"""What texts see beside what was ordered: the trigger, links, and the zone in which their readers live."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from activities.actions.effect import Effect
from activities.actions.recipients import CasePeople, Directory
from activities.rendering.filters import ZONE
from domain.criteria.fields import utc_text
from domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class Links:
    """Where people can see more.

    Attributes:
        console: address of the console; None: there is none.
        temporal_ui: address of the Temporal UI; None: nobody has said where it is.
        namespace: of the workflows.
    """

    console: str | None = None
    temporal_ui: str | None = None
    namespace: str = "default"

    def of(self, thread: str) -> dict[str, str | None]:
        """The links of a case or an entitlement.

        Args:
            thread: its workflow's id, such as ``case/4711``.
        """
        kind, _, name = thread.partition("/")
        pages = {"case": "cases", "entitlement": "entitlements"}
        console = f"{self.console.rstrip('/')}/{pages[kind]}/{quote(name, safe='')}" if self.console else None
        workflows = f"/namespaces/{quote(self.namespace, safe='')}/workflows/{quote(thread, safe='')}"
        return {
            "console": console,
            "temporal": f"{self.temporal_ui.rstrip('/')}{workflows}" if self.temporal_ui else None,
        }


class Surroundings:
    """Adds to the context of an action what is known only where it is carried out.

    Args:
        declared: the catalog as it stands now.
        links: to other places.
    """

    def __init__(self, declared: Directory, links: Links) -> None:
        self._declared = declared
        self._links = links

    async def context(self, effect: Effect) -> dict[str, Any]:
        """What the texts of an action see."""
        seen = {**effect.context, **_called(effect.context), "links": self._links.of(effect.thread)}
        if effect.trigger is not None:
            seen["trigger"] = _trigger(effect)
        return seen | await asyncio.to_thread(self._looked_up, effect.context)

    def _looked_up(self, context: dict[str, Any]) -> dict[str, Any]:
        owner = CasePeople(context, self._declared).owner()
        shown = None if owner is None else owner.model_dump(include={"id", "name", "team", "time_zone"})
        return {"owner": shown, ZONE: self._zone(context.get("account"))}

    def _zone(self, account: dict[str, Any] | None) -> str:
        """As it stood when the case took its account; else as it is declared now."""
        stood = account or {}
        if zone := stood.get("time_zone"):
            return str(zone)
        try:
            named = self._declared.account(str(stood["id"])).time_zone if stood.get("id") else None
        except NotFound:
            named = None
        return named or self._declared.organisation().time_zone


def _called(context: Mapping[str, Any]) -> dict[str, Any]:
    """The case, with what other systems call it; that is its id where they call it nothing else."""
    case = context.get("case")
    return {"case": {"external_id": case.get("id"), **case}} if isinstance(case, Mapping) else {}


def _trigger(effect: Effect) -> dict[str, Any]:
    due_at = effect.due_at or effect.at
    return {
        "id": effect.trigger,
        "kind": effect.event.rpartition(".")[2],
        "due_at": _text(due_at),
        "at": _text(effect.at),
        "late": int(effect.late_at(datetime.now(UTC)).total_seconds()),
    }


def _text(at: datetime) -> str:
    return utc_text(at.astimezone(UTC))
