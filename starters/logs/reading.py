"""One reading of a log: its cells in the terms of a case, and what was wrong or strange about them.

Everything wrong is gathered with its line and column, so that one message names it all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, assert_never

from pydantic import TypeAdapter, ValidationError

from domain.bounds import Words, cut
from domain.criteria.fields import nearest, utc_text
from domain.ids import ForeignId, case_id_of
from domain.messages.inbox import problem_of
from starters.logs.columns import EventColumn, FieldColumn
from starters.logs.lengths import BadLength, Unit, length_of
from starters.logs.mapping import LogError, LogMapping
from starters.logs.oddities import Oddity, OddityKind
from starters.logs.times import BadTime, TimeReader

_PLAIN_NUMBER = re.compile(r"-?[0-9]+[.][0-9]+")

_IDS: TypeAdapter[str] = TypeAdapter(ForeignId)
_NAMES: TypeAdapter[str] = TypeAdapter(Words)

MOST_PROBLEMS = 20
"""Problems after which reading stops: a log that is wrong throughout says so once, not for every row."""


class Unreadable(Exception):
    """A cell that cannot be read; the text says what would be right."""


@dataclass(slots=True)
class Row:
    """A record of the log while it is read.

    Attributes:
        sound: whether everything that was taken from it could be read.
        clock_changes: what was strange about its times.
    """

    line: int
    cells: Mapping[str, str]
    sound: bool = True
    clock_changes: list[tuple[OddityKind, str]] = field(default_factory=list)


@dataclass(slots=True)
class Reading:
    """Reads the cells of one log.

    Attributes:
        count: records seen so far, unreadable ones among them.
        problems: what could not be read so far.
        oddities: what was strange so far.
        foreign: the ids of the log by the ids of its cases, where they differ.
    """

    path: Path
    mapping: LogMapping
    count: int = 0
    problems: list[str] = field(default_factory=list)
    oddities: list[Oddity] = field(default_factory=list)
    foreign: dict[str, str] = field(default_factory=dict)
    _ids: dict[str, str] = field(default_factory=dict)
    _made_of: dict[str, str] = field(default_factory=dict)
    _nothing: frozenset[str] = frozenset()
    _times: TimeReader = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what every cell is read with."""
        self._times = TimeReader(self.mapping.times)
        self._nothing = frozenset(["", *self.mapping.no_value])

    def complain(self, line: int, said: str) -> None:
        """Note a problem.

        Raises:
            LogError: it is one too many.
        """
        if len(self.problems) == MOST_PROBLEMS:
            raise LogError([*self.problems, f"{self.path}:{line}: and more from here on; reading stopped"])
        self.problems.append(f"{self.path}:{line}: {said}")

    def odd(self, kind: OddityKind, case_id: str, line: int, text: str) -> None:
        """Note something strange about a case."""
        self.oddities.append(Oddity(kind, self.foreign.get(case_id, case_id), line, text))

    def settle(self, row: Row, case_id: str) -> None:
        """Note what was strange about the times of a row, now that it could be read."""
        for kind, said in row.clock_changes:
            self.odd(kind, case_id, row.line, said)

    # --- cells ---

    def take(self, row: Row, column: str | None, read: Callable[[str], Any], *, required: bool = False) -> Any:
        """What a cell of a row holds, None if it holds nothing or can't be read, which is then among the problems."""
        if column is None:
            return None
        text = row.cells[column].strip()
        try:
            if text not in self._nothing:
                text = self._with_clock(row, column, text)
            if text in self._nothing:
                if required:
                    raise Unreadable(f"has no value, and every row needs one{self._of_merged(column)}")
                return None
            value = read(text)
        except Unreadable as error:
            row.sound = False
            self.complain(row.line, f"column {column!r}: {error}")
            return None
        if isinstance(value, datetime) and (change := self._times.changes.get(text)):
            kind = OddityKind.SKIPPED_TIME if change.skipped else OddityKind.REPEATED_TIME
            row.clock_changes.append((kind, f"column {column!r}: {change.text}"))
        return value

    def _of_merged(self, column: str) -> str:
        """What to do about an empty cell, should it have been merged with the one above."""
        mapping = self.mapping
        if mapping.shape == "xes" or column in mapping.merged or column not in (mapping.case_id, mapping.opened_at):
            return ""
        return f"; if it was merged with the cell above, say so in the mapping: merged: [{column}]"

    def _with_clock(self, row: Row, column: str, text: str) -> str:
        """A date with the time of day that another column holds, if the mapping names one; else the text as it is."""
        clock = self.mapping.times.clocks.get(column)
        if clock is None:
            return text
        time_of_day = row.cells[clock].strip()
        if time_of_day in self._nothing:
            raise Unreadable(no_clock(text, clock))
        return f"{text} {time_of_day}"

    def field(self, row: Row, declared: FieldColumn, column: str | None = None) -> Any:
        """The value of a field, from its own column or from another one, in plain JSON."""
        value = self.take(row, column or declared.column, self._reader_of(declared))
        return utc_text(value) if isinstance(value, datetime) else value

    def case_id(self, text: str) -> str:
        """The id of a case for the id that the log has."""
        if text not in self._ids:
            made = case_id_of(_within(_IDS, text))
            other = self._made_of.setdefault(made, text)
            if other != text:
                raise Unreadable(f"{text!r} and {other!r} come to one id of a case, {made}; rename one of them")
            self._ids[text] = made
            if made != text:
                self.foreign[made] = text
        return self._ids[text]

    def who(self, text: str) -> str:
        """Who did something, by the name that a cell has."""
        return _within(_NAMES, text)

    def instant(self, text: str) -> datetime:
        """The instant that a cell shows, in UTC."""
        try:
            return self._times.read(text)
        except BadTime as bad:
            raise Unreadable(str(bad)) from None

    def event_at(self, row: Row, event: EventColumn, opened_at: datetime | None) -> datetime | None:
        """When an event happened: at the instant of its column, or so long after the opening; None: it did not."""
        if event.at is not None:
            found: datetime | None = self.take(row, event.at, self.instant)
            return found
        length = self.take(row, event.after, partial(self._length, unit=event.unit))
        return None if length is None or opened_at is None else opened_at + length

    def _length(self, text: str, unit: Unit | None) -> timedelta:
        try:
            return length_of(text, unit, self.mapping.decimal)
        except BadLength as bad:
            raise Unreadable(str(bad)) from None

    def state(self, text: str) -> str:
        """The state that the case calls what stands in its column."""
        states = self.mapping.state.values
        if states is None:
            return text
        if text not in states:
            raise Unreadable(f"unknown state {text!r}; {_expected(text, states)}")
        return states[text]

    def verdict(self, text: str) -> bool:
        """Whether the system that wrote the log says that the case kept its promises."""
        verdict = self.mapping.verdict
        met, missed = (verdict.met, verdict.missed) if verdict else ([], [])
        if text in met or text in missed:
            return text in met
        raise Unreadable(f"unknown verdict {text!r}; expected one of {', '.join(met + missed)}")

    def kept(self, row: Row) -> bool | None:
        """The verdict of a row, None without one."""
        verdict = self.mapping.verdict
        found = self.take(row, verdict.column if verdict else None, self.verdict)
        return None if found is None else bool(found)

    def _reader_of(self, declared: FieldColumn) -> Callable[[str], Any]:
        if declared.values is not None:
            return partial(listed, values=declared.values)
        match declared.type:
            case "string":
                return str
            case "integer":
                return whole_number
            case "number":
                return partial(number_of, decimal=self.mapping.decimal)
            case "boolean":
                return boolean
            case "datetime":
                return self.instant
            case _:
                assert_never(declared.type)


