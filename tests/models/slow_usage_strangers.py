#!/usr/bin/env python3
"""A slow, obvious model of the USAGE of entitlements (spec sections 2, 9, 10, 11).

Written from the specification only.  What is kept is: the declared records, the amendments, and a flat list of
ROWS (what each request took from whom).  Every number (used, carried, remaining ...) is added up again from those
rows at every question, with plain loops over dates and periods.  "[R7]" refers to the numbered readings in README.md.

Amounts: cases and visits are whole numbers, hours are whole MINUTES.  Instants: ISO strings with an offset, or aware
datetimes.  Dates: ISO strings.
"""
import calendar
import math
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

UTC = timezone.utc
MIN = datetime(1, 1, 2, tzinfo=UTC)
MAX = datetime(9999, 12, 30, tzinfo=UTC)
STEP = {"month": 1, "quarter": 3, "half_year": 6, "half year": 6, "year": 12}
UNIT_OF = {"case": "cases", "visit": "visits", "entry": "hours"}
LEVELS = ["contact", "asset", "line", "contract", "account"]

# Readings that a caller may switch; the number is that of README.md.
FLAGS = {
    "percent_base": "cap+carried",     # [R10] or "cap"
    "percent_carry_round": "down",     # [R7]  or "up"
    "adjust_over_cap": "overage",      # [R15] or "used" or "refuse"
    "late_renewal": "overage",         # [R5]  or "policy"
    "fallback_policy": "first",        # [R12] or "each": the next one's own policy decides when it is full too
    "hours_no_falls_back": True,       # [R14] a declined prompt of hours goes to the next one
    "carry_period_over_reset": True,   # [R6]  carry_over: period also carries into the new term of `reset`
    "carry_renewal_over_reset": False,  # [R6] carry_over: renewal carries at `reset` too
    "reset_ahead": False,              # [R3]  a visit may be planned into the next term of `reset`
    "case_candidates": "all",          # [R11] or "cases"
    "process_ranks_hours": True,       # [R11]
    "prorate": "term",                 # [R17] first period of every "term", or of the "record" only
    "grant_carry": "own",              # [R16] or "rule"
    "end_behind": "refuse",            # [R20] or "allow"
    "cap_of_past": False,              # [R8]  True: an amended cap also counts for periods that are over
    "timeouts": True,                  # [R14] False: nobody times out but the caller
}


# ------------------------------------------------------------------------------------------------ dates and zones
def D(x):
    return x if x is None or type(x) is date else date.fromisoformat(x)


def T(x):
    if x is None or isinstance(x, datetime):
        return x if x is None else x.astimezone(UTC)
    t = datetime.fromisoformat(x.replace("Z", "+00:00"))
    assert t.tzinfo is not None, f"an instant needs an offset: {x}"
    return t.astimezone(UTC)


def show(t):
    if t is None or t in (MIN, MAX):
        return None
    return t.isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=None)
def add_months(d, n):
    """10: "the same day of the month, or its last, always reckoned from the start"."""
    m = d.year * 12 + d.month - 1 + n
    y, m = divmod(m, 12)
    return date(y, m + 1, min(d.day, calendar.monthrange(y, m + 1)[1]))


@lru_cache(maxsize=None)
def first_instant(zone, d):
    """10: "they change at the first instant of the date in the account's zone" (midnight may not exist; a date that
    the zone skipped has the instant of the next one).  Minute by minute."""
    t = datetime(d.year, d.month, d.day, tzinfo=UTC) - timedelta(hours=16)
    z = ZoneInfo(zone)
    while t.astimezone(z).date() < d:
        t += timedelta(minutes=1)
    return t


def minutes(x):
    """10: "Amounts of hours are minutes: a cap, threshold or adjustment may be `7.5` or `7h30m`" -> minutes."""
    if isinstance(x, str):
        total, num = Fraction(0), ""
        for c in x:
            if c == "h":
                total, num = total + Fraction(num) * 60, ""
            elif c == "m":
                total, num = total + Fraction(num), ""
            else:
                num += c
        if num:
            total += Fraction(num) * 60
        assert total.denominator == 1
        return int(total)
    v = Fraction(str(x)) * 60
    assert v.denominator == 1
    return int(v)


class Hours:
    """Plain business hours: week = {0: [("09:00", "17:00")], ...}, 0 = Monday, no window over midnight.
    week=None: 24x7."""

    def __init__(self, zone, week=None):
        self.zone, self.week = zone, week

    def windows(self, d):
        if self.week is None:
            return [("00:00", "24:00")]
        return sorted(self.week.get(d.weekday(), self.week.get(str(d.weekday()), [])))

    def is_open(self, t):
        """1: "an instant is open if and only if its local wall-clock time lies in a window" ([start, end))"""
        loc = t.astimezone(ZoneInfo(self.zone))
        w = loc.strftime("%H:%M:%S")
        return any(a + ":00" <= w < b + ":00" for a, b in self.windows(loc.date()))

    def bd(self, t, n):
        """1: "`2bd` (business days): N open local dates later at the same local time" """
        z = ZoneInfo(self.zone)
        if not self.is_open(t):
            t = t.replace(second=0, microsecond=0)
            while not self.is_open(t):
                t += timedelta(minutes=1)
        loc = t.astimezone(z)
        d = loc.date()
        while n:
            d += timedelta(days=1)
            if self.windows(d):
                n -= 1
        w = loc.strftime("%H:%M:%S")
        ws = self.windows(d)
        if not any(a + ":00" <= w < b + ":00" for a, b in ws):
            later = [a for a, b in ws if a + ":00" > w]
            w = (later[0] if later else ws[-1][1]) + ":00"
        h, m, s = (int(x) for x in w.split(":"))
        return datetime(d.year, d.month, d.day, h, m, s, tzinfo=z).astimezone(UTC)


# ------------------------------------------------------------------------------------------------ the account
class Refused(Exception):
    pass


