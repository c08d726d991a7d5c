"""The periods of an entitlement frozen into plain data: which one an instant belongs to, and when each one ends.

A running entitlement carries its periods in this form, so that no time-zone database can move them. Nothing here reads
one; `domain.usage.freezing` does, and makes these.
"""

from bisect import bisect_right
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from domain.errors import MilepostError
from domain.usage.term_length import TermLength
from domain.wording import instant

UtcDatetime = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]


class PeriodUnknown(MilepostError):
    """An instant past the periods that were frozen; freezing them again over a longer horizon names its period."""


class PeriodStart(NamedTuple):
    """A period's first date in the account's zone, and the first instant of that date."""

    day: date
    at: UtcDatetime


class NoticeDue(NamedTuple):
    """When notice is given that a term ends: the first instant of the date so many days before its last."""

    days_before: int
    at: UtcDatetime
    ends_on: date


class Term(BaseModel):
    """When an entitlement holds, as inclusive local dates.

    Attributes:
        starts_on: None if it always held.
        ends_on: None if it does not end.
        time_zone: of these dates: the account's, or else the organisation's.
        length: of terms that follow one another without end, from the start on; None: there is one.
        notice_days: how many days before its end notice is given.
        reckoned_from: the first record's start, from which months are counted in a renewal; None: `starts_on`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    starts_on: date | None = None
    ends_on: date | None = None
    time_zone: str
    length: TermLength | None = None
    notice_days: tuple[int, ...] = ()
    reckoned_from: date | None = Field(default=None, exclude_if=lambda day: day is None)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.length is not None and (self.starts_on is None or self.ends_on is not None):
            raise ValueError("terms that follow one another have a start, and no last date")
        if self.starts_on is not None and self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError(f"the term ends on {self.ends_on}, before it starts on {self.starts_on}")
        return self


class FrozenPeriods(BaseModel):
    """The periods of a term, one after another without a gap, numbered from 0.

    Attributes:
        term: whose periods these are; for people, and to freeze more of them.
        starts: each known period's start. Empty for a term without one: it has one period.
        ends_at: the first instant after the term; None if it does not end.
        known_until: the end of the last period in `starts`, if the term goes on after it; None if all are known.
        term_starts: of terms that follow one another: the numbers of the periods with which all but the first begin.
        notices: when notice is given of the ends of terms, in order of time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    term: Term
    starts: tuple[PeriodStart, ...] = ()
    ends_at: UtcDatetime | None = None
    known_until: UtcDatetime | None = None
    term_starts: tuple[int, ...] = ()
    notices: tuple[NoticeDue, ...] = ()

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        instants = [start.at for start in self.starts]
        instants += [at for at in (self.known_until, self.ends_at) if at is not None]
        if any(later <= earlier for earlier, later in pairwise(instants)):
            raise ValueError("periods are listed in order of their starts, and end after the last one starts")
        return self

    @property
    def count(self) -> int:
        """How many periods are known."""
        return len(self.starts) or 1

    def number(self, at: datetime) -> int | None:
        """The number of the period that an instant belongs to; None before and after the term.

        A period begins with its first instant and ends before the first instant of the next.

        Raises:
            PeriodUnknown: the instant is past `known_until`, within the term.
        """
        if self.ends_at is not None and at >= self.ends_at:
            return None
        if not self.starts:
            return 0
        found = bisect_right(self.starts, at, key=lambda start: start.at) - 1
        if found < 0:
            return None
        if self.known_until is not None and at >= self.known_until:
            raise PeriodUnknown(
                f"the periods are known until {instant(self.known_until)}, which does not reach {instant(at)}"
            )
        return found

    def has(self, number: int) -> bool:
        """Whether there is a period of that number: an amended end may have taken it away."""
        return 0 <= number < self.count

    def starts_at(self, number: int) -> datetime | None:
        """The first instant of a period; None of a term without a start, and of a period that is not there."""
        return self.starts[number].at if self.starts and self.has(number) else None

    def first_day(self, number: int) -> date | None:
        """The first date of a period; None as of `starts_at`."""
        return self.starts[number].day if self.starts and self.has(number) else None

    def ends_before(self, number: int) -> datetime | None:
        """The first instant after a period; None if it does not end, or is not there."""
        if not self.has(number):
            return None
        if number + 1 < len(self.starts):
            return self.starts[number + 1].at
        return self.known_until or self.ends_at

    def is_last(self, number: int) -> bool:
        """Whether the last term ends with this period."""
        return number == self.count - 1 and self.known_until is None

    def ends_term(self, number: int) -> bool:
        """Whether a term ends with this period: the last one, or one that another follows."""
        return self.is_last(number) or number + 1 in self.term_starts

    def extended(self, longer: "FrozenPeriods") -> "FrozenPeriods":
        """These periods and, after them, those that the same term has over a longer horizon. None of these moves."""
        known = len(self.starts)
        if self.known_until is None or len(longer.starts) <= known:
            return self
        first = PeriodStart(longer.starts[known].day, self.known_until)
        later = [start for start in longer.starts[known + 1 :] if start.at > self.known_until]
        given = {(notice.days_before, notice.ends_on) for notice in self.notices}
        notices = [notice for notice in longer.notices if (notice.days_before, notice.ends_on) not in given]
        return longer.model_copy(
            update={
                "starts": (*self.starts, first, *later),
                "ends_at": self.ends_at,
                "notices": (*self.notices, *notices),
            }
        )
