"""How many requests a key may make."""

import pytest

from starters.http.problems import Problem
from starters.http.rate import RateLimit


class Clock:
    """Seconds that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_may_make_so_many_and_is_told_when_it_may_again() -> None:
    """In a burst as many as in two seconds; another key has a bucket of its own."""
    clock = Clock()
    limit = RateLimit(5, clock)
    for _ in range(10):
        limit.take("desk")
    with pytest.raises(Problem) as refused:
        limit.take("desk")
    assert (refused.value.status_code, refused.value.headers) == (429, {"Retry-After": "1"})
    limit.take("shop")
    clock.now += 0.2
    limit.take("desk")
    with pytest.raises(Problem):
        limit.take("desk")


def test_a_slow_rate_says_how_long_to_wait() -> None:
    """In whole seconds, rounded up."""
    limit = RateLimit(0.1, Clock())
    limit.take("desk")
    with pytest.raises(Problem) as refused:
        limit.take("desk")
    assert refused.value.headers == {"Retry-After": "10"}


def test_buckets_that_are_full_again_are_forgotten() -> None:
    """However many keys there were."""
    clock = Clock()
    limit = RateLimit(5, clock)
    for number in range(10_000):
        limit.take(f"key {number}")
    clock.now += 3
    limit.take("one more")
    assert len(limit._buckets) == 1
