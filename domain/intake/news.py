"""What a delivery says: of which case, when, and what happened to it. A source's expressions, evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field

from domain.bounds import cut, quoted
from domain.catalog.intake import REFERENCES, IntakeSource
from domain.criteria.fields import FieldsError, FieldType, check_values
from domain.criteria.payloads import WANTED_OF_FIELDS, Delivered, NoValue, Wanted
from domain.ids import case_id_of
from domain.intake.instants import instant_of
from domain.model import Value

_MOST_FOREIGN_LETTERS = 1000


class Unreadable(ValueError):
    """A delivery that its source's expressions cannot be evaluated on. The text names the expression."""


class Place(Value):
    """Where a delivery belongs.

    Attributes:
        case_id: as `domain.ids.case_id_of` makes it of the source's.
        external_id: the source's own.
        occurred_at: by the source's clock, and never after it was received: what has come has happened.
    """

    case_id: str
    external_id: str
    occurred_at: AwareDatetime


class News(Value):
    """What a delivery says of its case.

    Attributes:
        opened_at: when the ticket was opened, where it says so; never after it happened.
        references: whose case it is, and what of theirs, by the keys of an intake.
        fields: as they are now.
        initially: as they were when the ticket was opened.
        completes: milestones.
    """

    place: Place
    opened_at: AwareDatetime
    by: str | None = None
    references: dict[str, str] = Field(default_factory=dict)
    fields: dict[str, Any] = Field(default_factory=dict)
    initially: dict[str, Any] = Field(default_factory=dict)
    opens: bool = True
    changes: bool = True
    stops: bool = False
    resumes: bool = False
    closes: bool = False
    reopens: bool = False
    completes: list[str] = Field(default_factory=list)


def read_place(source: IntakeSource, delivered: Delivered, received_at: datetime) -> Place | None:
    """Where a delivery belongs; None if it does not concern us.

    Raises:
        Unreadable: it says so nowhere.
    """
    reading = _Reading(source, delivered)
    if not reading.condition("when", source.when, otherwise=True):
        return None
    foreign = _foreign_id(source, reading)
    occurred_at = reading.instant("occurred_at", source.occurred_at) or received_at
    return Place(case_id=case_id_of(foreign), external_id=foreign, occurred_at=min(occurred_at, received_at))


def read_case(source: IntakeSource, delivered: Delivered) -> str:
    """The id by which a source calls the case of a delivery, whatever else of it can't be read.

    Raises:
        Unreadable: it says so nowhere.
    """
    return _foreign_id(source, _Reading(source, delivered))


def read_news(source: IntakeSource, delivered: Delivered, place: Place, fields: Mapping[str, FieldType]) -> News:
    """All that a delivery says. Whether values are listed is judged when a case is told of them, by what it has.

    Args:
        source: how it is read.
        delivered: what was sent.
        place: where it belongs.
        fields: those of a case, as they are declared.

    Raises:
        Unreadable: an expression reads what is not there, or comes to what cannot be.
    """
    reading = _Reading(source, delivered)
    values = reading.fields("fields", source.fields, fields)
    opened_at = reading.instant("opened_at", source.opened_at)
    stops = reading.condition("stop", source.stop, otherwise=False)
    resumes = reading.condition("resume", source.resume, otherwise=False)
    closes = reading.condition("close", source.close, otherwise=False)
    reopens = reading.condition("reopen", source.reopen, otherwise=False)
    for one, other, both in (("stop", "resume", stops and resumes), ("close", "reopen", closes and reopens)):
        if both:
            raise Unreadable(f"{one}, {other}: both hold; what a delivery says is one or the other")
    return News(
        place=place,
        opened_at=min(opened_at or place.occurred_at, place.occurred_at),
        by=reading.text("by", source.by),
        references={key: said for key in REFERENCES if (said := reading.text(key, getattr(source, key))) is not None},
        fields=values,
        initially=reading.fields("initially", source.initially, fields),
        opens=reading.condition("open", source.open, otherwise=True),
        changes=reading.condition("change", source.change, otherwise=True),
        stops=stops,
        resumes=resumes,
        closes=closes,
        reopens=reopens,
        completes=[
            name
            for name, text in source.complete.items()
            if reading.condition(f"complete.{name}", text, otherwise=False)
        ],
    )


def _foreign_id(source: IntakeSource, reading: _Reading) -> str:
    foreign = reading.text("case", source.case)
    if not foreign:
        raise Unreadable("case: it comes to nothing, and a case has an id")
    if len(foreign) > _MOST_FOREIGN_LETTERS:
        raise Unreadable(f"case: the id of another system has at most {_MOST_FOREIGN_LETTERS:,} letters")
    return foreign


class _Reading:
    """Evaluates the expressions of a source on one delivery, and says which one went wrong."""

    def __init__(self, source: IntakeSource, delivered: Delivered) -> None:
        self._delivered = delivered
        self._time_zone = source.time_zone

    def condition(self, place: str, text: str, *, otherwise: bool) -> bool:
        """Whether a condition holds; where there is none, what it is otherwise."""
        return self._value(place, text, Wanted.CONDITION) is True if text.strip() else otherwise

    def text(self, place: str, text: str) -> str | None:
        """An id or a name; None where there is none, or nothing in it."""
        if not text.strip():
            return None
        said = self._value(place, text, Wanted.ID)
        return None if said is None or not str(said).strip() else cut(str(said).strip())

    def instant(self, place: str, text: str) -> datetime | None:
        """An instant; None where there is none, or it comes to null."""
        if not text.strip():
            return None
        return self._instant(place, self._value(place, text, Wanted.INSTANT))

    def fields(self, place: str, texts: Mapping[str, str], declared: Mapping[str, FieldType]) -> dict[str, Any]:
        """Values of fields, as their types want them."""
        values: dict[str, Any] = {}
        for name, text in texts.items():
            at = f"{place}.{name}"
            kind = declared.get(name)
            if kind is None:
                raise Unreadable(f"{at}: the field {quoted(name)} is not declared any more")
            value = self._value(at, text, WANTED_OF_FIELDS[kind])
            if kind is FieldType.DATETIME and value is not None:
                instant = self._instant(at, value)
                value = None if instant is None else instant.isoformat()
            values[name] = value
        try:
            return dict(check_values(values, declared))
        except FieldsError as error:
            raise Unreadable(f"{place}: {error}") from None

    def _instant(self, place: str, value: Any) -> datetime | None:
        if value is None or value == "":
            return None
        try:
            return instant_of(value, self._time_zone)
        except ValueError as error:
            raise Unreadable(f"{place}: {error}") from None

    def _value(self, place: str, text: str, wanted: Wanted) -> Any:
        try:
            return self._delivered.value(text, wanted)
        except NoValue as error:
            raise Unreadable(f"{place}: {error}") from None
