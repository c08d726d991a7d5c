"""An account whose entitlements are counted by the rules of the product, asked as the stranger's model is asked.

Requests are the plain data of `tests.models.usage_sequences`. What a workflow, an activity and the gate do in between
is done here at once: orders of a count are carried out as soon as they are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from domain.calendar import BusinessHours
from domain.catalog.count_terms import entitlement_terms
from domain.catalog.declarations import Account, Entitlement, Organisation
from domain.coverage.asking import Asking, AskingForCases
from domain.coverage.matching import Candidate, CoverageScope, Match, choose, ranked
from domain.errors import Refused
from domain.usage.answers import Taken
from domain.usage.audit import audit
from domain.usage.effects import CarryBackOrder, CarryOverOrder, RecordChange, RenewalOrder
from domain.usage.freezing import first_instant, freeze
from domain.usage.machine import Usage, UsageEffect
from domain.usage.quantities import quantity_data
from domain.usage.rates import RateRow, entry_rates
from domain.usage.requests import (
    BalanceCarriedIn,
    BalanceTakenBack,
    Consumed,
    Consumption,
    ConsumptionReversed,
    EntitlementAmended,
    EntitlementCancelled,
    EntitlementRenewed,
    OverageCovered,
    OverageDecision,
    OverageVoided,
    TimeEntry,
    UsageAdjusted,
    UsageGranted,
)
from domain.usage.rows import LedgerRow
from domain.usage.state import UsageState
from domain.usage.term_length import TermLength
from tests.models.conservation import Conservation

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FAR = datetime(2045, 1, 1, tzinfo=UTC)
WHO: dict[str, Any] = {"by": "w", "reason": "y"}


class EngineAccount:
    """The entitlements of one account, each with its count."""

    def __init__(self, zone: str, now: datetime) -> None:
        self.account = Account(id="acme", time_zone=zone)
        self.zone = zone
        self.now = now
        self.records: dict[str, Entitlement] = {}
        self.rules: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, Usage] = {}
        self.rows: dict[str, list[LedgerRow]] = {}
        self.asked: dict[tuple[str, str], str] = {}
        self.known: set[tuple[str, str]] = set()
        self.events = 0
        self.conservation = Conservation()

    # --- declaring ---

    def declare(self, e: dict[str, Any]) -> None:
        """One entitlement; the keys are those of the model."""
        self.rules[e["id"]] = dict(e)
        record = {
            "id": e["id"],
            "account": "acme",
            "starts_on": e["start"],
            "ends_on": last_date(e),
            "process": "gold" if e["process"] else None,
            "allowance": _allowance(e),
            "term_end": _term_end(e),
            "opening": _opening(e),
        }
        self._begin(Entitlement.model_validate(record))

    def _begin(self, record: Entitlement) -> None:
        self.records[record.id] = record
        self.rows[record.id] = []
        terms = entitlement_terms(record, self.account, Organisation(), now=self.now)
        self.counts[record.id] = Usage.begin(terms, self.now)
        self._do(record.id, self.counts[record.id].advance(self.now))

    # --- what is done at once ---

    def _do(self, name: str, effects: Sequence[UsageEffect]) -> None:
        for effect in effects:
            match effect:
                case LedgerRow():
                    self.rows[name].append(effect)
                case RenewalOrder():
                    self._make_renewal(name, effect)
                case CarryOverOrder():
                    asked = BalanceCarriedIn(event_id=self._event(), amount=effect.amount, **WHO)
                    self.change(effect.renewal_id, asked)
                case CarryBackOrder():
                    given = self._take_back(effect.renewal_id, effect.amount)
                    self._do(name, self.counts[name].taken_back(effect, given, self.now))
                case RecordChange() if effect.cancelled_at is not None:
                    changed = {"cancelled_at": effect.cancelled_at}
                    self.records[name] = self.records[name].model_copy(update=changed)
                case RecordChange() if effect.ends_on is not None:
                    ends_on = None if effect.ends_on == "never" else effect.ends_on
                    self.records[name] = self.records[name].model_copy(update={"ends_on": ends_on})
                case _:
                    pass

    def _take_back(self, renewal: str, amount: int) -> int:
        """As the activity does: what a renewal has not used, and what it has not used of what went on to the next."""
        asked = BalanceTakenBack(event_id=self._event(), amount=amount, **WHO)
        changed = self.change(renewal, asked)
        given = changed.amount or 0
        if changed.renewal is None or changed.further == 0:
            return given
        more = self._take_back(changed.renewal, changed.further)
        if more == 0:
            return given
        further = BalanceTakenBack(event_id=self._event(), amount=more, from_renewal=more, **WHO)
        return given + (self.change(renewal, further).amount or 0)

    def _make_renewal(self, name: str, order: RenewalOrder) -> None:
        renewal = order.renewal
        changed = {
            "id": renewal.entitlement_id,
            "starts_on": renewal.starts_on,
            "ends_on": renewal.ends_on,
            "renews": name,
            "reckoned_from": renewal.reckoned_from,
            "opening": None,
            "allowance": _allowance(self.rules[name]),
        }
        self.rules[renewal.entitlement_id] = dict(self.rules[name], id=renewal.entitlement_id)
        before = self.records[name]
        self._begin(Entitlement.model_validate({**before.model_dump(mode="json"), **changed}))

    def _event(self) -> str:
        self.events += 1
        return f"event-{self.events}"

    def advance(self, now: datetime) -> None:
        """Let time pass, count by count in the order in which something is due; each state goes through JSON."""
        while due := self._due_by(now):
            at, name = min(due)
            self.now = max(self.now, at)
            self._do(name, self.counts[name].advance(self.now))
        goes_on, self.now = now > self.now, now
        for name, count in list(self.counts.items()):
            if not goes_on:
                break
            kept = UsageState.model_validate_json(count.state.model_dump_json())
            self.counts[name] = Usage(count.terms, kept)
            self._do(name, self.counts[name].advance(now))

    def _due_by(self, now: datetime) -> list[tuple[datetime, str]]:
        return [(at, name) for name, count in self.counts.items() if (at := count.next_due) is not None and at <= now]

    # --- asking ---

    def request(self, q: dict[str, Any]) -> str:
        """One request; what it came to, in a word."""
        self.advance(_instant(q["now"]))
        try:
            said = getattr(self, f"_do_{q['kind']}")(q)
        except Refused as refused:
            said = f"refused {refused.code}"
        for name, count in list(self.counts.items()):
            self._do(name, count.advance(self.now))
        return str(said)

    def _matches(self, q: dict[str, Any], at: datetime) -> list[Match]:
        named = q.get("entitlement") if q.get("entitlement") in self.records else None
        scope = CoverageScope(at=at, accounts=["acme"], entitlement=named)
        candidates = [Candidate(entitlement=record, time_zone=self.zone) for record in self.records.values()]
        return choose(scope, candidates).ranked

    def _exhausted(self, matches: Iterable[Match], at: datetime) -> set[str]:
        names = [match.entitlement.id for match in matches]
        return {name for name in names if self.counts[name].balance(at).current.is_exhausted}

    def _do_case(self, q: dict[str, Any]) -> str:
        return self._one(q, "case")

    def _do_visit(self, q: dict[str, Any]) -> str:
        return self._one(q, "visit")

    def _one(self, q: dict[str, Any], kind: str) -> str:
        if (kind, q["id"]) in self.known:
            return "before"
        at = _instant(q["at"])
        said, name = self._ask_cases(q, at) if kind == "case" else self._ask_visits(q, at)
        if said == "prompt":
            self.asked[kind, q["id"]] = name
        if said != "blocked":
            self.known.add((kind, q["id"]))
        return said

    def _ask_cases(self, q: dict[str, Any], at: datetime) -> tuple[str, str]:
        asking = AskingForCases(self._matches(q, at))
        while (ask := asking.next()) is not None:
            match, yields = ask
            answer = self._take(q, match.entitlement.id, at, yields=yields)
            if answer.outcome == "exhausted":
                asking.has_nothing(match)
                continue
            asking.was_asked(match)
            if answer.outcome != "overflow":
                return answer.outcome, match.entitlement.id
        return "none", ""

    def _ask_visits(self, q: dict[str, Any], at: datetime) -> tuple[str, str]:
        matches = self._matches(q, at)
        asking = Asking([match.entitlement.id for match in matches], self._exhausted(matches, at))
        said, name = "none", ""
        while (ask := asking.next()) is not None:
            answer = self._take(q, ask.entitlement, at, yields=ask.yields)
            if answer.outcome == "exhausted":
                asking.has_nothing(ask.entitlement)
                continue
            asking.was_asked(ask.entitlement)
            if answer.outcome != "overflow":
                return answer.outcome, ask.entitlement
        return said, name

    def _take(self, q: dict[str, Any], name: str, at: datetime, *, yields: bool) -> Consumed:
        asked = Consumption(reference=q["id"], event_id=self._event(), occurred_at=at, yields=yields)
        taken = self.counts[name].take(asked, self.now)
        self._do(name, taken.effects)
        return taken.answer

    def _do_entry(self, q: dict[str, Any]) -> str:
        if ("entry", q["id"]) in self.known:
            return "before"
        at = _instant(q["at"])
        matches = self._matches(q, at)
        asking = Asking([match.entitlement.id for match in matches], self._exhausted(matches, at))
        entry = TimeEntry(id=q["id"], minutes=q["minutes"], worked_at=at)
        said = "uncovered"
        while (ask := asking.next()) is not None:
            asked = entry.model_copy(update={"has_fallback": not ask.is_last, "yields": ask.yields})
            taken = self._log(ask.entitlement, asked, q)
            if taken.answer.outcome == "exhausted":
                asking.has_nothing(ask.entitlement)
                continue
            asking.was_asked(ask.entitlement)
            self._do(ask.entitlement, taken.effects)
            said = taken.answer.outcome
            if said == "prompt":
                self.asked["entry", q["id"]] = ask.entitlement
            if not taken.answer.left_over:
                break
            left_over = taken.answer.left_over
            paid = entry.paid + taken.answer.minutes - left_over
            rest = {"minutes": left_over, "is_rest": True, "paid": paid}
            entry = entry.model_copy(update=rest)
        self.known.add(("entry", q["id"]))
        return said

    def _log(self, name: str, entry: TimeEntry, q: dict[str, Any]) -> Taken:
        """As the activity does: by the table of rates that stands now, or by an earlier one of its period."""
        allowance = self.records[name].allowance
        table = list(allowance.rates) if allowance else []
        taken = self.counts[name].log_hours(self._rated(name, entry, table, q), self.now)
        if taken.answer.rates is not None:
            taken = self.counts[name].log_hours(self._rated(name, entry, taken.answer.rates, q), self.now)
        assert taken.answer.outcome != "refused", taken.answer.reason
        return taken

    def _rated(self, name: str, entry: TimeEntry, table: Sequence[RateRow], q: dict[str, Any]) -> TimeEntry:
        if not table:
            return entry
        until = entry.worked_at + timedelta(minutes=entry.paid + entry.minutes, days=2)
        week = self.rules[name].get("hours_week")
        open_on = "always" if week is None else {DAYS[day]: [f"{a}-{b}" for a, b in of] for day, of in week.items()}
        hours = BusinessHours.model_validate({"name": "hours", "time_zone": self.zone, "week": open_on})
        rates = entry_rates(
            table,
            hours.freeze(entry.worked_at, until),
            entry={"id": entry.id, "minutes": q["minutes"]},
            case=q.get("fields", {}),
            worked_at=entry.worked_at,
            until=until,
        )
        return entry.model_copy(update={"rates": rates})

    # --- deciding and undoing ---

    def _do_decide(self, q: dict[str, Any]) -> str:
        key = (q["of_kind"], q["of"])
        name = self.asked.pop(key, None)
        if name is None:
            return "refused nothing_asked"
        at = _instant(q["of_at"])
        decision = OverageDecision(reference=q["of"], event_id=self._event(), approved=q["yes"], occurred_at=at, **WHO)
        taken = self.counts[name].decide(decision, self.now)
        self._do(name, taken.effects)
        if q["yes"] or q["of_kind"] == "entry":
            return "yes" if q["yes"] else "no"
        matches = [match for match in self._matches(q["of_q"], at) if match.entitlement.id != name]
        if q["of_kind"] == "case":
            order = [match.entitlement.id for match in ranked(matches, self._exhausted(matches, at))]
        else:
            spent = self._exhausted(matches, at)
            names = [match.entitlement.id for match in matches]
            order = [one for one in names if one not in spent] + [one for one in names if one in spent]
        for other in order:
            if self._take(q["of_q"] | {"id": q["of"]}, other, at, yields=True).outcome == "granted":
                break
        return "no"

    def _do_reverse(self, q: dict[str, Any]) -> str:
        said = "refused unknown"
        for name in list(self.counts):
            try:
                self.change(name, ConsumptionReversed(event_id=self._event(), reference=q["of"], **WHO))
            except Refused as refused:
                if refused.code not in {"unknown_reference", "already_reversed"}:
                    raise
            else:
                said = "done"
        self.asked.pop((q["of_kind"], q["of"]), None)
        return said

    def _do_cover(self, q: dict[str, Any]) -> str:
        self.change(q["entitlement"], OverageCovered(event_id=self._event(), reference=q["of"], **WHO))
        return "done"

    def _do_void(self, q: dict[str, Any]) -> str:
        self.change(q["entitlement"], OverageVoided(event_id=self._event(), reference=q["of"], **WHO))
        return "done"

    def _do_adjust(self, q: dict[str, Any]) -> str:
        asked = UsageAdjusted(event_id=self._event(), amount=q["amount"], occurred_at=_instant(q["at"]), **WHO)
        self.change(q["entitlement"], asked)
        return "done"

    def _do_grant(self, q: dict[str, Any]) -> str:
        until = None
        if "until" in q:
            next_day = date.fromisoformat(q["until"]) + timedelta(days=1)
            until = first_instant(next_day, ZoneInfo(self.zone)) - timedelta(microseconds=1)
        asked = UsageGranted(
            event_id=self._event(),
            amount=q["amount"],
            occurred_at=_instant(q["at"]),
            until=until,
            carries_over=q["carries"],
            **WHO,
        )
        self.change(q["entitlement"], asked)
        return "done"

    # --- amending, cancelling, renewing ---

    def _do_amend(self, q: dict[str, Any]) -> str:
        name, fields = q["entitlement"], dict(q["set"])
        asked: dict[str, Any] = {}
        if "end" in fields:
            asked["ends_on"] = date.fromisoformat(fields.pop("end"))
        if "cap" in fields:
            cap = fields["cap"]
            asked["cap"] = _quantity(cap, self.rules[name]["unit"])
        before = dict(self.rules[name])
        self.rules[name].update(fields)
        asked["allowance"] = _allowance(self.rules[name])
        try:
            self.change(name, EntitlementAmended(event_id=self._event(), **asked, **WHO))
        except Refused:
            self.rules[name] = before
            raise
        return "done"

    def _do_cancel(self, q: dict[str, Any]) -> str:
        name, at = q["entitlement"], _instant(q["at"])
        self.change(name, EntitlementCancelled(event_id=self._event(), at=at, **WHO))
        renewal = self.counts[name].state.renewal
        if q.get("with_renewal") and renewal is not None:
            starts_at = self.counts[renewal.entitlement_id].terms.periods.starts_at(0)
            later = max(at, starts_at) if starts_at else at
            if self.counts[renewal.entitlement_id].state.cancelled_at is None:
                self._do_cancel({"entitlement": renewal.entitlement_id, "at": later.isoformat(), "with_renewal": True})
        return "done"

    def _do_renew(self, q: dict[str, Any]) -> str:
        self.change(q["entitlement"], EntitlementRenewed(event_id=self._event(), **WHO))
        return "done"

    def change(self, name: str, asked: Any) -> Any:
        if name not in self.counts:
            raise Refused("unknown", f"no entitlement {name}")
        count, periods = self.counts[name], None
        if isinstance(asked, EntitlementAmended):
            count.check_amendment(asked)
            term = count.amended_term(asked)
            periods = None if term is None else freeze(count.terms.allowance, term, FAR)
        before = count.state.model_dump_json()
        try:
            said, effects = count.change(asked, self.now, periods)
        except Refused:
            assert count.state.model_dump_json() == before, "what is refused changes nothing"
            raise
        self._do(name, effects)
        if isinstance(asked, EntitlementAmended):
            self.records[name] = self.records[name].model_copy(update={"allowance": asked.allowance})
        return said

    # --- what always holds ---

    def check(self) -> None:
        """Each ledger adds up to its balance, and no unit is lost or made between a record and its renewal."""
        for name, count in self.counts.items():
            assert audit(self.rows[name], count.balance(self.now)) == [], name
        broken = self.conservation.broken(self.counts)
        assert not broken, broken


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def last_date(e: dict[str, Any]) -> str | None:
    """The last date that is declared; None if there is none."""
    if e["at_end"] == "reset":
        return None
    if e.get("months"):
        return TermLength(e["months"], "month").last_day(date.fromisoformat(e["start"])).isoformat()
    return e.get("end")


def _term_end(e: dict[str, Any]) -> dict[str, Any] | None:
    match e["at_end"]:
        case "reset":
            return {"policy": "reset", "term": f"{e['months']} months"}
        case "renew":
            return {"policy": "renew"}
        case _:
            return None


def _opening(e: dict[str, Any]) -> dict[str, Any] | None:
    opening = e.get("opening")
    if opening is None:
        return None
    return dict(opening, **{key: _quantity(opening[key], e["unit"]) for key in ("used", "carried")})


def mark(at: int | str, unit: str) -> int | str:
    """A threshold as it is declared."""
    return at if isinstance(at, str) else _quantity(at, unit)


def _quantity(measures: int, unit: str) -> int | str:
    """An amount as it is declared: of hours ``7h30m``."""
    hours = Fraction(measures, 60 if unit == "hours" else 1)
    return quantity_data(hours.numerator if hours.denominator == 1 else hours)


def _allowance(e: dict[str, Any]) -> dict[str, Any]:
    unit = e["unit"]
    cap = None if e["cap"] is None else _quantity(e["cap"], unit)
    carry_over = (e.get("carry_over") or "none") if cap is not None else "none"
    most = e.get("carry_over_cap") if carry_over != "none" else None
    return {
        "unit": unit,
        "cap": cap,
        "period": e["period"],
        "aligned": e.get("aligned", "start"),
        "overflow": e["overflow"],
        "overage_price": "1.00 EUR",
        "first_period": "prorated" if _is_prorated(e) else "full",
        "grace": f"{e['grace']}m" if e.get("grace") else None,
        "minimum": f"{e['minimum']}m" if e.get("minimum") else None,
        "round_up_to": f"{e['rounding']}m" if e.get("rounding") else None,
        "rates": [_rate(row) for row in e.get("rates") or []],
        "carry_over": carry_over,
        "carry_over_cap": _quantity(most, unit) if isinstance(most, int) else most,
        "thresholds": [{"at": mark(at, unit)} for at in e.get("thresholds", [])] if cap is not None else [],
    }


def _is_prorated(e: dict[str, Any]) -> bool:
    """Whether a share of the first period can be declared: of what the calendar may cut short."""
    return e.get("first_period") == "prorated" and e.get("aligned") == "calendar" and e["period"] != "term"


def _rate(row: dict[str, Any]) -> dict[str, Any]:
    outside = row.get("outside_hours")
    parts = [] if outside is None else ["entry.outside_hours" if outside else "!entry.outside_hours"]
    parts += [f'case.{name} == "{value}"' for name, value in (row.get("fields") or {}).items()]
    return {"when": " && ".join(parts), "rate": row["rate"]}
