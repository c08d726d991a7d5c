"""What a new case is refused with before anything is taken for it, a case that runs is not, and a reopening is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.covering import Covering
from activities.opening import Opening
from activities.planning import Planner
from activities.recording import Recording
from clients.gate import UsageGate
from domain.catalog.declarations import Catalog
from domain.coverage.matching import CoverageQuestion
from domain.errors import NotFound
from domain.messages.cases import CaseIntake, CaseReopening
from domain.messages.steps import CaseOpening, CaseRecord, OpenedCase, reopen_case
from domain.timeline.events import CaseClosed, FieldsChanged
from domain.timeline.plan import Plan
from starters.imports.rows import Row
from starters.imports.trying import Trying
from starters.operations.verifying import Verifying
from store import Store
from store.errors import Unstorable
from tests.feeds import T0, Recorded, at

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


OFFICE = {"name": "B", "time_zone": "America/New_York", "week": {day: ["09:00-17:00"] for day in ("mon", "tue", "wed")}}


def closed_case(store: Store, span: str, hours: dict[str, Any]) -> Plan:
    """Declare a process that is entered at a field, and store a case of it that was closed; its plan."""
    response = {"name": "Response", "within": [{"span": span}]}
    declared = {
        "organisation": {"name": "Us", "business_hours": "B", "process": "Support"},
        "business_hours": [hours],
        "fields": {"entry_at": "datetime"},
        "processes": [{"name": "Support", "entry": "entry_at", "milestones": [response]}],
    }
    store.catalog.apply(Catalog.model_validate(declared), by="ann")
    plan = Planner(store).plan(CaseIntake(case_id="c"), T0, entitlement=None, account=None)
    case, entry = Recorded("c", plan=plan, account=None), {"entry_at": at(0).isoformat()}
    effects = case.timeline.apply(FieldsChanged(event_id="entry", occurred_at=at(1), fields=entry))
    effects += case.timeline.apply(CaseClosed(event_id="close", occurred_at=at(2)))
    store.cases.record(case.record(effects))
    return plan


async def reopened(store: Store, fields: dict[str, Any]) -> OpenedCase:
    """What the activity hands over for a reopening that sets fields."""
    asked = CaseReopening(event_id="again", occurred_at=at(3), fields=fields)
    opening = Opening(store, Planner(store), Covering(store, NOBODY), cast("Any", None))
    intake = CaseIntake(case_id="c", reopened=asked)
    answer: OpenedCase = await ActivityEnvironment().run(
        opening.open_case, CaseOpening(intake=intake, opened_at=at(3), now=at(3))
    )
    assert answer.reopened is not None
    timeline = reopen_case(answer.reopened, asked, at(3)).timeline
    assert timeline.lacks_from is None
    return answer


@pytest.mark.parametrize("span", ["4h", "1bd"])
async def test_a_reopened_case_has_calendars_back_to_its_new_entry(store: Store, span: str) -> None:
    """As one that runs gets them before it takes such a change, so that what it missed then is on record at once."""
    plan = closed_case(store, span, OFFICE)
    answer = await reopened(store, {"entry_at": "1970-01-05T14:00:00Z"})
    assert answer.plan.calendars["B"].start == datetime(1969, 1, 1, tzinfo=UTC)
    assert answer.plan.calendars["B"].end == plan.calendars["B"].end


async def test_a_reopened_case_keeps_calendars_that_reach(store: Store) -> None:
    """Whatever instant of them its entry is moved to."""
    plan = closed_case(store, "4h", OFFICE)
    assert (await reopened(store, {"entry_at": "2025-01-06T14:00:00Z"})).plan == plan
    assert (await reopened(store, {})).plan == plan


@pytest.mark.parametrize("span", ["4h", "1bd"])
async def test_a_reopening_to_years_of_unknown_holidays_is_refused(store: Store, span: str) -> None:
    """With the reason, as a change of a case that runs is."""
    closed_case(store, span, OFFICE | {"holidays": {"country": "HR"}})
    with pytest.raises(ApplicationError, match="the holidays of HR are known from 1992"):
        await reopened(store, {"entry_at": "1970-01-05T14:00:00Z"})


async def test_a_case_that_the_database_never_takes_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what the database says of it; it is not tried for ever, as if that were away."""

    def never(records: Sequence[CaseRecord], **_: Any) -> list[Unstorable]:
        return [Unstorable("index row size 4016 exceeds the maximum 2704")] * len(records)

    monkeypatch.setattr(store.cases, "record_all", never)
    opening = Opening(store, Planner(store), Covering(store, NOBODY), Recording(store))
    intake = CaseIntake(case_id="c", account="acme")
    with pytest.raises(ApplicationError, match="does not take this: index row size 4016") as refused:
        await ActivityEnvironment().run(opening.open_case, CaseOpening(intake=intake, opened_at=NOON, now=NOON))
    assert (refused.value.type, refused.value.non_retryable) == ("refused", True)
