"""What an entitlement remembers of references is what plain lists would be, at the same cost however many they are."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.usage.references import References
from domain.usage.takings import Ledger, Taking

MOST = 6
KEYS = ("0:1", "1:1", "1:2", "2:1")


class Plain:
    """The same with lists: slow, and right at a glance."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []

    def put(self, reference: str, key: str) -> None:
        self.drop(reference)
        self.all.append((reference, key))
        while len(self.all) > MOST:
            oldest = min(_rank(key) for _, key in self.all)
            self.all.remove(next(entry for entry in self.all if _rank(entry[1]) == oldest))

    def drop(self, reference: str) -> None:
        self.all = [entry for entry in self.all if entry[0] != reference]

    def groups(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for reference, key in self.all:
            found.setdefault(key, []).append(reference)
        return found


def _rank(key: str) -> int:
    return int(key.partition(":")[0])


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(st.booleans(), st.text("abc", max_size=3), st.sampled_from(KEYS)), max_size=40))
def test_references_are_what_plain_lists_are(steps: list[tuple[bool, str, str]]) -> None:
    """Put under a key, moved to another, dropped, the first dropped of too many; the copy before stays as it was."""
    references, plain = References(), Plain()
    for is_put, reference, key in steps:
        before, said = references, references.groups()
        if is_put:
            references = references.without(reference).with_newest(reference, key, MOST, _rank)
            plain.put(reference, key)
        else:
            references = references.without(reference)
            plain.drop(reference)
        assert before.groups() == said
        assert references.groups() == plain.groups()
        assert references.size == len(plain.all)
        assert {name: references.key_of(name) for name, _ in plain.all} == dict(plain.all)
        assert References.of(references.groups()) == references


def test_a_copy_of_a_large_ledger_costs_what_one_of_a_small_one_does() -> None:
    """A copy, a look and one taking more, at a thousand and at a hundred thousand: by far not in proportion."""

    def seconds(size: int) -> float:
        ledger = Ledger()
        for number in range(size):
            ledger.add(f"entry-{number}", Taking(number % 12, number % 480))
        best = 1.0
        for attempt in range(5):
            began = time.perf_counter()
            for number in range(50):  # each on a copy of its own
                copy = ledger.fork()
                assert copy.find(f"entry-{number}") is not None
                copy.add(f"new-{attempt}-{number}", Taking(11, 30))
            best = min(best, time.perf_counter() - began)
        assert ledger.find("new-0-0") is None
        return best

    assert seconds(90_000) < 10 * seconds(1_000)
