"""The catalogs of the guide of patterns: each is a catalog that is taken, and promises what its page says.

Days are Mon 9 to Fri 13 June 2025, times those of New York unless they say otherwise.
"""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Catalog
from domain.messages.cases import CaseIntake
from domain.reports.compliance import promises
from domain.timeline.effects import Effect, TriggerFired
from domain.timeline.events import FieldsChanged, MilestoneCompleted
from domain.timeline.machine import Case, Timeline
from domain.timeline.views import CaseView
from domain.usage.freezing import freeze
from domain.usage.machine import Usage
from domain.usage.periods import Term
from domain.usage.rates import entry_rates
from domain.usage.requests import EntitlementTerms, TimeEntry
from starters.backtest.pure_run import plan_for
from starters.files.catalogs import read_catalog
from starters.logs.events import LoggedCase
from tests.starters.incidents import ROOT

FOLDER = ROOT / "catalogs/patterns"
GUIDE = ROOT / "docs/guide/patterns.md"
PATTERNS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
NEW_YORK = ZoneInfo("America/New_York")
DAYS = {"Mon": 9, "Tue": 10, "Wed": 11, "Thu": 12, "Fri": 13}


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    """`Mon 10:00` of the week of the tests; `Mon+1 10:00` of the next."""
    day, clock = text.split()
    name, _, weeks = day.partition("+")
    return datetime.combine(date(2025, 6, DAYS[name] + 7 * int(weeks or 0)), time.fromisoformat(clock), zone)


def told(when: datetime | None, zone: ZoneInfo = NEW_YORK) -> str:
    return f"{when.astimezone(zone):%a %H:%M}" if when else ""


def pattern(name: str) -> Catalog:
    return read_catalog([FOLDER / f"{name}.yaml"])


class Walk:
    """A case that walks through the process of a pattern."""

    def __init__(self, name: str, opened: datetime, **fields: Any) -> None:
        catalog = pattern(name)
        case = LoggedCase(CaseIntake(case_id="A", fields=fields, opened_at=opened), opened, ())
        self.timeline = Timeline.enter(plan_for(catalog, [case]), Case(case_id="A", fields=fields), opened)
        self.count = 0
        self.effects: list[Effect] = []

    def change(self, when: datetime, **fields: Any) -> None:
        self.count += 1
        self.effects += self.timeline.apply(FieldsChanged(event_id=f"e{self.count}", occurred_at=when, fields=fields))

    def complete(self, when: datetime, milestone: str) -> None:
        self.count += 1
        self.effects += self.timeline.apply(
            MilestoneCompleted(event_id=f"e{self.count}", occurred_at=when, milestone=milestone)
        )

    def view(self, when: datetime) -> CaseView:
        self.effects += self.timeline.advance(when)
        return self.timeline.view(when)

    def sent(self, when: datetime) -> list[tuple[str, str]]:
        """Which milestone's triggers fired until then, and when."""
        self.view(when)
        return [(one.milestone, told(one.at)) for one in self.effects if isinstance(one, TriggerFired)]

    def seen(self, when: datetime, milestone: str) -> list[tuple[str, str, str, str]]:
        """Start, target, completion and state of each occurrence."""
        found = [one for one in self.view(when).milestones if one.milestone == milestone]
        return [(told(o.start_at), told(o.target_at), told(o.completed_at), o.state.value) for o in found]


@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_is_a_catalog_and_stands_in_the_guide(name: str) -> None:
    """Its file is taken as it is, and the guide tells of it."""
    assert pattern(name).entitlements or pattern(name).processes
    assert f"catalogs/patterns/{name}.yaml" in GUIDE.read_text(encoding="utf-8")


def test_next_reply() -> None:
    """Each message of the customer begins one, the first since the last answer; the answer completes it."""
    walk = Walk("next-reply", at("Mon 10:00"), last_message_by="customer")
    walk.change(at("Mon 11:00"), last_message_by="agent")
    walk.change(at("Mon 16:00"), last_message_by="customer")
    walk.change(at("Mon 16:30"), last_message_by="customer")
    assert walk.seen(at("Mon 17:00"), "Next reply") == [
        ("Mon 10:00", "Mon 14:00", "Mon 11:00", "completed"),
        ("Mon 16:00", "Tue 12:00", "", "running"),
    ]
    assert walk.view(at("Tue 11:59")).status == "compliant"
    assert walk.view(at("Tue 12:01")).status == "open violation"


def test_follow_up_every_business_day() -> None:
    """One a day, before the office closes; two on one day do not count for two days."""
    walk = Walk("follow-up", at("Mon 10:00"), status="Waiting for the customer")
    walk.complete(at("Mon 11:00"), "Follow-up")
    assert walk.seen(at("Mon 12:00"), "Follow-up")[1][3] == "scheduled"
    walk.complete(at("Tue 12:00"), "Follow-up")
    walk.change(at("Wed 10:00"), status="Answered")
    assert [(target, completed, state) for _, target, completed, state in walk.seen(at("Wed 11:00"), "Follow-up")] == [
        ("Mon 17:00", "Mon 11:00", "completed"),
        ("Tue 17:00", "Tue 12:00", "completed"),
        ("Wed 17:00", "", "removed"),
    ]


