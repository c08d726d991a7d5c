"""Random sequences of usage as both the rules and the strangers' model take them: what a declaration can say, and more.

`tests.models.usage_sequences` makes them; here what no catalog can declare is left out, and what it makes seldom, or
not at all, is added: late news of renewals, grants, amounts that are no whole hours, percentages, tables of rates.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.models.slow_usage_strangers import T
from tests.models.usage_account import last_date
from tests.models.usage_sequences import ALL, sequence

FEATURES = frozenset(ALL | {"fractions", "percentages"})
"""What random sequences have in them."""


def declared(seed: int) -> tuple[str, str, list[dict[str, Any]], list[dict[str, Any]]]:
    """A sequence, without what a declaration can't say."""
    zone, begins, entitlements, requests = sequence(seed, FEATURES)
    more = Random(f"more {seed}")  # noqa: S311  not for secrets
    if seed % 3 == 0:
        _have_late_news_of_renewals(Random(seed), T(begins), entitlements, requests)  # noqa: S311  not for secrets
    if seed % 3 == 1 and "grant" in FEATURES:
        _have_many_grants(more, entitlements, requests)
    for e in entitlements:
        _as_declared(more, e, begins, is_alone=len(entitlements) == 1)
        if e["unit"] == "hours" and len(entitlements) > 1:  # of several another is left with what nobody takes
            e["overflow"] = entitlements[0]["overflow"]
            e["thresholds"] = [at for at in e["thresholds"] if isinstance(at, str) and at != "120%"]
    for q in requests:
        if q["kind"] == "amend":
            _vary_amendment(more, q["set"], is_hours=entitlements[0]["unit"] == "hours")
        if q["kind"] == "entry":
            _vary_entry(more, q)
    return zone, begins, entitlements, requests


def _as_declared(r: Random, e: dict[str, Any], begins: str, *, is_alone: bool) -> None:
    """Make an entitlement one that a catalog can declare."""
    e["months"] = e.get("months")
    if e["at_end"] == "reset" and not e["months"]:
        e["at_end"] = "expire"
    if e["at_end"] == "renew" and not (e["months"] or e.get("end")):
        e["at_end"] = "expire"
    if e["at_end"] == "renew" and (last_date(e) or "") < begins:
        e["at_end"] = "expire"  # what was over before the count began is not renewed by it
    if e["cap"] is None:
        e.update(carry_over=None, carry_over_cap=None, thresholds=[])
    if isinstance(e.get("carry_over_cap"), str) and "percentages" not in FEATURES:
        e["carry_over_cap"] = 60 if e["unit"] == "hours" else 1
    if e["unit"] == "hours":
        _vary_hours(r, e)
    if e.get("opening") and (not is_alone or (last_date(e) or "9") < e["opening"]["as_of"]):
        del e["opening"]
    e["thresholds"] = [at for at in e["thresholds"] if isinstance(at, str) or at <= e["cap"]]


RATES = [
    [{"outside_hours": True, "rate": 1.5}],
    [{"outside_hours": False, "rate": 1.25}, {"rate": 2}],
    [{"outside_hours": True, "rate": 0}, {"rate": 0.75}],
    [{"fields": {"priority": "High"}, "outside_hours": True, "rate": 3}, {"fields": {"priority": "High"}, "rate": 0.5}],
    [{"rate": 0.3333}],
    [],
]


def _have_many_grants(r: Random, entitlements: list[dict[str, Any]], requests: list[dict[str, Any]]) -> None:
    """Ask for grants in between, for a period before, now or ahead."""
    big = 60 if entitlements[0]["unit"] == "hours" else 1
    for number in range(len(requests) // 5):
        place = r.randrange(len(requests))
        now, name = requests[place]["now"], r.choice(entitlements)["id"]
        at = T(now) + timedelta(days=r.choice([0, 0, -30, -3, 20]))
        q = {"kind": "grant", "entitlement": name, "id": f"more{number}", "amount": r.randint(1, 3 * big), "now": now}
        q.update(at=at.isoformat(), carries=r.random() < 0.6, who="w", why="y")
        if r.random() < 0.4:
            q["until"] = (at.date() + timedelta(days=r.choice([0, 1, 20, 45, 400]))).isoformat()
        requests.insert(place, q)


def _vary_hours(r: Random, e: dict[str, Any]) -> None:
    """Amounts that are no whole hours, and tables of rates."""
    if "fractions" in FEATURES:
        if e["cap"] is not None:
            e["cap"] += r.choice([0, 0, 30, 1, 45])
        if isinstance(e.get("carry_over_cap"), int):
            e["carry_over_cap"] += r.choice([0, 30, 7])
    elif e.get("opening"):
        e["opening"]["used"] = e["opening"]["used"] // 60 * 60
    if e.get("rates"):
        e.update(rates=r.choice(RATES), grace=r.choice([0, 5, 20]), minimum=r.choice([0, 30, 50]))


def _vary_entry(r: Random, q: dict[str, Any]) -> None:
    """Work at any time of the day, also for days, of cases of one kind and another."""
    if "rates" not in FEATURES:
        return
    if r.random() < 0.3:
        q["fields"] = {"priority": r.choice(["High", "Low"])}
    if r.random() < 0.3:
        q["at"] = (
            T(q["at"]) - timedelta(hours=r.randint(0, 23), minutes=r.randint(0, 59), seconds=r.choice([0, 30]))
        ).isoformat()
    if r.random() < 0.1:
        q["minutes"] = r.choice([1, 2, 200])


def _vary_amendment(r: Random, fields: dict[str, Any], *, is_hours: bool) -> None:
    """Percentages of what is carried over, amounts that are no whole hours, and how the work of an entry counts."""
    if "percentages" in FEATURES and "carry_over_cap" in fields and r.random() < 0.5:
        fields["carry_over_cap"] = r.choice(["0%", "40%", "33.3%", "100%"])
    if is_hours and "fractions" in FEATURES and fields.get("cap"):
        fields["cap"] += r.choice([0, 30, 1])
    if is_hours and "rates" in FEATURES and r.random() < 0.4:
        fields.clear()
        fields.update(r.choice([{"rates": r.choice(RATES)}, {"grace": 4}, {"minimum": 25}, {"rounding": 15}]))


def _have_late_news_of_renewals(
    r: Random, begins: datetime, entitlements: list[dict[str, Any]], requests: list[dict[str, Any]]
) -> None:
    """Make it one of short terms that are renewed with what is left, and of much work that is heard of late."""
    for e in entitlements:
        big = 60 if e["unit"] == "hours" else 1
        e.update(start=(begins.date() - timedelta(days=r.randint(0, 20))).isoformat(), months=r.choice([1, 1, 2]))
        e.update(at_end="renew", carry_over="renewal", cap=r.choice([2, 3, 5]) * big, carry_over_cap=None)
        e["period"] = r.choice(["term", "month"])
        e.pop("end", None)
        e.pop("opening", None)
    for q in requests:
        if q["kind"] in {"case", "visit", "entry"} and r.random() < 0.4:
            q["at"] = (T(q["now"]) - timedelta(days=r.choice([5, 12, 20, 31, 40]))).isoformat()
