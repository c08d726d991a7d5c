"""What a trigger does: the kinds of action, as a process declares them."""

from __future__ import annotations

import operator
import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from domain.ids import EndpointId, Id, PartId
from domain.model import Value
from domain.open_time.spans import Offset

NEVER, COMPLETED = "never", "completed"
"""When an action expires, if not by a span of time."""


def slug(name: str) -> str:
    """`name` as an id that is safe in URLs and mail headers: ``First response`` is ``first-response``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"


class _Action(Value):
    id: PartId = ""


class _Sent(_Action):
    """An action that somebody receives, and that may be worth nothing after a while.

    Attributes:
        expires: what still waits is dropped once its milestone is completed (``completed``), or so long after its
            trigger was due (a span of time such as ``2h``); or ``never``.
    """

    expires: str = Field(default=NEVER, exclude_if=lambda value: value == NEVER)

    @field_validator("expires")
    @classmethod
    def _says_when(cls, value: str) -> str:
        if value not in {NEVER, COMPLETED}:
            try:
                span = Offset.parse(value)
            except ValueError:
                raise ValueError(
                    f"{value!r} is no time to expire; write {COMPLETED}, a span of time such as 2h, or {NEVER}"
                ) from None
            if span.seconds == 0:
                raise ValueError("what expires at once is never sent; leave the action out")
        return value

    @property
    def expires_after(self) -> timedelta | None:
        """So long after its trigger was due; None: it does not expire by time."""
        return None if self.expires in {NEVER, COMPLETED} else timedelta(seconds=Offset.parse(self.expires).seconds)


class Email(_Sent):
    """A mail. `subject`, `body` and `html` are texts.

    Attributes:
        to: addresses, roles and ids of people; each may be a text.
        template: the catalog's, which has the texts; None: they are here.
        hours: business hours for whose opening it waits; None: as its trigger says, or else the organisation.
        html: the same as `body`, for those who read HTML; values are escaped in it.
    """

    do: Literal["email"]
    to: list[str] = Field(min_length=1)
    template: Id | None = Field(default=None, exclude_if=operator.not_)
    subject: str = ""
    body: str = ""
    html: str = Field(default="", exclude_if=operator.not_)
    hours: str | None = Field(default=None, min_length=1, max_length=80, exclude_if=operator.not_)

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_its_texts(self) -> Self:
        if self.template is not None and (self.subject or self.body or self.html):
            raise ValueError(f"template {self.template!r} has the texts of this mail; leave subject, body and html out")
        if self.template is None and not self.subject:
            raise ValueError("a mail needs a subject; give subject, or template: one of the catalog's templates")
        if self.html and not self.body:
            raise ValueError("html goes beside a text for those who read no HTML; give body too")
        return self


class Task(_Sent):
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


class OutboundMessage(_Sent):
    """A request to an endpoint that the catalog declares. `body` is a template."""

    do: Literal["outbound_message"]
    endpoint: EndpointId
    body: str = ""


Action = Annotated[Email | Task | FieldUpdate | OutboundMessage, Field(discriminator="do")]


class ActionCall(Value):
    """One action of a fired trigger, with the key under which its receiver takes it once."""

    key: str
    action: Action
