"""What a trigger does: the kinds of action, as a process declares them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from domain.ids import EndpointId
from domain.model import Value


def slug(name: str) -> str:
    """`name` as an id that is safe in URLs and mail headers: ``First response`` is ``first-response``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"


class _Action(Value):
    id: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$", max_length=60)


class Email(_Action):
    """A mail. `to`, `subject` and `body` are templates."""

    do: Literal["email"]
    to: list[str] = Field(min_length=1)
    subject: str
    body: str = ""

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Task(_Action):
    """A task for somebody. `subject`, `assign_to` and `body` are templates."""

    do: Literal["task"]
    subject: str
    assign_to: str = ""
    body: str = ""


class FieldUpdate(_Action):
    """A new value for a field of the case, at the instant at which its trigger was due."""

    do: Literal["field_update"]
    field: str
    value: Any


class OutboundMessage(_Action):
    """A request to an endpoint that the catalog declares. `body` is a template."""

    do: Literal["outbound_message"]
    endpoint: EndpointId
    body: str = ""


Action = Annotated[Email | Task | FieldUpdate | OutboundMessage, Field(discriminator="do")]


class ActionCall(Value):
    """One action of a fired trigger, with the key under which its receiver takes it once."""

    key: str
    action: Action
