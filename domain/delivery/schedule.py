"""When a delivery that failed is tried again: a pure function of the attempt and the effect's key.

The delays are those of Standard Webhooks (spec/standard-webhooks.md, "Deliverability and reliability").
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Before the second attempt, the third and so on."""

MOST_ATTEMPTS = len(DELAYS) + 1

LONGEST_WAIT = timedelta(days=14)
"""For the opening of business hours."""

GIVES_UP_AFTER = timedelta(hours=96) + LONGEST_WAIT
"""Of an action as a whole: longer than it may wait, and than all delays together (75 h 35 min, and a tenth of jitter)
with their attempts."""

ATTEMPT = timedelta(minutes=5)
"""Of one attempt at an action, with its texts and records. What was due later waits for so long: longer than a mail
server or a receiver is waited for, and than a worker is late that has thousands of attempts to make."""

JITTER = 0.1
"""Of a delay, at most so much is added, so that what failed together does not come back together."""


def delay_after(attempt: int, key: str, *, at_least: timedelta = timedelta(), pace: float = 1) -> timedelta | None:
    """How long to wait after a failed attempt; None after the last one.

    Args:
        attempt: which attempt failed, from 1.
        key: the effect's; it decides the jitter, alike on every worker.
        at_least: what the receiver asked for (``Retry-After``); it makes a delay longer, never shorter, and at most
            as long as the longest.
        pace: divides every delay, for tests on a real wire.

    Raises:
        ValueError: there is no such attempt.
    """
    if attempt < 1:
        raise ValueError(f"attempts are counted from 1, not {attempt}")
    if attempt > len(DELAYS):
        return None
    digest = hashlib.sha256(f"{key}\n{attempt}".encode("utf-8", "surrogatepass")).digest()
    share = int.from_bytes(digest[:8]) / 2**64
    delay = DELAYS[attempt - 1] * (1 + JITTER * share)
    return max(delay, min(at_least, DELAYS[-1])) / pace
