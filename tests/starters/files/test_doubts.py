"""What is probably a mistake in a catalog is told with its place, and stored all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.catalog.doubts import doubts
from starters.files.catalogs import apply_files
from store import Store
from tests.starters.command_line import milepost

CATALOG = """\
accounts: [{id: acme, type: NO}, {id: globex, type: "NO"}]
business_hours:
  - name: Odd
    time_zone: Europe/Oslo
    week: {fri: ["16:00-08:00"], mon: ["22:00-06:00"]}
    holidays: {country: NO}
"""


def test_apply_tells_what_is_probably_a_mistake(tmp_path: Path) -> None:
    """By file, line and column; an ordinary night and a quoted word are none."""
    file = tmp_path / "odd.yaml"
    file.write_text(CATALOG)
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    with Store.open(database) as store:
        told = apply_files(store, [file], by="test").doubts
        assert store.catalog.account("acme").type == "NO"
    assert [line.removeprefix(f"{file}:").partition(": ")[0] for line in told] == ["1:29", "5:18", "6:25"]
    assert "fri[0]: '16:00-08:00' is open for 16h, over midnight; did you mean '08:00-16:00'?" in told[1]
    assert "NO without quotes is the text 'NO' here, and true or false to other readers of YAML" in told[2]
    again = milepost("apply", file, env={"MILEPOST_DATABASE_URL": database, "MILEPOST_DATA": str(tmp_path)})
    assert again.exit_code == 0
    assert again.stderr.count("milepost: probably a mistake: ") == len(told)


ENDPOINTS = """\
endpoints:
  - {id: heard, url: "https://a.example.com/", secrets: [{env: S}], told: ops@example.com}
  - {id: over, url: "https://b.example.com/", retired: true}
  - {id: desk, url: "https://c.example.com/", secrets: [{env: S}]}
  - {id: room, kind: rest, url: "https://d.example.com/", told: []}
"""


def test_apply_tells_that_nobody_hears_of_an_endpoint(tmp_path: Path) -> None:
    """It may be switched off one day: what to write is said, of each that is in use and names nobody."""
    file = tmp_path / "endpoints.yaml"
    file.write_text(ENDPOINTS)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        told = apply_files(store, [file], by="test").doubts
    after = "is switched off, after an answer 410 or five days of failures"
    write = "write told: with a mail address, such as told: ops@example.com"
    assert told == [
        f"{file}:4:5: endpoints[2]: nobody is told when endpoint 'desk' {after}; {write}",
        f"{file}:5:5: endpoints[3]: nobody is told when endpoint 'room' {after}; {write}",
    ]


YEAR = {"id": "gold", "account": "acme", "starts_on": "2026-01-01", "ends_on": "2026-12-31"}
CARRY = {"unit": "visits", "cap": 4, "carry_over": "period"}
RESET = {"term_end": {"policy": "reset", "term": "1 year"}}


@pytest.mark.parametrize(
    ("allowance", "also", "says"),
    [
        (CARRY, {}, "carry_over: a term has no next period, so nothing is carried over; write carry_over: renewal"),
        (CARRY | {"period": "month"}, {}, None),
        (CARRY, RESET, None),
        (CARRY | {"carry_over": "renewal"}, {}, None),
        (
            CARRY | {"carry_over": "renewal"},
            RESET,
            "carry_over: what is reset is never renewed, so nothing is carried over; write carry_over: period",
        ),
        (
            CARRY | {"period": "month", "carry_over_cap": "0.0%"},
            {},
            "carry_over_cap: nothing is carried over, at most '0.0%'; leave both out, or write more",
        ),
        (
            CARRY | {"carry_over": "renewal", "carry_over_cap": 0},
            {},
            "carry_over_cap: nothing is carried over, at most 0; leave both out, or write more",
        ),
        (CARRY | {"period": "month", "carry_over_cap": "0.5%"}, {}, None),
        (CARRY | {"period": "month", "carry_over_cap": 10}, {}, None),
    ],
)
def test_what_can_never_be_carried_over_is_told(
    allowance: dict[str, object], also: dict[str, object], *, says: str | None
) -> None:
    """By a renewal by hand something may be. Of a template as of an entitlement, and of a retired one not."""
    template = {"id": "bronze", "term": "1 year", "allowance": allowance, **also}
    document = {"entitlements": [YEAR | {"allowance": allowance, **also}], "entitlement_templates": [template]}
    places = ("entitlements[0].allowance.", "entitlement_templates[0].allowance.")
    assert [str(one) for one in doubts(document)] == ([] if says is None else [f"{place}{says}" for place in places])
    assert list(doubts({"entitlement_templates": [template | {"retired": True}]})) == []


@pytest.mark.parametrize(
    ("allowance", "is_told"),
    [
        ({"overflow": "prompt", "decide": "agent"}, False),
        ({"overflow": "block", "decide": "agent"}, True),
        ({"decide": "agent"}, True),
        ({"decide": "manager"}, False),
    ],
)
def test_an_agent_who_is_never_asked_is_told(allowance: dict[str, object], *, is_told: bool) -> None:
    """Where nothing prompts, nobody decides."""
    declared = {"entitlements": [YEAR | {"allowance": allowance}], "entitlement_templates": [{"allowance": allowance}]}
    told = [str(one) for one in doubts(declared)]
    says = "nobody is asked what to do beyond the cap, so no agent decides; write overflow: prompt beside it"
    places = ("entitlements[0].allowance.decide", "entitlement_templates[0].allowance.decide")
    assert told == ([f"{place}: {says}" for place in places] if is_told else [])


def test_an_entitlement_of_which_little_is_declared_may_have_periods_of_an_order() -> None:
    part = {"id": "o.line.gold", "account": "acme"}
    assert list(doubts({"entitlements": [part | {"allowance": CARRY}]})) == []
    assert len(list(doubts({"entitlements": [part | {"allowance": CARRY | {"period": "term"}}]}))) == 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"entitlements": [{"allowance": 3}, {"allowance": {"carry_over": []}, "term_end": 3}]},
        {"endpoints": 3},
        {"endpoints": ["x", {}, None]},
        {"business_hours": 3},
        {"business_hours": [{"week": "always"}, 3, {"week": {"mon": 1}}]},
    ],
)
def test_a_document_of_another_shape_is_no_reason_to_fail(document: dict[str, object]) -> None:
    """What is wrong with it is told elsewhere."""
    assert list(doubts(document)) == []
