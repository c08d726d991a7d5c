"""The bounds of what is sent in, said in one place.

They hold for what is sent, not for what stands. Everything that leaves a process cut to a bound is cut by `cut`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from domain.years import FIRST_YEAR, LAST_YEAR

MOST_TEXT_BYTES = 32 * 1024
"""Of the text of one field of a case, in UTF-8."""
MOST_LIST_ITEMS = 1000
"""Of one field, or of one entry."""
MOST_FIELDS_BYTES = 128 * 1024
"""Of all fields of a case together, as JSON."""
MOST_WORDS_BYTES = 1024
"""Of a reason, a note, a name, who did it, and of what a refusal says."""
MOST_AMOUNT = 10**9
"""Of what is taken, adjusted or allowed, in the smallest measure of its unit."""
MOST_ENTRY_MINUTES = 31 * 24 * 60
"""Of one time entry; a longer one is a slip of the pen."""
MOST_SPAN_SECONDS = 10 * 366 * 24 * 3600
"""Of a span or an extension: ten years of open time."""
MOST_MILESTONES = 200
"""Of one process."""
MOST_EXTENSIONS = 100
"""Of one milestone instance, each with who asked for it and why."""
MOST_PROCESS_BYTES = 512 * 1024
"""Of one process, as JSON: 200 milestones of ten triggers, each with an action, have room. It is part of a case's plan,
as what follows is: the server takes 2 MB of a case at once."""
MOST_ENTITLEMENT_BYTES = 128 * 1024
"""Of what criteria see of one entitlement, as JSON."""
MOST_DECLARED_BYTES = 128 * 1024
"""Of all declared fields of cases with their listed values, as JSON."""
MOST_HOURS_BYTES = 64 * 1024
"""Of three years of one calendar, frozen, as JSON."""
MOST_CALENDARS_BYTES = 256 * 1024
"""Of three years of all calendars that one process names."""
MOST_FROZEN_BYTES = 512 * 1024
"""Of all calendars of a case, for however many years they are frozen."""
MOST_PLAN_BYTES = 1536 * 1024
"""Of the plan of a case: what was declared before there were bounds may make it larger than they do."""
MOST_MESSAGE_BYTES = 256 * 1024
"""Of one message, as JSON."""
MOST_DELIVERY_BYTES = 1024 * 1024
"""Of what another system tells at once, as JSON."""
MOST_DEPTH = 32
"""Of lists and objects within one another, in a message."""
MOST_QUOTED = 60
"""Characters of what somebody sent that a refusal repeats."""
MOST_ATTRIBUTE_BYTES = 512
"""Of one search attribute: the server ends a workflow whose attribute is longer than 2 KB. And of what people wrote
in a column by which the store finds rows: a row of an index of PostgreSQL has at most 2,704 bytes."""
MOST_ADDRESS = 254
"""Characters of one mail address: no server takes a longer one (RFC 5321)."""
MOST_NAME = 100
"""Characters of the name of a field, and of business hours."""
MOST_FORMAT = 999
"""Of the formats that builds number from 1: one beyond it no build has written."""


def cut(text: str, most: int = MOST_WORDS_BYTES) -> str:
    """`text`, or its beginning with an ellipsis where it has more than so many bytes of UTF-8."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= most:
        return encoded.decode("utf-8")
    return encoded[: most - 3].decode("utf-8", "ignore") + "…"


def cut_for_search(text: str) -> str:
    """A text as cases and tasks are found by it, published or stored: what is asked for is cut likewise."""
    return cut(text, MOST_ATTRIBUTE_BYTES)


def quoted(text: str) -> str:
    """What somebody sent, in quotes and cut to what a refusal repeats of it; characters that cannot be seen escaped."""
    shown = text if len(text) <= MOST_QUOTED else text[: MOST_QUOTED - 1] + "…"
    return repr(shown) if shown.isprintable() else ascii(shown)


def visible(text: str) -> str:
    """A text of one line for people: what cannot be seen, or turns the direction of what follows, is a space."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def clean(text: str) -> str:
    """`text`, if every store and every protocol can hold it.

    Raises:
        ValueError: it holds a NUL, or half a surrogate pair.
    """
    if "\0" in text:
        raise ValueError("the text holds a NUL, which no database takes")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text holds half a surrogate pair, which is no character") from None
    return text


def is_within_the_years(at: datetime) -> bool:
    """Whether an instant lies, in UTC, in the years in which something may be promised."""
    try:
        return FIRST_YEAR <= at.astimezone(UTC).year <= LAST_YEAR
    except OverflowError:
        return False


def _within_the_years(at: datetime) -> datetime:
    if not is_within_the_years(at):
        raise ValueError(f"an instant lies in the years {FIRST_YEAR} to {LAST_YEAR}")
    return at


def _short(words: str) -> str:
    size = len(clean(words).encode())
    if size > MOST_WORDS_BYTES:
        raise ValueError(f"at most {MOST_WORDS_BYTES} bytes, not {size}")
    return words


Instant = Annotated[AwareDatetime, AfterValidator(_within_the_years)]
"""An instant with an offset from UTC, in the years in which something may be promised."""

Words = Annotated[str, AfterValidator(_short)]
"""A reason, a note, a name, or who did it."""

Amount = Annotated[int, Field(ge=-MOST_AMOUNT, le=MOST_AMOUNT)]
"""An amount in the smallest measure of its unit; either sign."""


def no_number(value: object) -> object:
    """`value`, unless it is no number though it could be taken for one: true would be 1, and a text is a slip.

    Raises:
        ValueError: it is true, false or a text.
    """
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is no number; write one, such as 30")  # noqa: TRY004  for pydantic
    if isinstance(value, str):
        raise ValueError("a text is no number; write one without quotes, such as 30")  # noqa: TRY004
    return value


ANumber = BeforeValidator(no_number)
"""Of a whole number that is sent in over HTTP or in an order: neither true nor a text. It stands behind the bounds, so
that the schema has them. Messages of workflows are without it: recorded histories hold what was taken for a number.
"""

Format = Annotated[int, Field(ge=1, le=MOST_FORMAT)]
"""The number of the format in which a build has written something for another."""
