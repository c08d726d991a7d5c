"""How long a receiver that keeps failing is left alone."""

from datetime import timedelta

import pytest

from domain.delivery.circuit import open_for


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, None), (4, None), (5, 30), (6, 60), (7, 120), (8, 240), (9, 300), (10_000, 300)]
)
def test_longer_after_each_failure_up_to_five_minutes(failures: int, seconds: int | None) -> None:
    """From the fifth in a row on."""
    assert open_for(failures) == (None if seconds is None else timedelta(seconds=seconds))
    if seconds is not None:
        assert open_for(failures, pace=10) == timedelta(seconds=seconds / 10)
