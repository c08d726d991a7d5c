"""What came of one attempt to deliver something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from domain.delivery.hiding import Hiding
from store.values import SentRequest


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it.

    Attributes:
        answer: what it said, in one line.
        request: what an endpoint has got, as it is kept; None: it was no endpoint.
    """

    answer: str
    request: SentRequest | None = None


class NotDelivered(Exception):
    """An attempt that failed; the message is one line that says what happened.

    Attributes:
        for_good: another attempt would end the same way.
        at_least: how long the receiver asks to be left alone.
        slows_down: the receiver has too much to do (HTTP 429, 502, 504), whoever sends it something.
        is_gone: the receiver wants nothing more, ever (HTTP 410).
        still_for: of a mail that others have: who has it not yet.
        concerns: whom the failure is about: the receiver as a whole, so that nothing else would get through; some
            recipients of a mail; or this one message.
        is_off: it was not tried, because the endpoint is switched off.
        is_held: it was not tried, because the endpoint is left alone for a while.
        may_have_arrived: the connection ended after everything was sent, so the receiver may see it twice.
    """

    def __init__(
        self,
        line: str,
        *,
        for_good: bool = False,
        at_least: timedelta = timedelta(),
        slows_down: bool = False,
        is_gone: bool = False,
        concerns: Literal["receiver", "recipients", "message"] = "receiver",
        still_for: Sequence[str] | None = None,
        is_off: bool = False,
        is_held: bool = False,
        may_have_arrived: bool = False,
    ) -> None:
        super().__init__(line)
        self.for_good = for_good
        self.at_least = at_least
        self.slows_down = slows_down
        self.is_gone = is_gone
        self.concerns = concerns
        self.still_for = still_for
        self.is_off = is_off
        self.is_held = is_held
        self.may_have_arrived = may_have_arrived


def unforeseen(error: Exception, hiding: Hiding) -> NotDelivered:
    """An attempt that ended with an exception that nobody foresaw.

    It fails as any other does, by the schedule and on record: raised on, it would be tried again for ever, and nobody
    would see more of it than stack traces. It holds up no other message, for it may well be about this one.

    Args:
        error: of a library.
        hiding: what was read for the attempt.
    """
    line = hiding.line(f"{type(error).__name__}: {error}")
    return NotDelivered(f"not sent, by an unexpected error: {line}", concerns="message", may_have_arrived=True)