def test_follow_the_sun() -> None:
    """From 16:00 in Sydney, 6 h; handed over at its closing, 5 h are left, from the opening in London: 14:00 there."""
    sydney, london = ZoneInfo("Australia/Sydney"), ZoneInfo("Europe/London")
    walk = Walk("follow-the-sun", at("Mon 16:00", sydney), desk="Sydney")
    (answer,) = walk.view(at("Mon 16:30", sydney)).milestones
    assert told(answer.target_at, sydney) == "Tue 14:00"
    walk.change(at("Mon 17:00", sydney), desk="London")
    (answer,) = walk.view(at("Mon 09:00", london)).milestones
    assert told(answer.target_at, london) == "Mon 14:00"
    walk.change(at("Mon 14:00", london), desk="New York", answered=True)
    assert walk.view(at("Mon 15:00", london)).status == "compliant"


def test_manual_due_time() -> None:
    """Two days by default; an agreed time counts alone, also in closed time; without it the default is back."""
    walk = Walk("manual-due-time", at("Mon 10:00"), status="New")
    assert walk.seen(at("Mon 10:30"), "Resolution") == [("Mon 10:00", "Wed 10:00", "", "running")]
    walk.change(at("Mon 11:00"), agreed_at=at("Thu 20:00"))
    assert walk.seen(at("Mon 12:00"), "Resolution")[0][3] == "removed"
    assert walk.seen(at("Mon 12:00"), "Resolution as agreed")[0][1] == "Thu 20:00"
    walk.change(at("Tue 09:00"), agreed_at=None)
    assert walk.seen(at("Tue 10:00"), "Resolution")[0][1] == "Wed 10:00"
    walk.change(at("Tue 11:00"), agreed_at=at("Fri 09:00"))
    walk.change(at("Thu 11:00"), status="Resolved")
    assert walk.view(at("Fri 12:00")).status == "compliant"


@pytest.mark.parametrize(
    ("comes_in", "due"),
    [
        ("Mon 10:00", "Tue 16:00"),
        ("Mon 13:59:59", "Tue 16:00"),
        ("Mon 14:00", "Wed 16:00"),
        ("Mon 20:00", "Wed 16:00"),
        ("Fri 11:00", "Mon 16:00"),
        ("Fri 14:30", "Tue 16:00"),
    ],
)
def test_next_business_day_by_four(comes_in: str, due: str) -> None:
    """Until two, by four on the next business day; from two on it counts as of the next morning."""
    walk = Walk("next-business-day", at(comes_in), status="New")
    assert walk.seen(at(comes_in), "Part delivered") == [(told(at(comes_in)), due, "", "running")]
    walk.change(at(f"{due.split(maxsplit=1)[0]}{'+1' if comes_in.startswith('Fri') else ''} 16:00"), status="Delivered")
    assert walk.view(at("Wed+1 09:00")).status == "compliant"


def test_ola_by_group() -> None:
    """Each group has a clock from when it got the case; the promise to the customer runs on beside them."""
    walk = Walk("ola-by-group", at("Mon 09:00"), status="New")
    walk.change(at("Mon 09:30"), assignment_group="Service desk")
    walk.change(at("Mon 10:30"), assignment_group="Network")
    walk.change(at("Mon 15:30"), assignment_group="Database")
    walk.change(at("Tue 11:00"), status="Resolved")
    assert walk.seen(at("Tue 12:00"), "Group") == [
        ("Mon 09:30", "Mon 11:30", "", "removed"),
        ("Mon 10:30", "Mon 14:30", "", "removed"),
        ("Mon 15:30", "Tue 11:30", "Tue 11:00", "completed"),
    ]
    assert [one.violated for one in walk.view(at("Tue 12:00")).milestones if one.handed_over] == [False, True]
    runs = [m for m in walk.view(at("Tue 12:00")).milestones if m.milestone == "Group"]
    assert [one.ran_under["assignment_group"] for one in runs] == ["Service desk", "Network", "Database"]
    assert walk.seen(at("Tue 12:00"), "Resolution") == [("Mon 09:00", "Tue 17:00", "Tue 11:00", "completed")]
    assert walk.sent(at("Tue 12:00")) == [("Group", "Mon 14:30")]


def test_refused_solution() -> None:
    """Solved after two hours of eight, refused a day later: six hours are left from then."""
    walk = Walk("refused-solution", at("Mon 09:00"), status="New", contact_mail="ann@example.com")
    walk.change(at("Mon 11:00"), status="Solved")
    walk.change(at("Tue 10:00"), status="Open")
    assert walk.seen(at("Tue 10:00"), "Resolution") == [("Mon 09:00", "Tue 16:00", "", "running")]
    walk.change(at("Tue 15:00"), status="Solved")
    (resolution,) = walk.view(at("Tue 16:00")).milestones
    assert (resolution.violated, resolution.actual_seconds) == (False, 7 * 3600)
    assert walk.sent(at("Tue 16:00")) == [("Resolution", "Mon 11:00"), ("Resolution", "Tue 15:00")]


