"""The border of a case: what every update, signal and query goes through.

Each takes whatever arguments come, and every update has a validator: a message with a wrong number of arguments
otherwise wedges the case for ever. Whatever any of them raises becomes a refusal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from workflows.barrier import barrier

R = TypeVar("R")

Answering = Callable[[Any, tuple[Any, ...]], Awaitable[R]]
"""Takes the parts of the workflow and the message's arguments."""
Checking = Callable[[Any, tuple[Any, ...]], None]


def update(name: str, doc: str, check: Checking, answer: Answering[Any]) -> Any:
    """An update handler.

    Args:
        name: of the update.
        doc: what it asks for.
        check: refuses before anything is recorded; changes nothing.
        answer: does what is asked.
    """

    async def handle(self: Any, *raw: Any) -> Any:
        with barrier(name):
            return await answer(self.parts, raw)

    def validate(self: Any, *raw: Any) -> None:
        with barrier(name):
            check(self.parts, raw)

    _named(handle, name, doc)
    handler = workflow.update(name=name)(handle)
    handler.validator(validate)
    return handler


def signal(name: str, doc: str, hear: Answering[None]) -> Any:
    """A signal handler; what it refuses goes on record."""

    async def handle(self: Any, *raw: Any) -> None:
        try:
            with barrier(name):
                await hear(self.parts, raw)
        except ApplicationError as refusal:
            with suppress(ApplicationError), barrier("the record of a refusal"):
                self.parts.taking.refuse_news(refusal)

    _named(handle, name, doc)
    return workflow.signal(name=name)(handle)


def query(name: str, doc: str, look: Callable[[Any, tuple[Any, ...]], R]) -> Any:
    """A query handler."""

    def handle(self: Any, *raw: Any) -> R:
        with barrier(name):
            return look(self.parts, raw)

    _named(handle, name, doc)
    return workflow.query(name=name)(handle)


def _named(handle: Any, name: str, doc: str) -> None:
    handle.__name__, handle.__qualname__, handle.__doc__ = name, name, doc
