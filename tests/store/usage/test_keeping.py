"""References that counts have put away."""

from __future__ import annotations

from domain.usage.effects import UsageRecords
from domain.usage.keeping import KeptReferences, RecallRequest
from domain.usage.takings import digest_of
from store import Store
from tests.domain.usage.test_usage import NOON, consumption, usage


def kept(ledgers: dict[str, dict[str, list[str]]], *, count: str = "count", entitlement: str = "E1") -> KeptReferences:
    """References by ledger, and by what they took."""
    groups = {
        name: {key: "".join(map(digest_of, references)) for key, references in each.items()}
        for name, each in ledgers.items()
    }
    return KeptReferences(entitlement_id=entitlement, count=count, ledgers=groups)


def recalled(store: Store, *references: str, count: str = "count") -> dict[str, dict[str, str]]:
    """What the store has of references."""
    digests = [digest_of(reference) for reference in references]
    return store.references.recall(RecallRequest(entitlement_id="E1", count=count, digests=digests)).ledgers


def test_what_is_kept_is_recalled_by_its_count(store: Store) -> None:
    """Of each ledger, in which one id may stand for different things."""
    store.references.keep(kept({"taken": {"0:1:0:0": ["C1", "C2"], "1:5:0:0": ["C3"]}, "changed": {"0:0:0:0": ["C1"]}}))
    store.references.keep(kept({"taken": {"0:9:0:0": ["C4"]}}, count="another"))
    store.references.keep(kept({"taken": {"0:9:0:0": ["C4"]}}, entitlement="E2"))
    assert recalled(store, "C1", "C3", "C4", "never") == {
        "taken": {"0:1:0:0": digest_of("C1"), "1:5:0:0": digest_of("C3")},
        "changed": {"0:0:0:0": digest_of("C1")},
    }
    assert recalled(store, "C4", count="another") == {"taken": {"0:9:0:0": digest_of("C4")}}


def test_the_last_that_is_kept_counts(store: Store) -> None:
    """The same comes again without harm, and what has changed since in its place."""
    for took in ("0:1:0:0", "0:1:0:0", "0:0:0:0", ""):
        store.references.keep(kept({"taken": {took: ["C1"]}}))
        assert recalled(store, "C1") == {"taken": {took: digest_of("C1")}}


def test_very_many_are_kept_and_asked_for_at_once(store: Store) -> None:
    """More than a database takes parameters of one statement."""
    references = [f"C{number}" for number in range(3_000)]
    store.references.keep(kept({"taken": {f"0:{number}:0:0": [name] for number, name in enumerate(references)}}))
    assert len(recalled(store, *references)["taken"]) == 3_000
    store.references.keep(kept({}))


def test_the_newest_count_says_what_was_taken(store: Store) -> None:
    """What an earlier one has put away is of no count that runs."""
    cases = usage()
    for number, count in enumerate(("earlier", "later")):
        [row, *_] = cases.take(consumption(f"R{number}"), NOON.replace(day=20 + number)).effects
        news = {"entitlement_id": "E1", "count": count, "account": "acme", "unit": "cases"}
        store.ledgers.record(UsageRecords.model_validate({**news, "rows": [row], "periods": []}))
    store.references.keep(kept({"taken": {"0:1:0:0": ["C1"]}}, count="earlier"))
    store.references.keep(kept({"taken": {"0:1:0:0": ["C2"]}, "changed": {"0:0:0:0": ["e1"]}}, count="later"))
    assert [store.references.has_taken("E1", name) for name in ("C1", "C2", "e1")] == [False, True, False]