class SlowAccount:
    def __init__(self, zone="UTC", now="1970-01-01T00:00:00Z", flags=None):
        self.zone = zone
        self.now = T(now)
        self.flags = dict(FLAGS, **(flags or {}))
        self.ents = {}        # id -> record
        self.rows = []        # everything ever taken, in order of arrival
        self.grants = []      # grants by hand
        self.answers = {}     # (kind, id) -> the answer given first, for "taken before"
        self.pending = {}     # (kind, id) -> a question somebody has to decide
        self.passed = []      # thresholds: dicts, in order
        self.events = []      # renewed, timeout, ... for the reader
        self.log = []         # every request ever made, with its answer
        self.closed_cases = set()
        self.minutes = {}     # what minutes count

    # -------------------------------------------------------------------------------------------- declaring
    def declare(self, e):
        """Plain data: id, unit, cap (None = unlimited), quantity, start, end | months | years, period, aligned
        ('start'|'calendar'), at_end, carry_over (None|'period'|'renewal'), carry_over_cap (None|n|'40%'), overflow,
        rounding, grace, minimum, rates, thresholds, first_period, opening, process, hours_week, prompt_timeout,
        contacts, asset, line, contract, products, channels."""
        if e["id"] in self.ents:
            return {"outcome": "refused", "code": "exists"}
        try:
            self._make(dict(e))
        except Refused as r:
            return {"outcome": "refused", "code": str(r)}
        self._thresholds(silent_for=e["id"])
        return {"outcome": "done"}

    def _make(self, e, anchor=None, n0=0, renews=None):
        start, end = D(e.get("start")), D(e.get("end"))
        if end == date(9999, 12, 31):
            end = None                                       # 16: "9999-12-31 is no end"
        months = e.get("months") or (e.get("years") or 0) * 12 or None
        period = e.get("period") or "term"
        if period != "term" and start is None:
            raise Refused("start_needed")                    # 10: "With a period a start is required"
        if months and start is None:
            raise Refused("start_needed")
        if start and end and end < start:
            raise Refused("end_before_start")
        days = None
        if end and start and not months:                     # [R2] the length of a term whose end was given by hand
            for n in range(1, 1201):
                if add_months(start, n) == end + timedelta(days=1):
                    months = n
                    break
            else:
                days = (end - start).days + 1
        rec = {
            "id": e["id"], "unit": e.get("unit", "cases"), "start": start, "declared_end": end, "months": months,
            "days": days, "anchor": anchor or start, "n0": n0, "period": period,
            "aligned": e.get("aligned", "start"), "amended_ends": {}, "cancel": None, "cancel_made": None,
            "renews": renews, "renewed_by": None, "process": bool(e.get("process")), "first_period": e.get("first_period"),
            "opening": e.get("opening"), "thresholds": list(e.get("thresholds") or []),
            "hours": Hours(e.get("hours_zone", self.zone), e.get("hours_week")),
            "prompt_timeout": e.get("prompt_timeout", {"bd": 1}),
            "contacts": e.get("contacts"), "asset": e.get("asset"), "line": e.get("line"), "contract": e.get("contract"),
            "products": e.get("products"), "channels": e.get("channels"), "plain": e,
            # rules over time: [(made at, {rule: value})]
            "rules": [(MIN, {
                "cap": None if e.get("cap") is None else e["cap"] * e.get("quantity", 1),
                "overflow": e.get("overflow", "fallback"), "carry_over": e.get("carry_over"),
                "carry_over_cap": e.get("carry_over_cap"), "rounding": e.get("rounding") or 0,
                "grace": e.get("grace") or 0, "minimum": e.get("minimum") or 0, "rates": e.get("rates") or [],
                "at_end": e.get("at_end", "expire")})],
        }
        self.ents[rec["id"]] = rec
        o = rec["opening"]
        if o:
            # 10: "`as_of` is its first counted date ... what it has above the cap is overage without an override"
            at = first_instant(self.zone, D(o["as_of"]))
            p = self._period(rec, at)
            if p is None:
                del self.ents[rec["id"]]
                raise Refused("as_of_outside_term")
            cap = self._cap(rec, p)
            room = o.get("used", 0) if cap is None else cap + o.get("carried", 0)
            used = min(room, o.get("used", 0))
            self._row(rec["id"], at, "opening", rec["id"], used=used, overage=o.get("used", 0) - used, sort="opening")
        return rec

    # -------------------------------------------------------------------------------------------- terms and periods
    def _rule(self, e, name, before):
        """10: "A changed rule (carry-over, its cap, overflow, rounding) counts from the current period on, and a late
        taking is judged by the rules of its own period": the last one made before that period's end. [R8]"""
        value = None
        for made, rules in e["rules"]:
            if name in rules and (made < before or made == MIN or (name == "cap" and self.flags["cap_of_past"])):
                value = rules[name]
        return value

    def _terms(self, e):
        """All terms of a record: (first date, last date or None, anchor, months from the anchor)."""
        out = []
        s, anchor, n0 = e["start"], e["anchor"], e["n0"]
        k = 0
        while True:
            # 10: "A term of months or years ends on the day before the date on which the next would begin"
            if k in e["amended_ends"]:
                end = e["amended_ends"][k]
            elif k == 0 and e["declared_end"]:
                end = e["declared_end"]
            elif e["months"]:
                end = add_months(anchor, n0 + e["months"]) - timedelta(days=1)
            elif e["days"]:
                end = s + timedelta(days=e["days"] - 1)
            else:
                end = None
            out.append((s, end, anchor, n0))
            if end is None:
                return out
            over = first_instant(self.zone, end + timedelta(days=1))
            # 11: "at the term's end ... `reset` (the same record, a new term)"; it comes when the end has come [R3]
            if self._rule(e, "at_end", over) != "reset" or s is None:
                return out
            if over > self.now and not (self.flags["reset_ahead"] and over < self.now + timedelta(days=800)):
                return out
            if e["cancel"] and e["cancel"] <= over:
                return out
            s = end + timedelta(days=1)
            anchor, n0 = self._reckon(anchor, s)
            k += 1

    @staticmethod
    @lru_cache(maxsize=None)
    def _reckon(anchor, s):
        """10: "Terms that follow ... and their periods are reckoned from the first record's start" - if the new start
        is one of its dates; else from the new start. [R1]"""
        for n in range(0, 13000):
            if add_months(anchor, n) >= s:
                return (anchor, n) if add_months(anchor, n) == s else (s, 0)
        return s, 0

    def _periods(self, e, horizon, cut=True):
        """All periods of a record that start up to the horizon (an instant).  cut=False: as if never cancelled."""
        out = []
        for k, (s, end, anchor, n0) in enumerate(self._terms(e)):
            j = 0
            ps = s
            while True:
                # the day on which the next period would begin
                if e["period"] == "term":
                    nxt = None
                elif e["aligned"] == "calendar":
                    # 10: "with `aligned: calendar`, from the calendar's firsts"
                    nxt = ps + timedelta(days=1)
                    while not (nxt.day == 1 and (nxt.month - 1) % STEP[e["period"]] == 0):
                        nxt += timedelta(days=1)
                else:
                    # 10: "Periods run from the start date (the same day of the month, or its last ...)"
                    nxt = add_months(anchor, n0 + (j + 1) * STEP[e["period"]])
                # 10: "the last ends with the term"
                last = end is not None and (nxt is None or nxt > end)
                pend = end if last or nxt is None else nxt - timedelta(days=1)
                a = MIN if ps is None else first_instant(self.zone, ps)
                b = MAX if pend is None else first_instant(self.zone, pend + timedelta(days=1))
                if a > horizon and out:
                    break
                out.append({"ent": e["id"], "term": k, "index": j, "first": ps, "last": pend, "a": a, "b": b,
                            "next": nxt, "term_end": end})
                if last or nxt is None:
                    break
                ps, j = nxt, j + 1
        if cut and e["cancel"]:
            # 11: "later resets and carries are taken back"
            out = [p for p in out if p["a"] < e["cancel"]]
        return out

    def _horizon(self, *more):
        return max([self.now] + [r["at"] for r in self.rows] + [g["at"] for g in self.grants]
                   + [m for m in more if m and m < MAX])

    def _period(self, e, at, cut=True):
        """10: "A taking belongs whole to the period of its own instant"; 10: "no request ever finds a period that is
        not there"."""
        for p in self._periods(e, self._horizon(at), cut):
            if p["a"] <= at < p["b"]:
                return p
        return None

    def _ends(self, e):
        """The instant from which the record covers nothing any more, or MAX."""
        end = self._terms(e)[-1][1]
        b = MAX if end is None else first_instant(self.zone, end + timedelta(days=1))
        return min(b, e["cancel"]) if e["cancel"] else b

    def _active(self, e, at):
        """2: "`inactive` before the start, `active` to the end of the last day, `expired` after it; `cancelled` from
        the instant of cancelling." """
        return self.status(e["id"], at) == "active"

    def status(self, eid, at=None):
        e = self.ents[eid]
        at = T(at) or self.now
        if e["cancel"] and at >= e["cancel"]:
            return "cancelled"
        s = e["start"]
        if s and at < first_instant(self.zone, s):
            return "inactive"
        return "active" if at < self._ends(e) else "expired"

    def _cap(self, e, p):
        cap = self._rule(e, "cap", p["b"])
        # 10: "`first_period: prorated` (with `aligned: calendar`) gives the first period its share by days, rounded up
        # once, after the quantity, to the smallest measure; a cap amended in it is prorated too."  [R17]
        if (cap is not None and e["first_period"] == "prorated" and e["aligned"] == "calendar" and p["index"] == 0
                and e["period"] != "term" and (p["term"] == 0 or self.flags["prorate"] == "term")):
            whole_a = p["first"]
            while not (whole_a.day == 1 and (whole_a.month - 1) % STEP[e["period"]] == 0):
                whole_a -= timedelta(days=1)
            # its share: the days from its start to its end, of all the days of the calendar's period
            return math.ceil(Fraction(cap * (p["last"] + timedelta(days=1) - p["first"]).days,
                                      (p["next"] - whole_a).days))
        return cap

    # -------------------------------------------------------------------------------------------- rows
    def _row(self, ent, at, kind, id, used=0, overage=0, sort=None, grants=None, worked=None):
        row = {"ent": ent, "at": at, "kind": kind, "id": id, "used": used, "overage": overage,
               "sort": sort,            # of the overage: override | uncovered | pending | opening | adjust
               "grants": dict(grants or {}), "worked": worked, "arrived": self.now, "reversed": False,
               "covered": [],           # [(amount, at)]: paid later from the allowance at that instant
               "voided": 0, "billed": False}
        self.rows.append(row)
        return row

    @staticmethod
    def _open_overage(r):
        return 0 if r["reversed"] else r["overage"] - r["voided"] - sum(a for a, _ in r["covered"])

    def _used_in(self, p, ignore=None):
        """used of one period, straight from the rows"""
        total = 0
        for r in self.rows:
            if r["ent"] == p["ent"] and not r["reversed"]:
                if p["a"] <= r["at"] < p["b"]:
                    total += r["used"]
                total += sum(a for a, at in r["covered"] if p["a"] <= at < p["b"])
        return total

    def _overage_in(self, p, sorts=None):
        return sum(self._open_overage(r) for r in self.rows
                   if r["ent"] == p["ent"] and p["a"] <= r["at"] < p["b"] and (sorts is None or r["sort"] in sorts))

    def _grant_paid(self, gid):
        return sum(r["grants"].get(gid, 0) for r in self.rows if not r["reversed"])

    # -------------------------------------------------------------------------------------------- the chain of periods
    def _first_record(self, e):
        while e["renews"]:
            e = self.ents[e["renews"]]
        return e

    def _boxes(self, e, *more):
        """Every period of a record and of the records it renews or that renew it, in order, with what was taken."""
        horizon = self._horizon(*more)
        out = []
        rec = self._first_record(e)
        while rec:
            for p in self._periods(rec, horizon):
                b = dict(p, cap=self._cap(rec, p), used=self._used_in(p), overage=self._overage_in(p),
                         carry_over=self._rule(rec, "carry_over", p["b"]),
                         carry_cap=self._rule(rec, "carry_over_cap", p["b"]),
                         grants=[dict(g, left=g["amount"] - self._grant_paid(g["id"])) for g in self.grants
                                 if g["ent"] == rec["id"] and p["a"] <= g["at"] < p["b"]])
                out.append(b)
            rec = self.ents[rec["renewed_by"]] if rec["renewed_by"] else None
        return out

    def _flow(self, boxes, extra=None):
        """Fill in `carried`, `unused`, `excess` of every box, from the first to the last.
        extra = (ent, first instant of the period, more used, {grant: more paid}) is a what-if."""
        out = []
        for i, b in enumerate(boxes):
            b = dict(b)
            e = self.ents[b["ent"]]
            paid = {}
            if extra and (b["ent"], b["a"]) == extra[:2]:
                b["used"] += extra[2]
                paid = extra[3]
            b["carried"] = 0
            prev = out[i - 1] if i else None
            o = e["opening"]
            as_of = first_instant(self.zone, D(o["as_of"])) if o else None
            if o and b["a"] <= as_of:
                # 10 opening: "earlier periods carry nothing"; what it says was carried is carried
                if as_of < b["b"]:
                    b["carried"] = o.get("carried", 0)
            elif prev and b["a"] <= self.now:                                   # [R4] not before the period has begun
                b["carried"] = self._carry(prev, b)
            # what is not used of the cap and of what was carried
            b["unused"] = None if b["cap"] is None else max(0, b["cap"] + b["carried"] - b["used"])
            b["excess"] = 0 if b["cap"] is None else max(0, b["used"] - b["cap"] - b["carried"])
            b["grant_unused"] = 0
            for g in b["grants"]:
                left = g["left"] - paid.get(g["id"], 0)
                if g["carries"] and (g["until"] is None or g["until"] >= (b["last"] or date.max)):
                    b["grant_unused"] += left
            out.append(b)
        return out

    def _carry(self, prev, b):
        pe = self.ents[prev["ent"]]
        if prev["cap"] is None or b["cap"] is None:
            return 0
        same = prev["ent"] == b["ent"]
        if not same and (pe["cancel"] or pe["renewed_by"] != b["ent"]):
            return 0                                                     # [R19] nor over one of which no period is left
        if same and prev["term"] == b["term"]:
            ok = prev["carry_over"] == "period"
        elif same:
            ok = (prev["carry_over"] == "period" and self.flags["carry_period_over_reset"]
                  or prev["carry_over"] == "renewal" and self.flags["carry_renewal_over_reset"])
        else:
            ok = prev["carry_over"] == "renewal"                         # 11: "carry-over only with `carry_over: renewal`"
        amount = 0
        balance = prev["unused"] + (prev["grant_unused"] if self.flags["grant_carry"] == "rule" else 0)
        if ok:
            # 11: "carried over if so set, up to a cap"; 10: "`carry_over_cap: 40%`" of the ending period's cap [R7]
            limit = prev["carry_cap"]
            if isinstance(limit, str) and limit.endswith("%"):
                share = Fraction(limit[:-1]) * prev["cap"] / 100
                limit = math.floor(share) if self.flags["percent_carry_round"] == "down" else math.ceil(share)
            amount = balance if limit is None else min(balance, limit)
        if self.flags["grant_carry"] == "own":
            amount += prev["grant_unused"]                               # 10: "not carried over unless it says so" [R16]
        return amount

    def _fits(self, e, p, used, paid=None):
        """May this much more be used in that period?  10: "nothing is given twice": no period, its own or one that
        its carry-over went to, may come to have used more than it has because of it."""
        boxes = self._boxes(e, p["a"])
        return self._fits_boxes(boxes, e, p, used, paid or {})

    def _fits_boxes(self, boxes, e, p, used, paid):
        before = self._flow(boxes)
        after = self._flow(boxes, (e["id"], p["a"], used, paid))
        return all(y["excess"] <= x["excess"] for x, y in zip(before, after))

    def _pay(self, boxes, e, p, at, total):
        """How `total` is paid in p: 10: "Used first is a grant, then the period's own cap, then what was carried."
        Answer (grants, used), or None if there is not enough."""
        rest, paid = total, {}
        day = at.astimezone(ZoneInfo(self.zone)).date()
        box = [b for b in boxes if b["ent"] == e["id"] and b["a"] == p["a"]]
        if not box:
            return None
        # 10 grant: "`until` is inclusive and meets the taking's own instant whenever it arrives"
        for g in sorted(box[0]["grants"], key=lambda g: (g["until"] or date.max, g["order"])):
            if g["until"] and day > g["until"]:
                continue
            x = min(g["left"], rest)
            while x and not self._fits_boxes(boxes, e, p, 0, dict(paid, **{g["id"]: x})):
                x -= 1
            if x:
                paid[g["id"]] = x
                rest -= x
        if not self._fits_boxes(boxes, e, p, rest, paid):
            return None
        return paid, rest

    def _left(self, e, at):
        """Anything left for a taking at that instant?  A number (capped by what one could ever want), None = no end."""
        p = self._period(e, at)
        if p is None:
            return 0
        if self._before_opening(e, at):
            return None
        boxes = self._boxes(e, at)
        me = [b for b in boxes if b["ent"] == e["id"] and b["a"] == p["a"]][0]
        if me["cap"] is None:
            return None
        x = self._flow(boxes)[boxes.index(me)]["unused"] + sum(g["left"] for g in me["grants"])
        while x and self._pay(boxes, e, p, at, x) is None:
            x -= 1
        return x

    def _before_opening(self, e, at):
        o = e["opening"]
        return bool(o) and at < first_instant(self.zone, D(o["as_of"]))

    # -------------------------------------------------------------------------------------------- coverage
    def _level(self, e, q):
        """9: which of contact > asset > line item > service contract > account speaks for it; None: no match."""
        for key, many in (("contact", "contacts"), ("product", "products"), ("channel", "channels")):
            if e[many] and q.get(key) not in e[many]:
                return None
        if e["asset"] and q.get("asset") != e["asset"]:
            return None
        if e["contacts"]:
            return "contact"
        if e["asset"]:
            return "asset"
        if e["line"] and q.get("line") == e["line"]:
            return "line"
        if e["contract"] and q.get("contract") == e["contract"]:
            return "contract"
        return "account"

    def rank(self, q):
        """9: "every entitlement that is active then and matches ... Ranked: ..." -> ids, the first one is asked."""
        at, unit = T(q["at"]), UNIT_OF[q["kind"]]
        found = []
        for e in self.ents.values():
            if q.get("only") and e["id"] not in q["only"]:
                continue
            if not self._active(e, at):
                continue
            if e["unit"] != unit and not (unit == "cases" and self.flags["case_candidates"] == "all"):
                continue
            level = self._level(e, q)
            if level is None:
                continue
            left = self._left(e, at)
            none_left = left is not None and left < 1
            process = 0 if e["process"] else 1
            if unit != "cases" and not self.flags["process_ranks_hours"]:
                process = 0
            key = [0 if q.get("entitlement") == e["id"] else 1, process, LEVELS.index(level), none_left,
                   self._ends(e), e["id"]]
            if unit != "cases":
                key.insert(0, none_left)      # 9: "for hours and visits one with nothing left comes last"
            found.append((key, e["id"]))
        return [i for _, i in sorted(found)]

    # -------------------------------------------------------------------------------------------- requests
    def request(self, q):
        """One request, plain data; the answer is plain data too.  `now` (optional) is when it arrives."""
        q = dict(q)
        if q.get("now"):
            self.advance(q["now"])
        try:
            a = getattr(self, "_do_" + q["kind"])(q)
        except Refused as r:
            a = {"outcome": "refused", "code": str(r)}
        self._thresholds()
        self.log.append((q, a))
        return a

    def _before(self, kind, id):
        a = self.answers.get((kind, id))
        return dict(a, outcome="before", first=a["outcome"]) if a else None

    def _parts(self, kind, id):
        return [{"entitlement": r["ent"], "used": r["used"], "grant": sum(r["grants"].values()),
                 "overage": self._open_overage(r), "sort": r["sort"] if r["overage"] else None}
                for r in self.rows if (r["kind"], r["id"]) == (kind, id)]

    def _do_case(self, q):
        """10: "One case takes 1 when it is opened, inside the term only, and never gives it back" """
        return self._one(q)

    def _do_visit(self, q):
        """10: "Visits are taken when dispatched." """
        return self._one(q)

    def _take_one(self, e, q, kind):
        """Try to take 1.  True if it was taken (or nothing had to be)."""
        at = T(q["at"])
        if e["unit"] != UNIT_OF[kind] or self._before_opening(e, at):
            self._row(e["id"], at, kind, q["id"])           # [R11], [R18]: on record, takes nothing
            return True
        p = self._period(e, at)
        if p is None:
            return False
        pay = self._pay(self._boxes(e, at), e, p, at, 1)
        if pay is None:
            return False
        self._row(e["id"], at, kind, q["id"], used=pay[1], grants=pay[0])
        return True

    def _late_room(self, e, at):
        """10: "that to a renewal too: the old record takes it within its cap; what the renewal has used of the carry is
        overage of the old record, and the renewal's use does not change": how much the old record's own period still
        has room for, though a RENEWAL has used it.  0 if nothing of this kind stands in the way. [R5]"""
        p = self._period(e, at)
        if p is None or not e["renewed_by"] or self.flags["late_renewal"] != "overage":
            return 0
        boxes = self._boxes(e, at)
        before = self._flow(boxes)
        me = [b for b in before if b["ent"] == e["id"] and b["a"] == p["a"]][0]
        # a grant that says so is part of the carry, and "meets the taking's own instant whenever it arrives"
        lasting = [g["id"] for g in me["grants"] if g["left"] and g["carries"]
                   and (g["until"] is None or g["until"] >= (me["last"] or date.max))]
        if not me["unused"] and not lasting:
            return 0
        after = self._flow(boxes, (e["id"], p["a"], 1, {}) if me["unused"] else (e["id"], p["a"], 0, {lasting[0]: 1}))
        worse = [y["ent"] for x, y in zip(before, after) if y["excess"] > x["excess"]]
        if not worse or e["id"] in worse:
            return 0
        return max(0, (me["unused"] or 0) + me["grant_unused"] - self._overage_in(p, ("late",)))

    def _one(self, q):
        kind, at = q["kind"], T(q["at"])
        b = self._before(kind, q["id"])
        if b:
            return b                                          # 10: "Taking is idempotent (by case id, ...)"
        order = self.rank(q)
        a = self._ask_one(q, order)
        if a["outcome"] != "refused":
            self.answers[(kind, q["id"])] = a                 # [R13] a refused one was never taken and may ask again
        return a

    def _ask_one(self, q, order):
        kind, at = q["kind"], T(q["at"])
        if not order:
            return {"outcome": "none", "chosen": None, "parts": []}
        first = self.ents[order[0]]
        for n, eid in enumerate(order):
            e = self.ents[eid]
            if self._take_one(e, q, kind):
                return {"outcome": "granted", "chosen": eid, "asked": first["id"], "parts": self._parts(kind, q["id"])}
            if self._late_room(e, at) >= 1:
                self._row(eid, at, kind, q["id"], overage=1, sort="late")
                return {"outcome": "granted", "chosen": eid, "asked": first["id"], "parts": self._parts(kind, q["id"])}
            # 9: "the first one's overflow policy decides"
            policy = self._rule(e, "overflow", self._period(e, at)["b"])
            if n and self.flags["fallback_policy"] == "first":
                continue
            if policy == "block":
                return {"outcome": "refused", "code": "no_allowance", "chosen": eid, "parts": []}
            if policy == "prompt":
                self.pending[(kind, q["id"])] = {"ent": eid, "q": q, "deadline": self._deadline(e), "state": "open"}
                return {"outcome": "pending", "chosen": eid, "asked": first["id"], "parts": []}
            # `fallback`: "the next matching entitlement, else none"
        return {"outcome": "none", "chosen": None, "asked": first["id"], "parts": []}

    def _deadline(self, e):
        """10: "a time-out, `1bd` of the hours of the entitlement ..., unless set, counts as no" """
        t = e["prompt_timeout"]
        if not t or not self.flags["timeouts"]:
            return None
        return e["hours"].bd(self.now, t["bd"]) if "bd" in t else self.now + timedelta(seconds=t["seconds"])

    # -------------------------------------------------------------------------------------------- hours
    def _rounded(self, e, before, m):
        """10: "`grace` first (up to so many minutes count as none), then `minimum`, then rounding" """
        if m <= self._rule(e, "grace", before):
            return 0
        m = max(m, self._rule(e, "minimum", before))
        step = self._rule(e, "rounding", before)
        while step and m % step:
            m += 1
        return m

    def _rate(self, e, before, q, t):
        """10: "`rates:`, a first-match table over entry, case and whether the work lay in open time" """
        table = self._rule(e, "rates", before)
        if not table:
            return Fraction(1)
        outside = not e["hours"].is_open(t)
        for row in table:
            if row.get("outside_hours") is not None and row["outside_hours"] != outside:
                continue
            if all(q.get("fields", {}).get(k) == v for k, v in (row.get("fields") or {}).items()):
                return Fraction(str(row["rate"]))
        return Fraction(1)

    def _rated(self, e, before, q, skip, worked):
        """`worked` minutes of the entry, after its first `skip` ones, at this entitlement's rates: "worked minutes are
        split where the rate changes, rated minutes rounded up once an entry"; "what is added lies after its end"."""
        start = T(q["at"])
        if not self._rule(e, "rates", before):
            return worked
        total = sum((self._minute(e, before, q, start + timedelta(minutes=i)) for i in range(skip, skip + worked)), Fraction(0))
        return math.ceil(total)

    def _minute(self, e, before, q, t):
        """What the minute from t on counts; remembered, since it is asked for again and again."""
        key = e["id"], len(e["rules"]), before, str(q.get("fields")), t
        if key not in self.minutes:
            if t.second or t.microsecond:
                seconds = [self._rate(e, before, q, t + timedelta(seconds=s)) for s in range(60)]
                self.minutes[key] = sum(seconds) / 60
            else:
                self.minutes[key] = self._rate(e, before, q, t)
        return self.minutes[key]

    def _do_entry(self, q):
        b = self._before("entry", q["id"])
        if b:
            return b
        at = T(q["at"])
        order = self.rank(q)
        if not order:
            # 10: "work done is always recorded, also outside every term and without an entitlement"
            a = {"outcome": "uncovered", "chosen": None, "minutes": q["minutes"], "uncovered": q["minutes"], "parts": []}
            self.answers[("entry", q["id"])] = a
            return a
        first = self.ents[order[0]]
        before = self._period(first, at)["b"]
        worked = self._rounded(first, before, q["minutes"])   # "Rounding is that of the entitlement asked first"
        policy = self._rule(first, "overflow", before)
        done = self._take_late(first, q, 0, worked)
        state = "granted"
        if policy == "fallback":
            done = self._fall_back(q, order[1:], done, worked)
        rest = worked - done
        if rest and policy == "prompt":
            state = "pending"
            # "rated minutes rounded up once an entry": what is asked for is the rest of that sum [R21]
            over = self._rated(first, before, q, 0, worked) - self._rated(first, before, q, 0, done)
            self._row(first["id"], at, "entry", q["id"], overage=over, sort="pending", worked=rest)
            self.pending[("entry", q["id"])] = {"ent": first["id"], "q": q, "deadline": self._deadline(first),
                                                "state": "open", "skip": done, "rest": rest}
        elif rest:
            # "`block` leaves it uncovered"; fallback "else leaves it uncovered": worked minutes
            self._row(first["id"], at, "entry", q["id"], overage=rest, sort="uncovered", worked=rest)
        a = {"outcome": state, "chosen": first["id"], "minutes": worked, "parts": self._parts("entry", q["id"]),
             "uncovered": rest if policy in ("fallback", "block") else 0}
        self.answers[("entry", q["id"])] = a
        return a

    def _take_late(self, e, q, skip, worked):
        """What one pays, with late work that a renewal has used: "the old record takes it within its cap; what
        the renewal has used of the carry is overage of the old record".  The rated sum is one, "rounded up once" [R21]."""
        at = T(q["at"])
        if worked == 0 or not e["renewed_by"] or self._before_opening(e, at):
            return self._take_minutes(e, q, skip, worked)
        p = self._period(e, at)
        boxes = self._boxes(e, at)
        most = self._rated(e, p["b"], q, skip, worked)
        while self._pay(boxes, e, p, at, most) is None:
            most -= 1
        pay = self._pay(boxes, e, p, at, most)
        row = self._row(e["id"], at, "entry", q["id"], used=pay[1], grants=pay[0])
        late = self._late_room(e, at)
        w = worked
        while w and self._rated(e, p["b"], q, skip, w) > most + late:
            w -= 1
        rated = self._rated(e, p["b"], q, skip, w)
        if rated < most:
            self.rows.remove(row)
            pay = self._pay(boxes, e, p, at, rated)
            row = self._row(e["id"], at, "entry", q["id"], used=pay[1], grants=pay[0])
        row["worked"] = w
        if rated > most:
            self._row(e["id"], at, "entry", q["id"], overage=rated - most, sort="late", worked=0)
        return w

    def _take_minutes(self, e, q, skip, worked):
        """The most of these worked minutes that this entitlement can pay; how many they were."""
        at = T(q["at"])
        if self._before_opening(e, at):
            self._row(e["id"], at, "entry", q["id"], worked=worked)              # [R18]
            return worked
        p = self._period(e, at)
        boxes = self._boxes(e, at)
        w = worked
        while w > 0:
            pay = self._pay(boxes, e, p, at, self._rated(e, p["b"], q, skip, w))
            if pay:
                self._row(e["id"], at, "entry", q["id"], used=pay[1], grants=pay[0], worked=w)
                return w
            w -= 1
        if worked == 0:
            self._row(e["id"], at, "entry", q["id"], worked=0)
        return 0

    def _fall_back(self, q, others, done, worked):
        """10: "`fallback` takes it from the next matching entitlement of that unit, else leaves it uncovered" """
        for eid in others:
            if done < worked:
                done += self._take_late(self.ents[eid], q, done, worked - done)
        return done

    # -------------------------------------------------------------------------------------------- decisions
    def _do_decide(self, q):
        """{kind: decide, of_kind: case|visit|entry, of: id, yes: bool}"""
        key = (q["of_kind"], q["of"])
        w = self.pending.get(key)
        if w is None:
            raise Refused("nothing_asked")
        if w["state"] != "open":
            raise Refused("already_decided" if w["state"] in ("yes", "no") else w["state"])
        if q["of_kind"] == "case" and q["of"] in self.closed_cases:
            raise Refused("closed")
        return self._decide(key, q["yes"])

    def _decide(self, key, yes):
        w = self.pending[key]
        kind, id = key
        e, oq, at = self.ents[w["ent"]], w["q"], T(w["q"]["at"])
        w["state"] = "yes" if yes else "no"
        if kind == "entry":
            row = [r for r in self.rows if (r["kind"], r["id"], r["sort"]) == (kind, id, "pending")][-1]
            if yes:
                row["sort"] = "override"                       # 10 hours: "`prompt` asks, and yes writes the override"
                a = {"outcome": "yes", "parts": self._parts(kind, id), "uncovered": 0}
            else:
                row["reversed"], row["sort"] = True, "declined"
                done, all_ = w["skip"], w["skip"] + w["rest"]
                if self.flags["hours_no_falls_back"]:
                    done = self._fall_back(oq, [i for i in self.rank(oq) if i != e["id"]], done, all_)
                if done < all_:
                    self._row(e["id"], at, kind, id, overage=all_ - done, sort="uncovered", worked=all_ - done)
                a = {"outcome": "no", "parts": [x for x in self._parts(kind, id) if x["sort"] != "declined"],
                     "uncovered": all_ - done}
        elif yes:
            # 10: "yes takes one more at the overage price and writes an override for billing"
            self._row(e["id"], at, kind, id, overage=1, sort="override")
            a = {"outcome": "yes", "chosen": e["id"], "parts": self._parts(kind, id)}
        else:
            # 10: "no falls back" - the next one with something left, nobody is asked twice
            a = {"outcome": "no", "chosen": None, "parts": []}
            for eid in self.rank(oq):
                if eid != e["id"] and self._take_one(self.ents[eid], oq, kind):
                    a = {"outcome": "no", "chosen": eid, "parts": self._parts(kind, id)}
                    break
        return a

    def _do_change(self, q):
        """7: "The new entitlement takes 1 by the case id; the old keeps what it took."  {case, entitlement, at} """
        if any((r["kind"], r["id"], r["ent"]) == ("case", q["case"], q["entitlement"]) for r in self.rows):
            return {"outcome": "before"}
        cq = dict(q, kind="case", id=q["case"], only=[q["entitlement"]])
        return self._ask_one(cq, self.rank(cq))

    def _do_close(self, q):
        """10: "a case closed while waiting takes nothing" """
        self.closed_cases.add(q["case"])
        w = self.pending.get(("case", q["case"]))
        if w and w["state"] == "open":
            w["state"] = "closed"
        return {"outcome": "done"}

    # -------------------------------------------------------------------------------------------- undoing, by hand
    def _do_reverse(self, q):
        """10: "a reversing entry names its entry and undoes all of it, once, in that entry's period".
        {kind: reverse, id: of the reversal, of_kind: entry|visit, of: id}"""
        if q["of_kind"] == "case":
            raise Refused("never_given_back")                 # 10: "One case ... never gives it back"
        b = self._before("reverse", q.get("id")) if q.get("id") else None
        if b:
            return b
        if (q["of_kind"], q["of"]) not in self.answers:
            raise Refused("unknown")
        if self._is_reversed(q["of_kind"], q["of"]):
            raise Refused("already_reversed")
        back = []
        for r in self.rows:
            if (r["kind"], r["id"]) == (q["of_kind"], q["of"]) and not r["reversed"]:
                back.append({"entitlement": r["ent"], "used": r["used"] + sum(a for a, _ in r["covered"]),
                             "grant": sum(r["grants"].values()), "overage": self._open_overage(r)})
                r["reversed"] = True
        w = self.pending.get((q["of_kind"], q["of"]))
        if w and w["state"] == "open":
            w["state"] = "reversed"
        self.answers[(q["of_kind"], q["of"])]["was_reversed"] = True
        a = {"outcome": "done", "parts": back}
        if q.get("id"):
            self.answers[("reverse", q["id"])] = a
        return a

    def _is_reversed(self, kind, id):
        return bool(self.answers[(kind, id)].get("was_reversed"))

    def _ent(self, q):
        if q["entitlement"] not in self.ents:
            raise Refused("unknown")
        return self.ents[q["entitlement"]]

    def _do_adjust(self, q):
        """10: "Adjustments by hand carry who and why."  {entitlement, amount (+ more used, - less), at?, who, why} [R15]"""
        e = self._ent(q)
        if not q.get("who") or not q.get("why"):
            raise Refused("who_and_why")
        at = T(q.get("at")) or self.now
        p = self._period(e, at)
        if p is None:
            raise Refused("no_period")
        n = q["amount"]
        if n < 0:
            if self._used_in(p) + n < 0:
                raise Refused("below_zero")
            self._row(e["id"], at, "adjust", q.get("id"), used=n)
            return {"outcome": "done", "used": n, "overage": 0}
        if self.flags["adjust_over_cap"] == "used":
            u = n
        else:
            u = n
            boxes = self._boxes(e, at)
            while u and not self._fits_boxes(boxes, e, p, u, {}):
                u -= 1
            if u < n and self.flags["adjust_over_cap"] == "refuse":
                raise Refused("over_cap")
        self._row(e["id"], at, "adjust", q.get("id"), used=u, overage=n - u, sort="adjust")
        return {"outcome": "done", "used": u, "overage": n - u}

    def _overage_rows(self, q):
        e = self._ent(q)
        rows = [r for r in self.rows if r["ent"] == e["id"] and self._open_overage(r) > 0
                and (r["kind"], r["id"]) == (q["of_kind"], q["of"])]
        if not rows:
            raise Refused("no_overage")
        return e, rows

    def _do_cover(self, q):
        """10: "One of overage covers it from what is left of its own period, or of a later one that is named (used
        there, with a link), in part if less is left".  {entitlement, of_kind, of, from_at?, amount?}"""
        e, rows = self._overage_rows(q)
        own = self._period(e, rows[0]["at"])
        frm = T(q.get("from_at")) or rows[0]["at"]
        p = self._period(e, frm)
        if p is None or own is None:
            raise Refused("no_period")
        if p["a"] < own["a"]:
            raise Refused("earlier_period")
        want = q.get("amount")
        total = 0
        for r in rows:
            x = self._open_overage(r) if want is None else min(self._open_overage(r), want - total)
            boxes = self._boxes(e, frm)
            while x and not self._fits_boxes(boxes, e, p, x, {}):
                x -= 1
            if x:
                r["covered"].append((x, frm))
                total += x
        if not total:
            raise Refused("nothing_left")
        return {"outcome": "done", "covered": total}

    def _do_void(self, q):
        """10: "or voids it (an override not yet billed is withdrawn, one that is billed is countered)" """
        e, rows = self._overage_rows(q)
        total, bill = 0, None
        for r in rows:
            x = self._open_overage(r)
            if q.get("amount") is not None:
                x = min(x, q["amount"] - total)
            r["voided"] += x
            total += x
            if r["sort"] == "override":
                bill = "countered" if r["billed"] else "withdrawn"
        return {"outcome": "done", "voided": total, "override": bill}

    def _do_billed(self, q):
        for r in self.rows:
            if (r["kind"], r["id"], r["sort"]) == (q["of_kind"], q["of"], "override"):
                r["billed"] = True
        return {"outcome": "done"}

    def _do_grant(self, q):
        """10: "`grant`: a credit for one period by hand, with who, why and until when".
        {entitlement, id, amount, at? (its period), until? (date), carries?, who, why}"""
        e = self._ent(q)
        if not q.get("who") or not q.get("why"):
            raise Refused("who_and_why")
        at = T(q.get("at")) or self.now
        p = self._period(e, at)
        if p is None:
            raise Refused("no_period")
        if any(g["id"] == q["id"] for g in self.grants):
            return {"outcome": "before"}
        # "for one period": the instant names it; a new end that leaves the instant out does not take the grant away [R16]
        self.grants.append({"id": q["id"], "ent": e["id"], "at": p["a"], "amount": q["amount"], "until": D(q.get("until")),
                            "carries": bool(q.get("carries")), "order": len(self.grants)})
        return {"outcome": "done"}

    # -------------------------------------------------------------------------------------------- amend, cancel, renew
    def _do_amend(self, q):
        """{entitlement, set: {cap?, end?, carry_over?, carry_over_cap?, overflow?, rounding?, grace?, minimum?, rates?,
        at_end?, thresholds?}}"""
        e = self._ent(q)
        s = dict(q["set"])
        # 2: "changing its unit, account or start is refused"
        for k in ("unit", "account", "start"):
            if k in s:
                raise Refused(k + "_is_fixed")
        if e["cancel"]:
            raise Refused("cancelled")                                            # [R19]
        if "end" in s:
            end = D(s.pop("end"))
            if end == date(9999, 12, 31):
                end = None
            terms = self._terms(e)
            k = len(terms) - 1
            if end and terms[k][0] and end < terms[k][0]:
                raise Refused("end_before_start")
            if e["renewed_by"]:
                raise Refused("renewed")                                          # [R20]
            if end and first_instant(self.zone, end + timedelta(days=1)) <= self.now and self.flags["end_behind"] == "refuse":
                raise Refused("end_behind")
            e["amended_ends"][k] = end
        if "thresholds" in s:
            e["thresholds"] = list(s.pop("thresholds"))
        if s:
            e["rules"].append((self.now, s))
        self._due(self.now)
        return {"outcome": "done"}

    def _do_cancel(self, q):
        """{entitlement, at (instant) | date, reason?, with_renewal?}
        11: "a date is the last day covered, an instant is from then on, ahead or, with a reason, behind" """
        e = self._ent(q)
        if e["cancel"]:
            raise Refused("already_cancelled")
        c = first_instant(self.zone, D(q["date"]) + timedelta(days=1)) if q.get("date") else (T(q.get("at")) or self.now)
        if c < self.now and not q.get("reason"):
            raise Refused("reason_needed")
        if c >= self._ends(e):
            raise Refused("ended_before")                                         # [R19]
        # 11: "what was taken after it stays taken and is listed in the answer ... later planned visits reversed"
        kept, undone = [], []
        for r in self.rows:
            if r["ent"] == e["id"] and r["at"] >= c and not r["reversed"] and r["kind"] in UNIT_OF:
                if r["kind"] == "visit" and r["at"] > self.now:
                    r["reversed"] = True
                    self.answers[("visit", r["id"])]["was_reversed"] = True
                    undone.append(r["id"])
                else:
                    kept.append(r["id"])
        e["cancel"], e["cancel_made"] = c, self.now
        for (kind, id), w in self.pending.items():                                # a question about a visit that is gone
            if w["ent"] == e["id"] and w["state"] == "open" and kind == "visit" and T(w["q"]["at"]) >= max(c, self.now):
                w["state"] = "cancelled"
        a = {"outcome": "done", "from": show(c), "kept": sorted(set(kept)), "reversed": sorted(set(undone)),
             "renewal": e["renewed_by"]}
        b = self.balance(e["id"], c)
        a["unused"] = b["remaining"]
        if e["renewed_by"] and q.get("with_renewal"):
            nxt = self.ents[e["renewed_by"]]
            if not nxt["cancel"]:
                nc = max(c, first_instant(self.zone, nxt["start"]))
                a["renewal_answer"] = self._do_cancel({"entitlement": nxt["id"], "at": nc, "reason": q.get("reason", "with it"),
                                                       "with_renewal": True})
        return a

    def _do_renew(self, q):
        """{entitlement, id, start?, end?, set?: {...}} - 11: "Renewing early ... work at any time" """
        e = self._ent(q)
        if e["renewed_by"]:
            raise Refused("renewed")
        if e["cancel"]:
            raise Refused("cancelled")
        if q["id"] in self.ents:
            raise Refused("id_taken")                     # 11: "an id that is taken by another is never adopted"
        rec = self._renew(e, q["id"], D(q.get("start")), D(q.get("end")), q.get("set") or {})
        return {"outcome": "done", "id": rec["id"], "start": rec["start"].isoformat(),
                "end": (lambda x: x and x.isoformat())(self._terms(rec)[-1][1])}

    def _renew(self, e, new_id, start=None, end=None, change=None):
        """11: "`renew` (a new linked record that starts the day after, kept apart for audit ...)" """
        s, last, anchor, n0 = self._terms(e)[-1]
        if last is None:
            raise Refused("no_end")
        plain = {k: v for k, v in e["plain"].items() if k not in ("opening", "start", "end", "months", "years", "quantity")}
        plain.update({k: self._rule(e, k, MAX) for k in e["rules"][0][1]})       # the rules as they stand now
        plain["thresholds"] = e["thresholds"]
        plain.update(change or {})
        plain.update(id=new_id, start=start or last + timedelta(days=1))
        if plain["start"] <= last:
            raise Refused("overlaps")                                             # "starts the day after"
        if end:
            plain["end"] = end
            anchor, n0 = plain["start"], 0                                        # [R1]
        else:
            # 10: "Terms that follow (`reset`, `renew` without an end) ... are reckoned from the first record's start"
            anchor, n0 = self._reckon(anchor, plain["start"]) if anchor else (None, 0)
            if e["months"]:
                plain["months"] = e["months"]
            elif e["days"]:
                plain["end"] = plain["start"] + timedelta(days=e["days"] - 1)
            elif s is None:
                raise Refused("no_term")
            else:
                raise Refused("no_term")
        rec = self._make(plain, anchor, n0, renews=e["id"])
        e["renewed_by"] = rec["id"]
        self.events.append({"type": "renewed", "entitlement": e["id"], "by": rec["id"], "at": show(self.now)})
        return rec

    # -------------------------------------------------------------------------------------------- time
    def advance(self, now):
        now = T(now)
        assert now >= self.now, "time does not go back"
        self._due(now)
        self.now = now
        self._due(now)
        self._thresholds()

    def _due(self, now):
        """Everything that falls due up to and including now, in the order of its time: ends that renew, time-outs."""
        while True:
            due = []
            for key, w in self.pending.items():
                if w["state"] == "open" and w["deadline"] and w["deadline"] <= now:
                    due.append((w["deadline"], "timeout", key))
            for e in list(self.ents.values()):
                end = self._terms(e)[-1][1]
                if end is None or e["renewed_by"] or e["start"] is None:
                    continue
                over = first_instant(self.zone, end + timedelta(days=1))
                if over <= now and self._rule(e, "at_end", over) == "renew" and not (e["cancel"] and e["cancel"] <= over):
                    if e["months"] or e["days"]:
                        due.append((over, "renew", e["id"]))
            if not due:
                return
            t, what, x = sorted(due, key=lambda d: (d[0], d[1], str(d[2])))[0]
            self.now = max(self.now, t)
            if what == "renew":
                base, n = x.split("~")[0], 2
                while f"{base}~{n}" in self.ents:
                    n += 1
                self._renew(self.ents[x], f"{base}~{n}")
            else:
                a = self._decide(x, False)
                self.events.append({"type": "timeout", "of": x, "answer": a, "at": show(t)})

    # -------------------------------------------------------------------------------------------- thresholds
    def _thresholds(self, silent_for=None):
        """10: "Thresholds (8 of 10; 80%): each once per period" ; looked at after everything that happens. [R10]"""
        for e in list(self.ents.values()):
            if not e["thresholds"]:
                continue
            for b in self._flow(self._boxes(e)):
                if b["ent"] != e["id"]:
                    continue
                base = b["cap"]
                if base is not None and self.flags["percent_base"] == "cap+carried":
                    base += b["carried"]
                for th in e["thresholds"]:
                    if any(x["entitlement"] == e["id"] and x["period_start"] == self._d(b["first"])
                           and x["threshold"] == th for x in self.passed):
                        continue               # "each once per period"; "Thresholds passed stay passed when the cap rises"
                    if isinstance(th, str):
                        if not b["cap"]:
                            continue           # "A percentage of a cap of 0 is never passed"; none of no cap
                        share = Fraction(th.rstrip("%"))
                        amount = b["used"] + (b["overage"] if share > 100 else 0)   # "one over 100% counts overage"
                        hit = amount * 100 >= share * base
                    else:
                        over = b["cap"] is not None and th > b["cap"] + b["carried"]
                        hit = b["used"] + (b["overage"] if over else 0) >= th
                    if hit:
                        self.passed.append({"entitlement": e["id"], "period_start": self._d(b["first"]), "threshold": th,
                                            "at": show(self.now), "silent": e["id"] == silent_for})

    @staticmethod
    def _d(d):
        return d.isoformat() if d else None

    # -------------------------------------------------------------------------------------------- what is asked
    def periods(self, eid, until=None):
        """(first day, last day) of all periods that have begun (or start up to `until`), for tests of reckoning."""
        e = self.ents[eid]
        return [(self._d(p["first"]), self._d(p["last"])) for p in self._periods(e, max(self.now, T(until) or self.now))
                if p["a"] <= (T(until) or self.now) or p["index"] == p["term"] == 0]

    def term(self, eid):
        s, end, _, _ = self._terms(self.ents[eid])[-1]
        return self._d(s), self._d(end)

    def balance(self, eid, at=None):
        """The period at that instant; before the first one: the first; after the last one: the last."""
        e = self.ents[eid]
        at = T(at) or self.now
        boxes = [b for b in self._flow(self._boxes(e, at)) if b["ent"] == eid]
        out = {"status": self.status(eid, at), "used": 0, "cap": None, "carried": 0, "remaining": 0, "overage": 0,
               "period_start": None, "period_end": None, "thresholds": [], "renewed_by": e["renewed_by"],
               "override": 0, "uncovered": 0, "pending": 0, "grants_left": 0, "grants_paid": 0, "used_of_carried": 0,
               "percent": None}
        if not boxes:
            return out
        here = [b for b in boxes if b["a"] <= at < b["b"]] or ([boxes[0]] if at < boxes[0]["a"] else [boxes[-1]])
        b = here[0]
        base = b["cap"]
        if base is not None and self.flags["percent_base"] == "cap+carried":
            base += b["carried"]
        out.update(
            used=b["used"], cap=b["cap"], carried=b["carried"], remaining=b["unused"], overage=b["overage"],
            period_start=self._d(b["first"]), period_end=self._d(b["last"]),
            thresholds=[x["threshold"] for x in self.passed
                        if x["entitlement"] == eid and x["period_start"] == self._d(b["first"])],
            override=self._overage_in(b, ("override",)), uncovered=self._overage_in(b, ("uncovered",)),
            pending=self._overage_in(b, ("pending",)), grants_left=sum(g["left"] for g in b["grants"]),
            grants_paid=sum(g["amount"] - g["left"] for g in b["grants"]),
            used_of_carried=0 if b["cap"] is None else max(0, min(b["used"] - b["cap"], b["carried"])),
            percent=None if not base else float(Fraction(b["used"] * 100, base)))
        # what a late taking could still take there: remaining less what later periods have used of its carry [R9]
        me = [x for x in self._boxes(e, at) if x["ent"] == eid and x["a"] == b["a"]][0]
        x = b["unused"]
        boxes_all = self._boxes(e, at)
        while x and not self._fits_boxes(boxes_all, e, me, x, {}):
            x -= 1
        out["takeable"] = x
        return out

    def ledger(self):
        """Every row, as plain data, with the period it counts in now (None: in none)."""
        out = []
        for r in self.rows:
            p = self._period(self.ents[r["ent"]], r["at"])
            out.append({"entitlement": r["ent"], "at": show(r["at"]), "kind": r["kind"], "id": r["id"], "used": r["used"],
                        "grant": sum(r["grants"].values()), "overage": self._open_overage(r), "sort": r["sort"],
                        "worked": r["worked"], "reversed": r["reversed"], "voided": r["voided"], "billed": r["billed"],
                        "covered": [(a, show(t)) for a, t in r["covered"]], "arrived": show(r["arrived"]),
                        "period_start": self._d(p["first"]) if p else None, "counts": bool(p) and not r["reversed"]})
        return out


