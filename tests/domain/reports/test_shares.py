"""Parts of a whole in percent: only all of it is 100%, and only none of it 0%."""

from __future__ import annotations

import pytest

from domain.reports.shares import share, share_text


@pytest.mark.parametrize(
    ("part", "whole", "shown", "text"),
    [
        (200, 200, 100.0, "100%"),
        (0, 200, 0.0, "0%"),
        (200, 201, 99.5, "99.5%"),
        (249, 250, 99.6, "99.6%"),
        (1, 250, 0.4, "0.4%"),
        (99_999, 100_000, 99.9, "99.9%"),
        (1, 100_000, 0.1, "0.1%"),
        (100_001, 100_000, 100.1, "100.1%"),
        (1, 3, 33.3, "33%"),
        (199, 200, 99.5, "99.5%"),
        (989, 1000, 98.9, "99%"),
    ],
)
def test_all_and_none_are_said_of_nothing_else(part: int, whole: int, shown: float, text: str) -> None:
    """One that was missed of very many is seen, and so is one that was met."""
    assert share(part, whole) == shown
    assert share_text(shown) == text


def test_of_nothing_there_is_no_share() -> None:
    """Neither all of it nor none."""
    assert share(0, 0) is None
