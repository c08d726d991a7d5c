"""What a trigger does: the kinds of action, as a process declares them.

A kind is one class, named in `Action`: its keys, which of them are texts, and how people read it. What carries it out
is in `activities.actions.kinds`, a module each.
"""

from __future__ import annotations

import operator
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AwareDatetime, Field, field_validator, model_validator

from domain.frozen import FrozenCalendar, HorizonExceeded
from domain.ids import EndpointId, Id, PartId
from domain.model import Value
from domain.open_time.spans import Offset, Span

NEVER, COMPLETED = "never", "completed"
"""When an action expires, if not by a span of time."""


@lru_cache(maxsize=1024)
def slug(name: str) -> str:
    """`name` as an id that is safe in URLs and mail headers: ``First response`` is ``first-response``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"


Placed = tuple[tuple[str | int, ...], str]
"""A text of an action: where in it, and what is written there."""


class ActionKind(Value, ABC):
    """An action of any kind; `do` says which.

    Attributes:
        not_again: why one that was carried out is not delivered again by hand, in words; None: it is.
    """

    not_again: ClassVar[str | None] = "only mails and messages are kept to be sent again"

    id: PartId = ""

    @abstractmethod
    def templates(self) -> Iterator[Placed]:
        """Its texts, as they are declared."""

    @property
    @abstractmethod
    def in_words(self) -> str:
        """What it is to do, with its texts as they are declared: a line for people."""


class _Sent(ActionKind):
    """An action that an activity carries out, and that may be worth nothing after a while.

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

    not_again = None

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

    def templates(self) -> Iterator[Placed]:
        """Its texts, as they are declared."""
        yield from ((("to", number), address) for number, address in enumerate(self.to))
        yield ("subject",), self.subject
        yield ("body",), self.body
        yield ("html",), self.html

    @property
    def in_words(self) -> str:
        """Whom it goes to, and its subject or its template."""
        return f"email to {', '.join(self.to)}: {self.subject or f'template {self.template}'}"


class Task(_Sent):
    """A task for somebody. `subject`, `assign_to` and `body` are templates.

    Attributes:
        due: by when it is to be done: so much open time of the milestone's calendar after what `due_from` says.
        due_from: the instant at which the trigger was due, or the milestone's target; without `due` it is due at that
            target itself.
    """

    not_again = "a task is a row, and is there: milepost tasks lists it"

    do: Literal["task"]
    subject: str
    assign_to: str = ""
    body: str = ""
    due: Span | None = Field(default=None, exclude_if=lambda value: value is None)
    due_from: Literal["trigger", "target"] = Field(default="trigger", exclude_if=lambda value: value == "trigger")

    @property
    def has_due_time(self) -> bool:
        """Whether it is to be done by some time."""
        return self.due is not None or self.due_from == "target"

    def due_at(self, calendar: FrozenCalendar, trigger_at: datetime, target_at: datetime | None) -> datetime | None:
        """By when it is to be done; None: it says nothing of it, or its milestone has no target.

        Args:
            calendar: of the milestone.
            trigger_at: when its trigger was due.
            target_at: of the milestone.

        Raises:
            HorizonExceeded: that lies past the calendar's horizon.
        """
        base = target_at if self.due_from == "target" else trigger_at
        if base is None or not self.has_due_time:
            return None
        return base if self.due is None else self.due.target(calendar, base)

    def templates(self) -> Iterator[Placed]:
        """Its texts, as they are declared."""
        yield ("subject",), self.subject
        yield ("assign_to",), self.assign_to
        yield ("body",), self.body

    @property
    def in_words(self) -> str:
        """Whose it is, and its subject."""
        return f"task for {self.assign_to}: {self.subject}"


class FieldUpdate(ActionKind):
    """A new value for a field of the case, at the instant at which its trigger was due."""

    not_again = "a field update has taken effect on the case, and would change what it says now"

    do: Literal["field_update"]
    field: str
    value: Any

    def templates(self) -> Iterator[Placed]:
        """None: a value is taken as it is."""
        yield from ()

    @property
    def in_words(self) -> str:
        """The field and its new value."""
        return f"field update: {self.field} = {self.value}"


