"""What every activity is asked, in a world that has what has to be there before: a sample or more of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

from domain.messages.case_state import ActionOrder
from domain.messages.cases import CaseIntake, OverageChoice, TimeLogged
from domain.messages.migrations import CaseMigration, CaseSelection, OutdatedRequest
from domain.messages.redelivery import RedeliveryOrder
from domain.messages.report import DueReport
from domain.messages.steps import (
    CaseOpening,
    CaseRecord,
    EntitlementChangePlan,
    HorizonRequest,
    HoursDecided,
    MigrationPlan,
    OpenedCase,
    OverageDecided,
    TimeToReverse,
    TimeToTake,
    open_case,
    opened_state,
)
from domain.messages.work_notes import logged_note, uncovered_line
from domain.subscriptions.requests import BeginRequest, DeliveryRequest, KeepRequest, WaitRequest
from domain.subscriptions.state import DeadLetter, Lane, SubscriptionState
from domain.timeline.effects import Noted, NoteKind
from domain.usage.effects import (
    CarryBackOrder,
    CarryOverOrder,
    PeriodsRequest,
    RecordChange,
    RenewalOrder,
    TermsRequest,
    UsageActionOrder,
    UsageRecords,
)
from domain.usage.keeping import KeptReferences, RecallRequest
from domain.usage.periods import Term
from domain.usage.requests import EntitlementOverflowed, EntitlementRenewed
from domain.usage.rows import LedgerRow, RowKind
from domain.usage.state import Renewal
from domain.usage.takings import digest_of
from tests.activities.actions.sending import CONTEXT
from tests.activities.small_world import NOON, SmallWorld
from tests.store.failed_orders import failed_order

MAIL = {"do": "email", "to": "desk@example.org", "subject": "{{ case.id }} is late"}
HOOK = {"do": "outbound_message", "endpoint": "desk"}
SIGNAL = {"do": "signal", "workflow": "desk-{{ case.id }}", "signal": "escalated"}
TASK = {"do": "task", "subject": "call them"}
TERM = {"starts_on": "2025-01-01", "ends_on": "2025-12-31"}
LATER = {**TERM, "ends_on": "2026-12-31"}
ASKS = {"cap": 1, "overflow": "prompt", "overage_price": "85.00 EUR"}
CATALOG: dict[str, Any] = {
    "fields": {"priority": "string"},
    "processes": [{"name": "Gold", "milestones": [{"name": "Answer", "within": "4h"}]}],
    "accounts": [{"id": name} for name in ("acme", "bank", "banks", "equal", "term")],
    "assets": [{"id": "press", "account": "acme"}],
    "endpoints": [{"id": "desk", "url": "https://desk.example.org/", "secrets": [{"env": "DESK_SECRET"}]}],
    "subscriptions": [{"id": "all", "endpoint": "desk", "begins": "start"}],
    "reports": [{"id": "daily", "kind": "compliance", "when": {"every": "day"}, "to": ["ann@example.com"]}],
    "entitlements": [
        {**TERM, "id": "cases", "account": "acme", "asset": "press", "process": "Gold", "allowance": ASKS},
        {"id": "rest", "account": "acme", "process": "Gold"},
        {**TERM, "id": "hours", "account": "bank", "process": "Gold", "allowance": {**ASKS, "unit": "hours"}},
        {**TERM, "id": "first", "account": "banks", "allowance": {"cap": 1, "unit": "hours"}},
        {**LATER, "id": "second", "account": "banks", "allowance": {**ASKS, "unit": "hours"}},
        {**TERM, "id": "sooner", "account": "equal", "allowance": {"cap": 1, "overflow": "block"}},
        {**LATER, "id": "later", "account": "equal", "allowance": {"cap": 1, "overflow": "block"}},
        {**TERM, "id": "term", "account": "term", "allowance": {"cap": 10, "carry_over": "renewal", "unit": "visits"}},
    ],
}
RENEWAL = Renewal(entitlement_id="term~2", starts_on="2026-01-01", ends_on="2026-12-31", by="ann")  # type: ignore[arg-type]

Sample = Callable[[SmallWorld], Awaitable[Any]]
"""What an activity is asked, after whatever has to be in the world before."""


def opening(case: str) -> CaseOpening:
    return CaseOpening(intake=intake(case), opened_at=NOON, now=NOON)


def intake(case: str) -> CaseIntake:
    return CaseIntake(case_id=case, account="acme", asset="press")


def choice(case: str, **more: Any) -> OverageChoice:
    return OverageChoice(event_id=f"yes-{case}", occurred_at=NOON, by="ann", approved=True, **more)


def work(account: str) -> TimeToTake:
    entry = TimeLogged(event_id="e-1", occurred_at=NOON, id="entry", minutes=90, by="ann")
    return TimeToTake(intake=CaseIntake(case_id="c-1", account=account), entry=entry, now=NOON)


def order(action: dict[str, Any], number: int = 0) -> ActionOrder:
    key = f"c-1/gold/answer/1/violation-{number}/1/{action['do']}"
    return ActionOrder.model_validate(
        {
            "case_id": "c-1",
            "milestone": "Answer",
            "trigger": "violation-0",
            "kind": "violation",
            "due_at": NOON,
            "at": NOON,
            "call": {"key": key, "action": action},
            "context": {**CONTEXT, "case": {"id": "c-1"}},
        }
    )


async def of_nothing(_: SmallWorld) -> Any:
    return opening("c-1")


async def of_what_is_beyond_the_cap(world: SmallWorld) -> Any:
    await world.run("open_case", opening("c-0"))
    return opening("c-1")


async def of_a_case(world: SmallWorld) -> OpenedCase:
    opened: OpenedCase = await world.run("open_case", opening("c-1"))
    return opened


async def of_another_entitlement(_: SmallWorld) -> Any:
    return EntitlementChangePlan(intake=intake("c-1"), event_id="over", entitlement="cases", opened_at=NOON, now=NOON)


async def of_a_yes(world: SmallWorld) -> Any:
    opened = await world.run("open_case", await of_what_is_beyond_the_cap(world))
    assert opened.prompt is not None
    return OverageDecided(intake=intake("c-1"), prompt=opened.prompt, choice=choice("c-1"), opened_at=NOON, now=NOON)


async def of_a_no(world: SmallWorld) -> Any:
    decided = await of_a_yes(world)
    return decided.model_copy(update={"choice": choice("c-1").model_copy(update={"approved": False})})


async def of_equal_entitlements(_: SmallWorld) -> Any:
    return CaseOpening(intake=CaseIntake(case_id="c-1", account="equal"), opened_at=NOON, now=NOON)


async def of_work(_: SmallWorld) -> Any:
    return work("bank")


async def of_work_over_two_banks(_: SmallWorld) -> Any:
    return work("banks")


async def of_work_beyond_the_cap(world: SmallWorld) -> Any:
    logged = work("bank")
    taken = await world.run("log_time", logged)
    assert taken.question is not None
    return HoursDecided(intake=logged.intake, question=taken.question, choice=choice("c-1", entry="entry"), now=NOON)


async def of_a_horizon(world: SmallWorld) -> Any:
    return HorizonRequest(plan=(await of_a_case(world)).plan, now=NOON)


async def of_a_version(world: SmallWorld) -> Any:
    return MigrationPlan(plan=(await of_a_case(world)).plan, earliest=NOON, now=NOON)


async def of_a_record(world: SmallWorld) -> Any:
    opened = await of_a_case(world)
    entered = open_case(CaseIntake(case_id="c-1"), opened, NOON)
    return CaseRecord(
        history=10,
        number=2,
        notes_from=1,
        run_id="run",
        account=opened.account,
        entitlement=opened.entitlement,
        view=entered.timeline.view(NOON),
        notes=entered.notes,
        carried=opened_state(opened, entered, NOON - NOON),
    )


async def of_work_that_stayed_uncovered(world: SmallWorld) -> Any:
    record, text = await of_a_record(world), logged_note("entry", 90, uncovered_line(90))
    noted = Noted(number=len(record.notes) + 1, at=NOON, kind=NoteKind.TIME_LOGGED, text=text)
    await world.run("record_case", record.model_copy(update={"notes": [*record.notes, noted]}))
    return work("bank")


async def of_work_to_undo(world: SmallWorld) -> Any:
    await of_work_that_stayed_uncovered(world)
    return TimeToReverse(case_id="c-1", entry="entry")


def of_an_action(action: dict[str, Any]) -> Sample:
    async def ordered(_: SmallWorld) -> Any:
        return order(action)

    return ordered


async def of_terms(_: SmallWorld) -> Any:
    return TermsRequest(entitlement_id="cases", now=NOON)


TAKEN = LedgerRow(
    number=1,
    kind=RowKind.TAKEN,
    period=0,
    first_day=None,
    at=NOON,
    recorded_at=NOON,
    amount=1,
    used=1,
    overage=0,
    used_after=1,
    overage_after=0,
    cap_after=1,
    balance_after=0,
    reference="c-1",
    event_id="e-1",
)
"""A row of a ledger: one of `cases` is taken."""


async def of_rows(_: SmallWorld) -> Any:
    return UsageRecords(entitlement_id="cases", count="count", account="acme", unit="cases", rows=[TAKEN], periods=[])


async def of_references(_: SmallWorld) -> Any:
    taken = {"0:1:0:0": digest_of("c-1") + digest_of("c-2")}
    return KeptReferences(entitlement_id="cases", count="count", ledgers={"taken": taken})


async def of_references_put_away(world: SmallWorld) -> Any:
    await world.run("keep_references", await of_references(world))
    return RecallRequest(entitlement_id="cases", count="count", digests=[digest_of("c-2"), digest_of("c-3")])


async def of_overflows(_: SmallWorld) -> Any:
    told = {"entitlement_id": "cases", "occurred_at": NOON, "unit": "cases", "amount": 1, "used": 1, "cap": 1}
    return [
        EntitlementOverflowed.model_validate(
            {
                **told,
                "period": 0,
                "first_day": None,
                "number": number,
                "event_id": f"e-{number}",
                "reference": f"c-{number}",
                "case_id": f"c-{number}",
            }
        )
        for number in (1, 2, 3)
    ]


async def of_a_threshold(_: SmallWorld) -> Any:
    call = {"key": "cases/2025-01-01/0/threshold/half/email", "action": {**MAIL, "subject": "half is used"}}
    context: dict[str, Any] = {"entitlement": {}, "account": {}, "usage": {}}
    given = {"entitlement_id": "cases", "cause": "threshold", "at": NOON, "call": call, "context": context}
    return UsageActionOrder.model_validate(given)


async def of_periods(world: SmallWorld) -> Any:
    allowance = world.store.catalog.entitlement("cases").allowance
    assert allowance is not None
    term = Term.model_validate({**TERM, "time_zone": "Etc/UTC"})
    return PeriodsRequest(allowance=allowance, term=term, now=NOON)


async def of_an_amendment(_: SmallWorld) -> Any:
    return RecordChange(entitlement_id="cases", cap=7, ends_on="never", cancelled_at=NOON, by="ann")


async def of_a_renewal(_: SmallWorld) -> Any:
    return RenewalOrder(entitlement_id="term", renewal=RENEWAL, at=NOON)


async def of_what_is_left(world: SmallWorld) -> Any:
    await world.run("renew_entitlement", await of_a_renewal(world))
    return CarryOverOrder(entitlement_id="term", renewal_id="term~2", amount=4, at=NOON)


async def of_less_that_is_left(world: SmallWorld) -> Any:
    await world.run("carry_over_to_renewal", await of_what_is_left(world))
    return CarryBackOrder(entitlement_id="term", renewal_id="term~2", amount=1, at=NOON, period=0)


async def of_less_where_it_went_on(world: SmallWorld) -> Any:
    """What was left went on from the renewal into the one after."""
    await world.run("carry_over_to_renewal", await of_what_is_left(world))
    further = {"entitlement_id": "term~3", "starts_on": date(2027, 1, 1), "ends_on": date(2027, 12, 31)}
    second = world.counts.usages["term~2"]
    second.change(EntitlementRenewed(event_id="on", by="ann", reason="goes on"), NOON)
    second.advance(datetime(2027, 1, 2, tzinfo=UTC))
    await world.run(
        "renew_entitlement",
        RenewalOrder(entitlement_id="term~2", renewal=Renewal.model_validate({**further, "by": "ann"}), at=NOON),
    )
    went_on = CarryOverOrder(entitlement_id="term~2", renewal_id="term~3", amount=14, at=NOON)
    await world.run("carry_over_to_renewal", went_on)
    return CarryBackOrder(entitlement_id="term", renewal_id="term~2", amount=3, at=NOON, period=0)


async def of_a_selection(world: SmallWorld) -> Any:
    await of_a_case(world)
    return CaseSelection()


async def of_outdated_cases(world: SmallWorld) -> Any:
    await of_a_case(world)
    return OutdatedRequest(selection=CaseSelection(), goals=world.store.catalog.versions(), limit=10)


async def of_a_migration(_: SmallWorld) -> Any:
    return CaseMigration(migration_id="m-1", case_id="c-1", process_version=2, by="ann")


def of_a_delivery_by_hand(kind: str, action: dict[str, Any]) -> Sample:
    async def ordered(world: SmallWorld) -> Any:
        sent = order(action)
        await world.run(kind, sent)
        return RedeliveryOrder(key=sent.call.key, by="ann", asked_at=NOON)

    return ordered


def of_a_retry_by_hand(action: dict[str, Any]) -> Sample:
    async def failed(world: SmallWorld) -> Any:
        key = order(action).call.key
        world.store.actions.record_action_failed(key, "the password of the mail server was missing", at=NOON)
        world.store.actions.keep_order(failed_order(key, "ann@example.org", **action))
        return RedeliveryOrder(key=key, by="ann", asked_at=NOON, failed=True)

    return failed


async def of_a_report(world: SmallWorld) -> Any:
    await of_a_case(world)
    return DueReport(report="daily", due_at=NOON)


async def of_a_subscription(_: SmallWorld) -> Any:
    return BeginRequest(subscription_id="all")


async def given_up(world: SmallWorld) -> SubscriptionState:
    """How a subscription stands that gave up the first event, and has read no other."""
    await world.run("open_case", opening("c-1"))
    page = world.store.feed.read(limit=1)
    event, position = page.events[0], page.positions[0]
    known: dict[str, Any] = {
        "event_id": event.id,
        "position": position,
        "subject": event.subject,
        "sequence": 1,
        "type": event.type,
    }
    letter = DeadLetter(**known, attempts=10, reason="HTTP 400", at=NOON)
    return SubscriptionState(cursor=page.cursor, given_up=[letter], sent=3, dead=1)


async def of_how_it_stands(world: SmallWorld) -> Any:
    return KeepRequest(subscription_id="all", state=await given_up(world))


async def of_its_end(world: SmallWorld) -> Any:
    return KeepRequest(subscription_id="all", state=await given_up(world), is_ended=True)


async def of_waiting(world: SmallWorld) -> Any:
    return WaitRequest(subscription_id="all", state=await given_up(world))


async def of_events(world: SmallWorld) -> Any:
    await world.run("open_case", opening("c-2"))
    return DeliveryRequest(subscription_id="all", state=await given_up(world), due=[], reads_on=True)


async def of_events_behind(world: SmallWorld) -> Any:
    state = await given_up(world)
    lane = Lane(subject="case/c-1", done=0, event_id="case/c-1/1", attempts=2, due_at=NOON, reason="HTTP 400")
    state = state.model_copy(update={"cursor": world.store.feed.end(), "lanes": [lane], "given_up": []})
    return DeliveryRequest(subscription_id="all", state=state, due=["case/c-1"], reads_on=False)


async def of_a_dead_letter(world: SmallWorld) -> Any:
    state = await given_up(world)
    await world.run("keep_subscription", KeepRequest(subscription_id="all", state=state))
    assert world.store.dead_letters.send_again("all") == 1
    return DeliveryRequest(subscription_id="all", state=state, due=[], reads_on=True)


SAMPLES: dict[str, list[Sample]] = {
    "open_case": [of_nothing, of_what_is_beyond_the_cap, of_equal_entitlements],
    "plan_entitlement_change": [of_another_entitlement],
    "decide_overage": [of_a_yes, of_a_no, of_work_beyond_the_cap],
    "log_time": [of_work, of_work_over_two_banks, of_work_that_stayed_uncovered],
    "reverse_time": [of_work_to_undo],
    "freeze_calendars": [of_a_horizon],
    "plan_migration": [of_a_version],
    "record_case": [of_a_record],
    "email": [of_an_action(MAIL)],
    "task": [of_an_action(TASK)],
    "outbound_message": [of_an_action(HOOK)],
    "signal": [of_an_action(SIGNAL)],
    "read_entitlement_terms": [of_terms],
    "record_usage": [of_rows],
    "keep_references": [of_references],
    "recall_references": [of_references_put_away],
    "tell_cases": [of_overflows],
    "perform_usage_action": [of_a_threshold],
    "freeze_periods": [of_periods],
    "change_entitlement_record": [of_an_amendment],
    "renew_entitlement": [of_a_renewal],
    "carry_over_to_renewal": [of_what_is_left],
    "take_back_from_renewal": [of_less_that_is_left, of_less_where_it_went_on],
    "survey_migration": [of_a_selection],
    "find_outdated_cases": [of_outdated_cases],
    "migrate_case": [of_a_migration],
    "begin_subscription": [of_a_subscription],
    "keep_subscription": [of_how_it_stands, of_its_end],
    "await_events": [of_waiting],
    "deliver_events": [of_events, of_events_behind, of_a_dead_letter],
    "redeliver": [
        of_a_delivery_by_hand("email", MAIL),
        of_a_delivery_by_hand("outbound_message", HOOK),
        of_a_retry_by_hand(MAIL),
    ],
    "send_report": [of_a_report],
}