def no_clock(text: str, column: str) -> str:
    """What is wrong with a date whose time of day should stand in another column, and does not."""
    return f"{cut(text, 80)!r} has no time of day beside it in column {column!r}"


def _within(bound: TypeAdapter[str], text: str) -> str:
    """A text that a case can hold."""
    try:
        return bound.validate_python(text)
    except ValidationError as error:
        said = "; ".join(problem_of(one) for one in error.errors(include_url=False))
        raise Unreadable(said) from None


def whole_number(text: str) -> int:
    """The whole number that a cell shows."""
    try:
        number = int(text) if len(text) < 40 else None  # noqa: PLR2004 - more digits than any number that counts
    except ValueError:
        raise Unreadable(f"{cut(text, 80)!r} is no whole number, such as 3") from None
    if number is None or not -(2**63) <= number < 2**63:
        raise Unreadable(f"{cut(text, 80)!r} is too large a number")
    return number


def listed(text: str, values: Mapping[str, str]) -> str:
    """What is called otherwise than in the cell."""
    if text not in values:
        raise Unreadable(f"unknown value {cut(text, 80)!r}; {_expected(text, values)}")
    return values[text]


def boolean(text: str) -> bool:
    """Whether a cell says yes."""
    if text.lower() not in ("true", "false"):
        raise Unreadable(f"{cut(text, 80)!r} is neither TRUE nor FALSE")
    return text.lower() == "true"


def number_of(text: str, decimal: str) -> float:
    """The number that a cell shows."""
    other = "," if decimal == "." else "."
    try:
        number = math.nan if other in text else float(text.replace(decimal, "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        swapped = _PLAIN_NUMBER.fullmatch(text.replace(other, ".")) if other in text else None
        hint = (
            f'; if its {other} divides whole and fraction, say so in the mapping: decimal: "{other}"' if swapped else ""
        )
        raise Unreadable(f"{cut(text, 80)!r} is no number, such as 2{decimal}5{hint}")
    return number


def _expected(text: str, values: Mapping[str, str]) -> str:
    hint = nearest(text, values)
    return f"{hint} The mapping has: {', '.join(values)}" if hint.startswith("did you mean") else hint
