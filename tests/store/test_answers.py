"""Answers that are kept: the same request again has the same one, another under its key is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Refused
from store import Store
from store.answers import GIVEN_UP_AFTER, KEPT_FOR, Asked, KeptAnswer

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
ASKED = Asked(subject="key/1", key="k", digest="d", attempt="a")
DONE = KeptAnswer(201, {"location": "/v1/cases/x"}, '{"outcome": "taken"}')


def test_the_same_request_has_the_same_answer(store: Store) -> None:
    """To the letter, for seven days."""
    assert store.answers.begin(ASKED, NOW) is None
    store.answers.finish(ASKED, DONE)
    again = ASKED._replace(attempt="b")
    assert store.answers.begin(again, NOW + KEPT_FOR - timedelta(seconds=1)) == DONE
    assert store.answers.begin(again, NOW + KEPT_FOR) is None


def test_another_request_under_a_key_is_refused(store: Store) -> None:
    """While the first is being worked on, and afterwards; another sender has keys of its own."""
    store.answers.begin(ASKED, NOW)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            store.answers.begin(ASKED._replace(digest="other"), NOW)
        assert refused.value.code == "key_used_otherwise"
        store.answers.finish(ASKED, DONE)
    assert store.answers.begin(ASKED._replace(subject="key/2", digest="other"), NOW) is None


def test_a_request_that_is_being_worked_on_is_not_done_twice(store: Store) -> None:
    """Of any number that come at once, one goes on; a killed one is given up after a while."""

    def begin(number: int) -> str:
        try:
            found = store.answers.begin(ASKED._replace(attempt=str(number)), NOW)
        except Refused as refused:
            return refused.code
        return "mine" if found is None else "kept"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(begin, range(16))) == ["mine"] + ["still_running"] * 15
    assert store.answers.begin(ASKED, NOW + GIVEN_UP_AFTER) is None


def test_an_attempt_that_was_given_up_keeps_nothing(store: Store) -> None:
    """Whatever it comes to in the end: another has taken its place."""
    store.answers.begin(ASKED, NOW)
    later = ASKED._replace(attempt="later")
    store.answers.begin(later, NOW + GIVEN_UP_AFTER)
    store.answers.finish(ASKED, DONE)
    store.answers.forget(ASKED)
    with pytest.raises(Refused, match="still being worked on"):
        store.answers.begin(ASKED, NOW + GIVEN_UP_AFTER)
    store.answers.finish(later, DONE)
    assert store.answers.begin(ASKED, NOW + GIVEN_UP_AFTER) == DONE


def test_what_came_to_nothing_runs_again(store: Store) -> None:
    """And its key is free for another request."""
    store.answers.begin(ASKED, NOW)
    store.answers.forget(ASKED)
    assert store.answers.begin(ASKED._replace(digest="other"), NOW) is None


def test_old_answers_are_forgotten(store: Store) -> None:
    """After seven days, those that were never finished too."""
    store.answers.begin(ASKED, NOW)
    store.answers.begin(ASKED._replace(key="newer"), NOW + timedelta(days=1))
    assert store.answers.prune(NOW + KEPT_FOR) == 1
    assert store.answers.prune(NOW + KEPT_FOR) == 0
