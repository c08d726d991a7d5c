"""Turns of writers: one at a time, those in a hurry first, and nobody is forgotten."""

from __future__ import annotations

import threading
import time

from store.turns import Turns

WAITS = 20.0


def _waiting(turns: Turns) -> int:
    return len(turns._hurried) + len(turns._patient)


def _until_wait(turns: Turns, number: int) -> None:
    deadline = time.monotonic() + WAITS
    while _waiting(turns) < number:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_those_in_a_hurry_come_first() -> None:
    """Whoever can't wait long goes before all who can; among their like they go as they came."""
    turns, order = Turns(), list[str]()

    def take(name: str) -> None:
        assert turns.acquire(WAITS, in_a_hurry=name.startswith("hurried"))
        order.append(name)
        turns.release()

    assert turns.acquire(WAITS)
    threads: list[threading.Thread] = []
    for number, name in enumerate(("patient 1", "patient 2", "hurried 1", "patient 3", "hurried 2"), 1):
        threads.append(threading.Thread(target=take, args=(name,)))
        threads[-1].start()
        _until_wait(turns, number)
    turns.release()
    for thread in threads:
        thread.join()
    assert order == ["hurried 1", "hurried 2", "patient 1", "patient 2", "patient 3"]


def test_who_gives_up_keeps_nobody_waiting() -> None:
    """One whose time is over has no turn, and the next one gets it."""
    turns = Turns()
    assert turns.acquire(WAITS)
    assert not turns.acquire(0.01)
    assert not turns.acquire(0.01, in_a_hurry=True)
    turns.release()
    assert turns.acquire(0.0)
    turns.release()


def test_one_has_the_turn_at_a_time() -> None:
    """Many threads with short patience and long: no two of them at once, and all come through."""
    turns, holders, most, done = Turns(), 0, 0, 0

    def work(number: int) -> None:
        nonlocal holders, most, done
        for _ in range(200):
            assert turns.acquire(WAITS, in_a_hurry=number % 3 == 0)
            holders += 1
            most = max(most, holders)
            done += 1
            holders -= 1
            turns.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (1, 1800)
