"""What a new case is refused with before anything is taken for it, and a case that runs is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.covering import Covering
from activities.opening import Opening
from activities.planning import Planner
from clients.gate import UsageGate
from domain.catalog.declarations import Catalog
from domain.coverage.matching import CoverageQuestion
from domain.errors import NotFound
from domain.messages.cases import CaseIntake
from domain.messages.steps import CaseOpening
from starters.imports.rows import Row
from starters.imports.trying import Trying
from starters.operations.verifying import Verifying
from store import Store

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOBODY = cast("UsageGate", None)
"""No entitlement is to be asked."""

THINGS: dict[str, list[dict[str, Any]]] = {
    "business_hours": [{"name": "Office", "week": "always"}],
    "products": [{"id": "press"}],
    "accounts": [{"id": "acme"}],
    "contacts": [{"id": "ann", "account": "acme"}],
    "assets": [{"id": "press-1", "account": "acme"}],
    "service_contracts": [{"id": "s1", "account": "acme"}],
    "contract_line_items": [{"id": "l1", "service_contract": "s1"}],
}
NAMED = [
    ("business_hours", {"business_hours": "Office"}, "business hours 'Office'"),
    ("products", {"product": "press"}, "product 'press'"),
    ("contacts", {"contact": "ann"}, "contact 'ann'"),
    ("assets", {"asset": "press-1"}, "asset 'press-1'"),
    ("contract_line_items", {"contract_line_item": "l1"}, "contract line item 'l1'"),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as opened:
        declared = THINGS | {"entitlements": [{"id": "gold", "account": "acme"}]}
        opened.catalog.apply(Catalog.model_validate(declared), by="ann")
        yield opened


def retire(store: Store, kind: str) -> None:
    store.catalog.apply(Catalog.model_validate({kind: [one | {"retired": True} for one in THINGS[kind]]}), by="ann")


@pytest.mark.parametrize(("kind", "names", "said"), NAMED)
async def test_a_new_case_that_names_what_is_retired_is_refused(
    store: Store, kind: str, names: dict[str, str], said: str
) -> None:
    """As one that names what there is not, whoever asks: at its opening, by `verify`, and by an import's dry run."""
    intake = CaseIntake.model_validate({"case_id": "c", "account": "acme", **names})
    trying, row = Trying(store), Row(number=1, line=1, case_id="c", intake=intake)
    assert (await trying.verdict(row)).outcome == "taken"
    retire(store, kind)
    opening = Opening(store, Planner(store), Covering(store, NOBODY), cast("Any", None))
    with pytest.raises(ApplicationError, match=f"{said} is retired; name another, or none") as refused:
        await ActivityEnvironment().run(opening.open_case, CaseOpening(intake=intake, opened_at=NOON, now=NOON))
    assert (refused.value.type, refused.value.non_retryable) == ("NotFound", True)
    assert said in (await trying.verdict(row)).text
    if kind != "business_hours":
        question = CoverageQuestion.model_validate({"account": "acme", "at": NOON, **names})
        with pytest.raises(NotFound, match=f"{said} is retired"):
            await Verifying(store, None).verify(question)


@pytest.mark.parametrize(("kind", "names", "said"), NAMED)
def test_a_case_that_runs_is_covered_as_before(store: Store, kind: str, names: dict[str, str], said: str) -> None:
    """Its work is taken of what covers it, whatever became of its contact or asset."""
    intake = CaseIntake.model_validate({"case_id": "c", "account": "acme", **names})
    before = Covering(store, NOBODY).coverage(intake, NOON)
    assert before[0].chosen is not None, said
    retire(store, kind)
    assert Covering(store, NOBODY).coverage(intake, NOON) == before
