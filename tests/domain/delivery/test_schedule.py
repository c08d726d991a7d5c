"""When a failed delivery is tried again."""

from datetime import timedelta

import pytest

from domain.delivery.schedule import DELAYS, MOST_ATTEMPTS, delay_after

KEY = "INC1/gold/first-response/1/violation-0/1/hook"


@pytest.mark.parametrize(
    ("attempt", "delay"),
    [
        (1, timedelta(seconds=5)),
        (2, timedelta(minutes=5)),
        (3, timedelta(minutes=30)),
        (4, timedelta(hours=2)),
        (5, timedelta(hours=5)),
        (6, timedelta(hours=10)),
        (7, timedelta(hours=14)),
        (8, timedelta(hours=20)),
        (9, timedelta(hours=24)),
    ],
)
def test_each_attempt_has_its_delay(attempt: int, delay: timedelta) -> None:
    """A tenth may be added to it, by the key; nothing is taken away."""
    found = delay_after(attempt, KEY)
    assert found is not None
    assert delay <= found <= delay * 1.1


def test_the_tenth_attempt_is_the_last() -> None:
    assert MOST_ATTEMPTS == 10
    assert delay_after(9, KEY) is not None
    assert delay_after(10, KEY) is None


def test_jitter_follows_from_the_key_alone() -> None:
    """Every worker finds the same delay; effects that failed together come back apart."""
    assert delay_after(3, KEY) == delay_after(3, KEY)
    found = [delay_after(2, f"{KEY}{n}") for n in range(50)]
    assert len(set(found)) == 50


def test_a_receiver_may_ask_for_more_time() -> None:
    """`Retry-After` makes a delay longer, never shorter, and never longer than the longest."""
    assert delay_after(1, KEY, at_least=timedelta(minutes=2)) == timedelta(minutes=2)
    assert delay_after(3, KEY, at_least=timedelta(seconds=1)) == delay_after(3, KEY)
    assert delay_after(1, KEY, at_least=timedelta(days=400)) == DELAYS[-1]


def test_pace_divides_every_delay() -> None:
    whole, part = delay_after(4, KEY), delay_after(4, KEY, pace=2000)
    assert whole is not None
    assert part == whole / 2000


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        delay_after(0, KEY)