def test_reminder_and_auto_close() -> None:
    """After two business days a reminder, after five the end; no promise is missed by either."""
    walk = Walk("reminder-and-auto-close", at("Mon 09:00"), status="New", contact_mail="ann@example.com")
    walk.change(at("Mon 10:00"), status="Waiting for the customer")
    walk.change(at("Mon 12:00"), status="Open")
    walk.change(at("Tue 10:00"), status="Waiting for the customer")
    assert walk.sent(at("Tue+1 09:59:59")) == [("Reminder", "Thu 10:00")]
    assert walk.view(at("Tue+1 09:59:59")).status == "compliant"
    assert walk.sent(at("Tue+1 10:00")) == [("Reminder", "Thu 10:00"), ("Auto-close", "Tue 10:00")]
    view = walk.view(at("Thu+1 10:00"))
    assert (view.fields["status"], told(view.exited_at), view.status) == ("Closed", "Tue 10:00", "compliant")
    assert {one.milestone for one in promises(view)} == {"Resolution"}


def test_prepaid_blocks() -> None:
    """An entry that is longer than what a block has left goes on to the block that ends next."""
    worked = datetime(2026, 4, 1, 12, tzinfo=UTC)
    blocks = []
    for one in sorted(pattern("prepaid-blocks").entitlements, key=lambda one: one.ends_on or date.max):
        assert one.allowance is not None
        term = Term(starts_on=one.starts_on, ends_on=one.ends_on, time_zone="America/New_York")
        periods = freeze(one.allowance, term, worked)
        terms = EntitlementTerms(entitlement_id=one.id, account="acme", allowance=one.allowance, periods=periods)
        blocks.append(Usage.begin(terms, worked))
    first, second = blocks
    first.log_hours(TimeEntry(id="T1", minutes=9 * 60 + 20, worked_at=worked), worked)
    answer = first.log_hours(TimeEntry(id="T2", minutes=120, worked_at=worked, has_fallback=True), worked).answer
    assert (answer.taken, answer.left_over) == (30, 90)
    rest = second.log_hours(TimeEntry(id="T2", minutes=answer.left_over, worked_at=worked, is_rest=True), worked).answer
    assert (rest.taken, second.balance(worked).current.remaining) == (90, 510)


def test_the_guide_names_files_that_are_there() -> None:
    """Every catalog that the guide speaks of is in its folder."""
    words = GUIDE.read_text(encoding="utf-8").replace("`", " ").replace(")", " ").split()
    named = {
        Path(word.rstrip(".")).stem
        for word in words
        if word.startswith("catalogs/patterns/") and word.endswith((".yaml", ".yaml."))
    }
    assert named == set(PATTERNS)


def counted(catalog: Catalog, name: str, now: datetime) -> Usage:
    """The count of an entitlement of a pattern, begun at an instant."""
    declared = next(one for one in catalog.entitlements if one.id == name)
    organisation = catalog.organisation
    assert organisation is not None
    return Usage.begin(entitlement_terms(declared, catalog.accounts[0], organisation, now=now), now)


def test_weighted_hours() -> None:
    """What a minute counts follows office hours and case; worked minutes stand beside the rated ones."""
    catalog = pattern("weighted-hours")
    bank, office = counted(catalog, "acme-bank", at("Mon 09:00")), catalog.business_hours[0]
    table = bank.terms.allowance.rates

    def work(entry: str, minutes: int, begins: str, **case: bool) -> int:
        worked_at, until = at(begins), at(begins) + timedelta(days=4)
        frozen = office.freeze(worked_at, until)
        rates = entry_rates(table, frozen, entry={"id": entry}, case=case, worked_at=worked_at, until=until)
        asked = TimeEntry(id=entry, minutes=minutes, worked_at=worked_at, rates=rates)
        return bank.log_hours(asked, worked_at).answer.taken

    assert work("T-1", 60, "Mon 16:30") == 75
    assert work("T-2", 60, "Mon 16:30", press_stopped=True) == 90
    assert work("T-3", 60, "Tue 10:00", press_stopped=True) == 60
    assert work("T-4", 5, "Tue 20:00") == 0
    assert work("T-5", 10, "Tue 16:50") == 40
    assert bank.balance(at("Wed 09:00")).current.remaining == 20 * 60 - (75 + 90 + 60 + 40)


def test_prorated_months() -> None:
    """19 of 30 days of June: seven visits, 285 minutes; two of seven and four of ten visits go on."""
    catalog = pattern("prorated-months")
    visits, hours = (counted(catalog, name, at("Thu 12:00")) for name in ("acme-visits", "acme-hours"))
    assert (visits.balance_of(0).cap, hours.balance_of(0).cap, hours.balance_of(1).cap) == (7, 285, 450)
    visits.advance(datetime(2025, 9, 2, tzinfo=NEW_YORK))
    assert [visits.balance_of(month).carried for month in (1, 2, 3)] == [2, 4, 4]
    assert visits.balance_of(2).cap == 14
