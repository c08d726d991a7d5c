"""Columns that behave alike on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy import JSON, DateTime, Dialect, Text, TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC and given back in UTC, also by SQLite, which knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses a datetime without a zone: nobody could say which instant it is."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value.isoformat()} has no zone, and so is no instant")
        at = value.astimezone(UTC)
        return at.replace(tzinfo=None) if dialect.name == "sqlite" else at

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the base class asks with it
        """Always in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Line(TypeDecorator[str]):
    """Text of any length. PostgreSQL takes no NUL in it, so there is none on either; a record is never lost for one."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the base class asks with it
        """NUL becomes the replacement character."""
        return None if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")


class Written(str):
    """A document that is JSON text already."""

    __slots__ = ()


def written(model: BaseModel) -> Written:
    """A model as JSON text. To have it as plain types first would take three times as long."""
    return Written(model.model_dump_json())


class Document(TypeDecorator[Any]):
    """JSON as it was given; None is the database's NULL. Not JSONB, which takes no NUL in texts and loses the order."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Takes what is `Written` as it is, and anything else as plain types."""
        write = super().bind_processor(dialect)
        if write is None:
            return None
        return lambda value: str(value) if isinstance(value, Written) else write(value)
