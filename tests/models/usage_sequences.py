#!/usr/bin/env python3
"""Random sequences of requests (plain data) for slow_usage, and what must hold of the model itself whatever comes.
    python3.11 fuzz.py [how many] [first seed]
`sequence(seed, features)` is meant to be used by the adapter, too.  features: see ALL; leave out what an engine lacks."""
import random
import sys
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo
from tests.models.slow_usage_strangers import SlowAccount, Refused

ALL = {"late", "ahead", "carry", "renewal", "prompt", "amend", "amend_end", "cancel", "cancel_behind", "adjust", "grant",
       "prorated", "rates", "opening", "cover", "calendar", "thresholds", "several"}
ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]


def sequence(seed, features=ALL):
    """-> (zone, now, [entitlement], [request])"""
    r = random.Random(seed)
    f = set(features)
    zone = r.choice(ZONES)
    z = ZoneInfo(zone)
    unit = r.choice(["cases", "hours", "visits"])
    kind = {"cases": "case", "hours": "entry", "visits": "visit"}[unit]
    big = 60 if unit == "hours" else 1
    t0 = datetime(2026, r.randint(1, 6), r.randint(1, 28), r.randint(0, 23), r.choice([0, 0, 30]), tzinfo=z)
    ents = []
    for i in range(r.randint(1, 3) if "several" in f else 1):
        e = {"id": "ABC"[i], "unit": unit, "cap": r.choice([0, 1, 2, 3, 5, None] if i else [1, 2, 3, 5]),
             "start": (t0.date() - timedelta(days=r.randint(0, 70))).isoformat(),
             "period": r.choice(["term", "month", "quarter", "half_year", "year", "month", "month"]),
             "at_end": r.choice(["expire", "reset"] + (["renew"] * 2 if "renewal" in f else [])),
             "overflow": r.choice(["fallback", "block"] + (["prompt"] if "prompt" in f else [])),
             "process": r.random() < .3, "prompt_timeout": None}
        if e["cap"]:
            e["cap"] *= big
        k = r.randint(0, 3)
        if k == 0:
            e["end"] = (date.fromisoformat(e["start"]) + timedelta(days=r.randint(60, 200))).isoformat()
        elif k < 3:
            e["months"] = r.choice([1, 2, 3, 6, 12])
        if "carry" in f:
            e["carry_over"] = r.choice([None, "period"] + (["renewal"] if "renewal" in f else []))
            e["carry_over_cap"] = r.choice([None, big, 2 * big, "40%", "50%"])
        if "calendar" in f and r.random() < .4:
            e["aligned"] = "calendar"
            if "prorated" in f and r.random() < .6:
                e["first_period"] = "prorated"
        if "thresholds" in f:
            e["thresholds"] = [r.choice([big, 2 * big]), r.choice(["50%", "80%", "100%", "120%"])]
        if unit == "hours":
            e["rounding"] = r.choice([0, 0, 15, 20])
            if "rates" in f and r.random() < .4:
                e.update(grace=r.choice([0, 5]), minimum=r.choice([0, 30]), rates=[{"outside_hours": True, "rate": 1.5}],
                         hours_week={d: [("09:00", "17:00")] for d in range(5)})
        if "opening" in f and r.random() < .15:
            e["opening"] = {"as_of": t0.date().isoformat(), "used": r.randint(0, 4) * big // 2, "carried": r.choice([0, big])}
        ents.append(e)
    now, out, taken, n = t0, [], [], 0
    names = [e["id"] for e in ents]
    for _ in range(r.randint(10, 40)):
        now += timedelta(minutes=r.choice([0, 1, 60, 600, 60 * 24, 60 * 24 * 9, 60 * 24 * 31]))
        at, x = now, r.random()
        if "late" in f and x < .3:
            at = now - timedelta(hours=r.choice([1, 24, 24 * 10, 24 * 40]))
        elif "ahead" in f and kind == "visit" and x < .5:
            at = now + timedelta(hours=r.choice([1, 24, 24 * 10, 24 * 40]))
        who = {"who": "w", "why": "y"}
        eid = r.choice(names)
        q = None
        x = r.random()
        if x < .60 or not taken:
            n += 1
            q = {"kind": kind, "id": f"t{n}", "at": at.isoformat()}
            if kind == "entry":
                q["minutes"] = r.choice([3, 20, 30, 45, 61, 120])
            if r.random() < .1 and taken:
                q["id"] = r.choice(taken)
            if r.random() < .2:
                q["entitlement"] = eid
            taken.append(q["id"])
        elif x < .68 and kind != "case":
            q = {"kind": "reverse", "id": f"r{n}-{len(out)}", "of_kind": kind, "of": r.choice(taken)}
        elif x < .76 and "prompt" in f:
            q = {"kind": "decide", "of_kind": kind, "of": r.choice(taken), "yes": r.random() < .5}
        elif x < .80 and "adjust" in f:
            q = dict({"kind": "adjust", "entitlement": eid, "id": f"a{len(out)}", "amount": r.choice([-1, 1, 2]) * big,
                      "at": at.isoformat()}, **who)
        elif x < .84 and "amend" in f:
            q = {"kind": "amend", "entitlement": eid, "set": r.choice([
                {"cap": r.randint(0, 6) * big}, {"overflow": r.choice(["block", "fallback"])}]
                + ([{"carry_over": r.choice([None, "period"])}, {"carry_over_cap": r.choice([None, big])}] if "carry" in f else [])
                + ([{"rounding": r.choice([0, 10])}] if unit == "hours" else []))}
        elif x < .87 and "amend_end" in f:
            q = {"kind": "amend", "entitlement": eid,
                 "set": {"end": (now.date() + timedelta(days=r.choice([0, 10, 40, 100, 300]))).isoformat()}}
        elif x < .89 and "cancel" in f:
            q = {"kind": "cancel", "entitlement": eid, "with_renewal": r.random() < .5}
            k = r.randint(0, 2)
            if k == 0:
                q["date"] = (now.date() + timedelta(days=r.choice([0, 20]))).isoformat()
            elif k == 1 and "cancel_behind" in f:
                q.update(at=(now - timedelta(days=r.choice([1, 20, 50]))).isoformat(), reason="r")
            else:
                q["at"] = (now + timedelta(days=r.choice([0, 20, 50]))).isoformat()
        elif x < .92 and "renewal" in f:
            q = {"kind": "renew", "entitlement": eid, "id": f"N{len(out)}"}
            names.append(q["id"])
        elif x < .95 and "grant" in f:
            q = dict({"kind": "grant", "entitlement": eid, "id": f"g{len(out)}", "amount": r.randint(1, 2) * big,
                      "at": at.isoformat(), "carries": r.random() < .3}, **who)
            if r.random() < .5:
                q["until"] = (at.date() + timedelta(days=r.choice([0, 5, 60]))).isoformat()
        elif x < .98 and "cover" in f:
            q = {"kind": r.choice(["cover", "void"]), "entitlement": eid, "of_kind": kind, "of": r.choice(taken)}
        if q:
            q["now"] = now.isoformat()
            out.append(q)
    return zone, t0.isoformat(), ents, out


def run(seed, features=ALL, flags=None):
    zone, now, ents, qs = sequence(seed, features)
    a = SlowAccount(zone, now, flags)
    declared = [a.declare(e) for e in ents]
    answers = [a.request(q) for q in qs]
    return a, declared, answers


def check(seed, features=ALL):
    zone, now, ents, qs = sequence(seed, features)
    a = SlowAccount(zone, now)
    for e in ents:
        a.declare(e)
    steady = "amend" not in features and "amend_end" not in features
    for q in qs:
        a.request(q)
        for eid in a.ents:
            for b in a._flow(a._boxes(a.ents[eid])):
                assert b["used"] >= 0 and b["overage"] >= 0 and b["carried"] >= 0, (seed, q, b)
                assert b["unused"] is None or b["unused"] >= 0, (seed, q, b)
                if steady:
                    assert b["excess"] == 0, ("given twice", seed, q, b)
                for g in b["grants"]:
                    assert g["left"] >= 0, (seed, q, b)
    a.ledger()
    seen = [(x["entitlement"], x["period_start"], x["threshold"]) for x in a.passed]
    assert len(seen) == len(set(seen)), seed
    # the same requests again: the same answers; and once more, late: all taken before
    b, _, answers = run(seed, features)
    assert answers == [x for _, x in a.log], seed
    assert b.ledger() == a.ledger(), seed
    return a


if __name__ == "__main__":
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    tally = {}
    for s in range(first, first + many):
        for feats in (ALL, ALL - {"amend", "amend_end", "cancel", "cancel_behind", "adjust"},
                      {"late", "carry", "renewal", "thresholds"}):
            a = check(s, feats)
            for q, x in a.log:
                k = (q["kind"], x["outcome"], x.get("code"))
                tally[k] = tally.get(k, 0) + 1
    for k in sorted(tally, key=str):
        print(tally[k], *k)