# ------------------------------------------------------------------------------------------------ self-check
def _check():
    Z = "America/New_York"

    def acc(now="2026-01-01T12:00:00-05:00", zone=Z, flags=None, *ents):
        a = SlowAccount(zone, now, flags)
        for e in ents:
            assert a.declare(e)["outcome"] == "done", e
        return a

    def eq(x, y):
        assert x == y, f"{x!r} is not {y!r}"

    def at(d, h=12, zone=Z):
        return datetime.fromisoformat(d).replace(hour=h, tzinfo=ZoneInfo(zone))

    # --- terms and periods (section 10)
    a = acc(at("2024-03-01"), Z, None, {"id": "y", "start": "2024-02-29", "years": 1, "cap": 5, "period": "year"},
            {"id": "m6", "start": "2026-08-31", "months": 6, "cap": 5, "period": "month", "at_end": "renew"},
            {"id": "r6", "start": "2026-08-31", "months": 6, "cap": 5, "period": "month", "at_end": "reset"},
            {"id": "q", "start": "2026-02-15", "years": 1, "cap": 5, "period": "quarter"},
            {"id": "c", "start": "2026-02-15", "years": 1, "cap": 5, "period": "quarter", "aligned": "calendar"},
            {"id": "h", "start": "2026-02-15", "years": 1, "cap": 5, "period": "half year"})
    eq(a.term("y"), ("2024-02-29", "2025-02-27"))
    eq(a.periods("y"), [("2024-02-29", "2025-02-27")])
    a.advance(at("2027-02-27"))
    eq(a.term("m6"), ("2026-08-31", "2027-02-27"))
    six = [("2026-08-31", "2026-09-29"), ("2026-09-30", "2026-10-30"), ("2026-10-31", "2026-11-29"),
           ("2026-11-30", "2026-12-30"), ("2026-12-31", "2027-01-30"), ("2027-01-31", "2027-02-27")]
    eq(a.periods("m6"), six)
    eq(a.status("m6"), "active")
    eq(a.periods("q"), [("2026-02-15", "2026-05-14"), ("2026-05-15", "2026-08-14"), ("2026-08-15", "2026-11-14"),
                        ("2026-11-15", "2027-02-14")])
    eq(a.periods("c"), [("2026-02-15", "2026-03-31"), ("2026-04-01", "2026-06-30"), ("2026-07-01", "2026-09-30"),
                        ("2026-10-01", "2026-12-31"), ("2027-01-01", "2027-02-14")])
    eq(a.periods("h"), [("2026-02-15", "2026-08-14"), ("2026-08-15", "2027-02-14")])
    a.advance(at("2027-05-15"))
    eq(a.status("m6"), "expired")
    eq(a.ents["m6"]["renewed_by"], "m6~2")
    eq(a.term("m6~2"), ("2027-02-28", "2027-08-30"))
    eq(a.periods("m6~2"), [("2027-02-28", "2027-03-30"), ("2027-03-31", "2027-04-29"), ("2027-04-30", "2027-05-30")])
    eq(a.periods("r6")[:6], six)
    eq(a.periods("r6")[6:], a.periods("m6~2"))
    eq(a.term("r6"), ("2027-02-28", "2027-08-30"))
    eq(first_instant("Pacific/Apia", date(2011, 12, 30)), first_instant("Pacific/Apia", date(2011, 12, 31)))
    eq(SlowAccount().declare({"id": "x", "period": "month"})["code"], "start_needed")

    # --- E18
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-01", "end": "2026-12-31", "cap": 50})
    for i in range(1, 51):
        eq(a.request({"kind": "case", "id": f"c{i}", "at": at("2026-01-05")})["outcome"], "granted")
    eq(a.request({"kind": "case", "id": "c51", "at": at("2026-01-05")})["outcome"], "none")
    eq(a.request({"kind": "case", "id": "c7", "at": at("2026-01-05")})["outcome"], "before")
    eq((a.balance("e")["used"], a.balance("e")["remaining"], a.balance("e")["overage"]), (50, 0, 0))
    eq(a.request({"kind": "reverse", "of_kind": "case", "of": "c1"})["code"], "never_given_back")
    a = acc(at("2026-01-05"), Z, None, {"id": "h", "unit": "hours", "start": "2026-01-01", "cap": minutes(20)})
    a.request({"kind": "entry", "id": "t", "at": at("2026-01-05"), "minutes": 90})
    eq(a.balance("h")["remaining"], minutes("18.5"))
    eq((minutes("7.5"), minutes("7h30m"), minutes(7.5)), (450, 450, 450))

    # --- late takings and carry-over
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-01", "end": "2026-12-31", "cap": 10, "period": "month",
                                        "carry_over": "period", "carry_over_cap": "40%", "overflow": "block"})
    n = [0]

    def case(d, **more):
        n[0] += 1
        return a.request(dict({"kind": "case", "id": f"k{n[0]}", "at": at(d)}, **more))["outcome"]
    for _ in range(7):
        eq(case("2026-01-05"), "granted")
    a.advance(at("2026-02-10"))
    eq(a.balance("e")["carried"], 3)
    for _ in range(12):
        eq(case("2026-02-10"), "granted")                     # 10 of its own, 2 of the 3 carried
    eq(a.balance("e")["remaining"], 1)
    eq(a.balance("e", at("2026-01-10"))["takeable"], 1)
    eq(case("2026-01-20"), "granted")                         # late: the carry not yet used shrinks
    eq((a.balance("e")["carried"], a.balance("e")["remaining"]), (2, 0))
    eq(case("2026-01-20"), "refused")                         # nothing is given twice
    eq(case("2026-02-11"), "refused")
    a.request({"kind": "amend", "entitlement": "e", "set": {"cap": 11}})
    eq(case("2026-02-11"), "granted")                         # "a higher cap lifts a block at once"
    a.advance(at("2026-03-05"))
    a.request({"kind": "amend", "entitlement": "e", "set": {"carry_over": None}})
    eq(a.balance("e")["carried"], 0)

    # changed rules count from the current period on; what was carried stays carried
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-01", "end": "2026-12-31", "cap": 10, "period": "month",
                                        "carry_over": "period", "carry_over_cap": 4})
    a.advance(at("2026-02-10"))
    a.request({"kind": "amend", "entitlement": "e", "set": {"carry_over": None}})
    eq(a.balance("e")["carried"], 4)
    a.advance(at("2026-03-10"))
    eq(a.balance("e")["carried"], 0)

    # --- renewal: the carry of an old record that a late taking finds
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-01", "end": "2026-12-31", "cap": 10,
                                        "carry_over": "renewal", "at_end": "renew"})
    for _ in range(6):
        case("2026-01-05")
    a.advance(at("2027-01-10"))
    eq(a.balance("e~2")["carried"], 4)
    for _ in range(12):
        eq(case("2027-01-10"), "granted")
    for want in [(7, 0, 3), (8, 0, 2), (8, 1, 2), (8, 2, 2)]:
        eq(case("2026-12-20"), "granted")
        eq((a.balance("e", at("2026-12-20"))["used"], a.balance("e", at("2026-12-20"))["overage"],
            a.balance("e~2")["carried"]), want)
        eq(a.balance("e~2")["used"], 12)
    eq(case("2026-12-20"), "none")                            # its cap is full

    # --- hours: rounding before the split, fallback, block, prompt, reversal
    hours = [{"id": "A", "unit": "hours", "start": "2026-01-01", "end": "2026-06-30", "cap": 100, "rounding": 15},
             {"id": "B", "unit": "hours", "start": "2026-01-01", "end": "2026-12-31", "cap": 60}]
    a = acc(at("2026-01-05"), Z, None, *hours)
    eq(a.rank({"kind": "entry", "at": at("2026-01-05")}), ["A", "B"])            # the soonest to expire
    x = a.request({"kind": "entry", "id": "1", "at": at("2026-01-05"), "minutes": 91})
    eq([(p["entitlement"], p["used"], p["overage"]) for p in x["parts"]], [("A", 100, 0), ("B", 5, 0)])
    eq(a.rank({"kind": "entry", "at": at("2026-01-05")}), ["B", "A"])            # nothing left comes last
    x = a.request({"kind": "entry", "id": "2", "at": at("2026-01-05"), "minutes": 70})
    eq([(p["entitlement"], p["used"], p["overage"]) for p in x["parts"]], [("B", 55, 0), ("B", 0, 15)])
    a.request({"kind": "reverse", "id": "r", "of_kind": "entry", "of": "1"})
    eq((a.balance("A")["used"], a.balance("B")["used"], a.balance("B")["overage"]), (0, 55, 15))
    eq(a.request({"kind": "reverse", "id": "r", "of_kind": "entry", "of": "1"})["outcome"], "before")
    eq(a.request({"kind": "reverse", "id": "r2", "of_kind": "entry", "of": "1"})["code"], "already_reversed")
    eq(a.request({"kind": "entry", "id": "1", "at": at("2026-01-05"), "minutes": 91})["outcome"], "before")
    eq(a.request({"kind": "entry", "id": "9", "at": at("2025-01-05"), "minutes": 9})["uncovered"], 9)
    a = acc(at("2026-01-05"), Z, None, dict(hours[0], overflow="prompt"), hours[1])
    eq(a.request({"kind": "entry", "id": "1", "at": at("2026-01-05"), "minutes": 120})["outcome"], "pending")
    a.request({"kind": "decide", "of_kind": "entry", "of": "1", "yes": True})
    eq((a.balance("A")["used"], a.balance("A")["override"], a.balance("B")["used"]), (100, 20, 0))
    eq(a.request({"kind": "decide", "of_kind": "entry", "of": "1", "yes": True})["code"], "already_decided")
    a.request({"kind": "void", "entitlement": "A", "of_kind": "entry", "of": "1", "amount": 5})
    eq(a.balance("A")["override"], 15)

    # --- cases: prompt, a time-out of 1bd, closed while waiting
    a = acc(at("2026-01-05"), Z, None, {"id": "p", "start": "2026-01-01", "cap": 0, "overflow": "prompt", "process": True,
                                        "thresholds": ["80%", 1]},
            {"id": "f", "start": "2026-01-01", "cap": 1})
    for i in "1234":
        eq(a.request({"kind": "case", "id": i, "at": at("2026-01-05")})["outcome"], "pending")
    eq(a.request({"kind": "decide", "of_kind": "case", "of": "1", "yes": True})["chosen"], "p")
    eq(a.request({"kind": "decide", "of_kind": "case", "of": "2", "yes": False})["chosen"], "f")
    a.request({"kind": "close", "case": "3"})
    eq(a.request({"kind": "decide", "of_kind": "case", "of": "3", "yes": True})["outcome"], "refused")
    a.advance(at("2026-01-06", 11))
    eq(a.pending[("case", "4")]["state"], "open")
    a.advance(at("2026-01-06", 12))
    eq(a.pending[("case", "4")]["state"], "no")
    eq((a.balance("p")["overage"], a.balance("f")["used"], a.balance("p")["thresholds"]), (1, 1, [1]))

    # --- amending the end: a planned visit whose period goes and comes back
    a = acc(at("2026-01-05"), Z, None, {"id": "v", "unit": "visits", "start": "2026-01-01", "end": "2026-12-31", "cap": 2,
                                        "period": "month", "thresholds": [2]})
    for i in "ab":
        eq(a.request({"kind": "visit", "id": i, "at": at("2026-10-05")})["outcome"], "granted")
    eq(a.balance("v", at("2026-10-05"))["thresholds"], [2])                      # of a period ahead
    a.request({"kind": "amend", "entitlement": "v", "set": {"end": "2026-06-30"}})
    eq(a.balance("v", at("2026-10-05"))["period_start"], "2026-06-01")
    eq(a.request({"kind": "visit", "id": "a", "at": at("2026-10-05")})["outcome"], "before")
    eq(a.request({"kind": "visit", "id": "c", "at": at("2026-10-05")})["outcome"], "none")
    a.request({"kind": "reverse", "of_kind": "visit", "of": "a"})
    a.request({"kind": "amend", "entitlement": "v", "set": {"end": "2026-12-31"}})
    eq(a.balance("v", at("2026-10-05"))["used"], 1)
    eq(a.request({"kind": "amend", "entitlement": "v", "set": {"unit": "cases"}})["code"], "unit_is_fixed")

    # --- cancelling
    x = a.request({"kind": "cancel", "entitlement": "v", "date": "2026-03-31"})
    eq((x["from"], x["reversed"], x["kept"]), ("2026-04-01T04:00:00Z", ["b"], []))
    eq((a.status("v"), a.status("v", at("2026-04-01"))), ("active", "cancelled"))
    a = acc(at("2026-01-05"), Z, None, {"id": "v", "unit": "visits", "start": "2026-01-01", "end": "2026-12-31", "cap": 4,
                                        "carry_over": "period", "period": "month"})
    a.advance(at("2026-03-05"))
    eq(a.balance("v")["carried"], 8)
    a.request({"kind": "visit", "id": "a", "at": at("2026-02-20")})
    eq(a.request({"kind": "cancel", "entitlement": "v", "at": at("2026-02-10")})["code"], "reason_needed")
    x = a.request({"kind": "cancel", "entitlement": "v", "at": at("2026-02-10"), "reason": "r"})
    eq((x["kept"], x["unused"], a.balance("v")["period_start"]), (["a"], 7, "2026-02-01"))

    # --- early renewal, cancelled with it
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-01", "months": 12, "cap": 4})
    eq(a.request({"kind": "renew", "entitlement": "e", "id": "e"})["code"], "id_taken")
    x = a.request({"kind": "renew", "entitlement": "e", "id": "n", "set": {"cap": 6}})
    eq((x["start"], x["end"]), ("2027-01-01", "2027-12-31"))
    x = a.request({"kind": "cancel", "entitlement": "e", "date": "2026-05-31", "with_renewal": True})
    eq((x["renewal"], a.status("n", at("2027-05-05"))), ("n", "cancelled"))

    # --- thresholds
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-01", "cap": 10, "overflow": "prompt",
                                        "thresholds": [8, "80%", "110%"]})
    for _ in range(8):
        eq(a.balance("e")["thresholds"], [])
        case("2026-01-05")
    eq(a.balance("e")["thresholds"], [8, "80%"])
    a.request({"kind": "amend", "entitlement": "e", "set": {"cap": 20}})
    eq(a.balance("e")["thresholds"], [8, "80%"])
    a.request({"kind": "amend", "entitlement": "e", "set": {"cap": 8}})
    case("2026-01-05")
    a.request({"kind": "decide", "of_kind": "case", "of": f"k{n[0]}", "yes": True})
    eq(a.balance("e")["thresholds"], [8, "80%", "110%"])

    # --- adjust, cover, grants, proration, opening
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-01", "cap": 4, "period": "month"})
    eq(a.request({"kind": "adjust", "entitlement": "e", "amount": 6, "who": "w", "why": "y", "id": "j"})["overage"], 2)
    a.advance(at("2026-02-05"))
    eq(a.request({"kind": "cover", "entitlement": "e", "of_kind": "adjust", "of": "j", "from_at": at("2026-02-05")})["covered"], 2)
    eq((a.balance("e")["used"], a.balance("e", at("2026-01-05"))["overage"]), (2, 0))
    a.request({"kind": "grant", "entitlement": "e", "id": "g", "amount": 1, "until": "2026-02-10", "who": "w", "why": "y"})
    case("2026-02-10")
    eq((a.balance("e")["used"], a.balance("e")["grants_paid"]), (2, 1))
    case("2026-02-11")
    eq(a.balance("e")["used"], 3)
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-20", "cap": 5, "quantity": 2, "period": "month",
                                        "aligned": "calendar", "first_period": "prorated"})
    eq(a.balance("e")["cap"], 4)                                                 # 10 * 12 / 31 = 3.87
    eq(a.balance("e", at("2026-02-05"))["cap"], 10)
    a.request({"kind": "amend", "entitlement": "e", "set": {"cap": 20}})
    eq(a.balance("e")["cap"], 8)
    a = acc(at("2026-03-05"), Z, None, {"id": "e", "start": "2026-01-01", "cap": 10, "period": "month", "carry_over": "period",
                                        "opening": {"as_of": "2026-03-03", "used": 12, "carried": 1}, "thresholds": [5]})
    b = a.balance("e")
    eq((b["used"], b["overage"], b["override"], b["carried"], b["thresholds"]), (11, 1, 0, 1, [5]))
    eq(a.passed[0]["silent"], True)
    eq(case("2026-03-02"), "granted")
    eq(a.balance("e")["used"], 11)

    # --- time entries: grace, minimum, rounding, rates
    a = acc(at("2026-06-08"), Z, None, {"id": "h", "unit": "hours", "start": "2026-01-01", "cap": 1000, "grace": 5,
                                        "minimum": 30, "rounding": 20, "hours_week": {d: [("09:00", "17:00")] for d in range(5)},
                                        "rates": [{"outside_hours": True, "rate": 1.5}]})
    used = 0
    for i, (h, m, want) in enumerate([(10, 5, 0), (10, 6, 40), (10, 41, 60), (18, 60, 90), (16, 80, 60 + 30)]):
        a.request({"kind": "entry", "id": str(i), "at": at("2026-06-08", h), "minutes": m})
        used += want
        eq(a.balance("h")["used"], used)
    # what goes on are worked minutes; each that pays applies its own rates
    a = acc(at("2026-06-08"), Z, None, {"id": "A", "unit": "hours", "start": "2026-01-01", "end": "2026-12-31", "cap": 45,
                                        "rates": [{"rate": 1.5}]},
            {"id": "B", "unit": "hours", "start": "2026-01-01", "cap": 40, "rates": [{"rate": 2}]})
    x = a.request({"kind": "entry", "id": "1", "at": at("2026-06-08"), "minutes": 60})
    eq([(p["entitlement"], p["used"], p["overage"]) for p in x["parts"]], [("A", 45, 0), ("B", 40, 0), ("A", 0, 10)])
    eq(x["uncovered"], 10)

    # a grant meets the taking's own instant whenever it arrives; none of it is carried unless it says so
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-01", "cap": 2, "period": "month", "carry_over": "period"})
    g = {"kind": "grant", "entitlement": "e", "who": "w", "why": "y"}
    a.request(dict(g, id="g1", amount=3, until="2026-01-10"))
    a.advance(at("2026-02-05"))
    eq(a.balance("e")["carried"], 2)
    case("2026-01-10")
    case("2026-01-11")
    eq((a.balance("e", at("2026-01-05"))["grants_paid"], a.balance("e", at("2026-01-05"))["used"], a.balance("e")["carried"]),
       (1, 1, 1))
    # a renewal with an end of its own; an end by hand may leave a short last period
    a = acc(at("2026-01-05"), Z, None, {"id": "e", "start": "2026-01-31", "end": "2026-03-10", "cap": 2, "period": "month",
                                        "at_end": "reset"})
    eq(a.periods("e", at("2026-03-05")), [("2026-01-31", "2026-02-27"), ("2026-02-28", "2026-03-10")])
    a.advance(at("2026-03-11"))
    eq(a.term("e"), ("2026-03-11", "2026-04-18"))                               # 39 days again [R2]
    eq(a.rank({"kind": "case", "at": at("2026-01-30")}), [])
    a.ledger()
    print("slow_usage: all self-checks passed")


if __name__ == "__main__":
    _check()