class OutboundMessage(_Sent):
    """A request to an endpoint that the catalog declares. `body` is a template."""

    not_again = None

    do: Literal["outbound_message"]
    endpoint: EndpointId
    body: str = ""

    def templates(self) -> Iterator[Placed]:
        """Its text, as it is declared; what the call of a ``rest`` endpoint says is the endpoint's."""
        yield ("body",), self.body

    @property
    def in_words(self) -> str:
        """Which endpoint it goes to."""
        return f"outbound message to {self.endpoint}"


class Signal(_Sent):
    """A signal to another Temporal workflow. `workflow`, `signal` and the texts in `args` are templates.

    Attributes:
        workflow: its id.
        signal: the signal's name.
        args: its arguments: texts, numbers, lists and objects; left out: one argument, the event.
        namespace: the workflow's; left out: Milepost's own.
    """

    not_again = "Temporal takes a signal of one key once, so another would reach nobody"

    do: Literal["signal"]
    workflow: str = Field(min_length=1)
    signal: str = Field(min_length=1)
    args: list[Any] | None = None
    namespace: str = Field(default="", max_length=255)

    @model_validator(mode="after")
    def _is_anothers(self) -> Self:
        if not self.namespace:
            refuse_own_workflow(self.workflow)
        return self

    def templates(self) -> Iterator[Placed]:
        """Its texts, as they are declared; those in its arguments too, however deep."""
        yield ("workflow",), self.workflow
        yield ("signal",), self.signal
        yield from _texts_in(self.args or [], ("args",))

    @property
    def in_words(self) -> str:
        """The signal, and the workflow that it goes to."""
        return f"signal {self.signal} to workflow {self.workflow}"


OWN_WORKFLOWS = ("case/", "entitlement/", "migration/", "redelivery/", "report/", "subscription/")
"""How the ids of Milepost's workflows begin."""


def refuse_own_workflow(workflow: str) -> None:
    """Refuse a signal to a workflow of Milepost's own: who tells a case something says who it is, and is no trigger.

    Raises:
        ValueError: its id is one of those.
    """
    if workflow.startswith(OWN_WORKFLOWS):
        raise ValueError(
            f"workflow {workflow[:100]!r} is Milepost's own; a signal goes to other workflows. Fields of the case are "
            "set by a field_update"
        )


def _texts_in(value: Any, path: tuple[str | int, ...]) -> Iterator[Placed]:
    match value:
        case str():
            yield path, value
        case list():
            for number, one in enumerate(value):
                yield from _texts_in(one, (*path, number))
        case dict():
            for name, one in value.items():
                yield from _texts_in(one, (*path, name))


Action = Annotated[Email | Task | FieldUpdate | OutboundMessage | Signal, Field(discriminator="do")]

KINDS: dict[str, type[ActionKind]] = {
    get_args(kind.model_fields["do"].annotation)[0]: kind for kind in get_args(get_args(Action)[0])
}
"""All kinds, by what `do` calls them."""

SENT = tuple(name for name, kind in KINDS.items() if issubclass(kind, _Sent))
"""The kinds that an activity carries out; what a field update does, the timeline does itself."""


def of_an_entitlement(actions: list[Action]) -> list[Action]:
    """The actions of a threshold or a notice, which have neither a case nor business hours.

    Raises:
        ValueError: one of them needs those; the message says what would be right.
    """
    if any(isinstance(action, FieldUpdate) for action in actions):
        raise ValueError("an entitlement has no case whose field a field_update could set; use another action")
    if any(isinstance(action, Task) and action.has_due_time for action in actions):
        raise ValueError("an entitlement has no business hours that a task could be due by; leave due and due_from out")
    return actions


class ActionCall(Value):
    """One action of a fired trigger, with the key under which its receiver takes it once.

    Attributes:
        due_at: by when a task is to be done; None: it has no due time.
    """

    key: str
    action: Action
    due_at: AwareDatetime | None = Field(default=None, exclude_if=lambda value: value is None)


def ordered(
    action: Action, key: str, calendar: FrozenCalendar, trigger_at: datetime, target_at: datetime | None
) -> ActionCall:
    """An action as its trigger orders it; a task with the instant by which it is to be done, unless past the horizon.

    Args:
        action: as declared.
        key: under which its receiver takes it once.
        calendar: of the milestone.
        trigger_at: when its trigger was due.
        target_at: of the milestone.
    """
    due_at = None
    if isinstance(action, Task):
        with suppress(HorizonExceeded):
            due_at = action.due_at(calendar, trigger_at, target_at)
    return ActionCall(key=key, action=action, due_at=due_at)
