"""The real incident log: its sample, and the whole of it where it is at hand."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from domain.timeline.events import CaseClosed, FieldsChanged
from starters.logs.events import OddityKind
from tests.starters.incidents import FULL_LOG, SAMPLE, case, log


def at(text: str) -> datetime:
    return datetime.strptime(text, "%d-%m-%Y %H:%M").replace(tzinfo=UTC)


def test_the_sample_holds_every_kind_of_incident() -> None:
    """What its README promises."""
    found = log()
    assert (len(found.cases), found.rows) == (150, 1038)
    assert SAMPLE.stat().st_size < 500_000
    first = Counter(c.intake.fields["priority"] for c in found.cases)
    assert first == {"Critical": 14, "High": 16, "Moderate": 94, "Low": 26}
    assert Counter(c.kept for c in found.cases) == {True: 64, False: 86}
    by_kind = {kind: {o.case_id for o in found.oddities if o.kind is kind} for kind in OddityKind}
    assert {kind: len(cases) for kind, cases in by_kind.items() if cases} == {
        OddityKind.BEFORE_OPENING: 5,
        OddityKind.AFTER_CLOSING: 4,
        OddityKind.STATES_AT_ONCE: 50,
    }
    states = [
        [e.fields["state"] for e in c.events if isinstance(e, FieldsChanged) and "state" in e.fields]
        for c in found.cases
    ]
    assert sum(any(s.startswith("Awaiting") for s in one) for one in states) == 63
    straight = [any(a.startswith("Awaiting") and b == "Resolved" for a, b in pairwise(s)) for s in states]
    assert sum(straight) == 61
    changed = [any("priority" in e.fields for e in c.events if isinstance(e, FieldsChanged)) for c in found.cases]
    assert sum(changed) == 20
    reopened = [any("reopen_count" in e.fields for e in c.events if isinstance(e, FieldsChanged)) for c in found.cases]
    assert sum(reopened) == 5
    assert {"INC0000510", "INC0000790"} <= {c.case_id for c in found.cases}


def test_every_case_of_the_sample_ends_closed_in_order_with_ids_of_its_own() -> None:
    for found in log().cases:
        assert isinstance(found.events[-1], CaseClosed)
        assert sum(isinstance(e, CaseClosed) for e in found.events) == 1
        assert [e.occurred_at for e in found.events] == sorted(e.occurred_at for e in found.events)
        assert found.events[0].occurred_at >= found.opened_at
        assert len({e.event_id for e in found.events}) == len(found.events)


def test_rows_before_their_case_and_after_its_close() -> None:
    """INC0000131 was Active 147 minutes before it was opened; INC0001006 has two more rows months after its close."""
    early = case("INC0000131")
    assert early.opened_at == at("29-02-2016 09:41")
    assert [(e.occurred_at, e.fields) for e in early.events[:2] if isinstance(e, FieldsChanged)] == [
        (at("29-02-2016 09:41"), {"state": "Active"}),
        (at("29-02-2016 09:45"), {"state": "Awaiting User Info"}),
    ]
    assert case("INC0001006").ended_at == at("08-03-2016 17:00")
    late = [o for o in log().oddities if o.case_id == "INC0001006" and o.kind is OddityKind.AFTER_CLOSING]
    assert len(late) == 2


def test_rows_are_in_order_of_time_though_the_file_is_not() -> None:
    """INC0000137 has its rows as 11:10, 09:52, 11:03 and numbers 1, 1, 2: Resolved at 11:03, New again at 11:10."""
    states = [
        (e.occurred_at, e.fields["state"])
        for e in case("INC0000137").events
        if isinstance(e, FieldsChanged) and "state" in e.fields
    ]
    assert states == [
        (at("29-02-2016 11:03"), "Resolved"),
        (at("29-02-2016 11:10"), "New"),
        (at("05-03-2016 12:00"), "Closed"),
    ]


@pytest.mark.skipif(FULL_LOG is None, reason="MILEPOST_FULL_LOG names no file with all 890 incidents")
def test_the_whole_log_is_read() -> None:
    """Of 890 incidents 5 have rows before their opening, 4 after their close, 241 two states in one minute."""
    assert FULL_LOG is not None
    found = log(Path(FULL_LOG))
    assert (len(found.cases), found.rows) == (890, 5998)
    by_kind = {kind: {o.case_id for o in found.oddities if o.kind is kind} for kind in OddityKind}
    assert {kind: len(cases) for kind, cases in by_kind.items() if cases} == {
        OddityKind.BEFORE_OPENING: 5,
        OddityKind.AFTER_CLOSING: 4,
        OddityKind.STATES_AT_ONCE: 241,
    }
