"""What an order makes of contract, line items and entitlements, and what a changed one amends of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import ValidationError

from domain.bounds import MOST_AMOUNT
from domain.catalog.amendments import renewal_of
from domain.catalog.declarations import (
    Catalog,
    ContractLineItem,
    Declaration,
    Entitlement,
    EntitlementTemplate,
    ServiceContract,
    name_of,
)
from domain.catalog.kinds import Kind
from domain.catalog.problems import Problem
from domain.catalog.references import Known
from domain.catalog.sizes import beyond_the_years
from domain.orders.placing import OrderProblems, PlacedLine, PlacedOrder
from domain.usage.allowance import Allowance, Threshold
from domain.usage.quantities import quantity_text, read_quantity
from domain.usage.term_end import AtTermEnd
from domain.years import LAST_YEAR


class _NotMade(Exception):
    """An entitlement that can't be, and which part of its line says so."""

    def __init__(self, message: str, *at: str) -> None:
        super().__init__(message)
        self.at = at


def made(placed: PlacedOrder) -> list[tuple[Kind, Declaration]]:
    """The contract, its line items and their entitlements; of a line that was cancelled when it came first, too."""
    lines: list[tuple[Kind, Declaration]] = []
    entitlements: list[Entitlement] = []
    for placed_line in placed.lines:
        of_line = [_entitlement(placed, placed_line, template) for template in placed_line.templates]
        entitlements += of_line
        lines.append((Kind.CONTRACT_LINE_ITEMS, _line_item(placed, placed_line, of_line)))
    contract = ServiceContract(
        id=placed.id,
        name=placed.name,
        account=placed.account,
        starts_on=placed.starts_on,
        ends_on=placed.ends_on or _last_day(entitlements),
    )
    return [(Kind.SERVICE_CONTRACTS, contract), *lines, *((Kind.ENTITLEMENTS, one) for one in entitlements)]


def _line_item(placed: PlacedOrder, line: PlacedLine, entitlements: list[Entitlement]) -> ContractLineItem:
    return ContractLineItem(
        id=f"{placed.id}.{line.line.id}",
        name=line.product_name,
        service_contract=placed.id,
        product=line.line.product,
        asset=line.line.asset,
        quantity=line.line.quantity,
        starts_on=placed.starts_on,
        ends_on=placed.ends_on or _last_day(entitlements),
    )


def _last_day(entitlements: list[Entitlement]) -> date | None:
    """The last of all last days; None if one does not end, or there is none."""
    days = [entitlement.ends_on for entitlement in entitlements]
    known = [day for day in days if day is not None]
    return max(known) if known and len(known) == len(days) else None


def _entitlement(placed: PlacedOrder, line: PlacedLine, template: EntitlementTemplate) -> Entitlement:
    return Entitlement(
        id=f"{placed.id}.{line.line.id}.{template.id}",
        name=template.name,
        account=placed.account,
        asset=line.line.asset,
        service_contract=placed.id,
        contract_line_item=f"{placed.id}.{line.line.id}",
        type=template.type,
        process=template.process,
        business_hours=template.business_hours,
        allowance=template.allowance and _times(template.allowance, line.line.quantity),
        term_end=template.term_end,
        starts_on=placed.starts_on,
        ends_on=_ends_on(placed, template),
        cancelled_at=line.cancelled_at,
    )


def _ends_on(placed: PlacedOrder, template: EntitlementTemplate) -> date | None:
    if template.term_end is not None and template.term_end.policy is AtTermEnd.RESET:
        if placed.ends_on is not None:
            raise _NotMade(
                f"it goes on from term to term ({template.term_end.term} each), so an order of it has no ends_on; "
                "leave it out, and cancel the line when it is to end"
            )
        return None
    if placed.ends_on is not None:
        return placed.ends_on
    try:
        return template.term.last_day(placed.starts_on)
    except (OverflowError, ValueError):
        raise _too_long(template, placed.starts_on, date.max.year) from None


def _too_long(template: EntitlementTemplate, starts_on: date, year: int) -> _NotMade:
    return _NotMade(f"{template.term} from {starts_on} end after the year {year}")


def _times(allowance: Allowance, quantity: int) -> Allowance:
    """An allowance for so many: its cap, and what else is an amount of it. Shares of the cap stay shares."""
    if quantity == 1 or allowance.cap is None:
        return allowance
    cap = read_quantity(allowance.cap * quantity)
    if cap > MOST_AMOUNT:
        raise _NotMade(
            f"{quantity} times {quantity_text(allowance.cap)} {allowance.unit} is over {MOST_AMOUNT:,}", "quantity"
        )
    most_over = allowance.carry_over_cap
    return allowance.model_copy(
        update={
            "cap": cap,
            "carry_over_cap": most_over
            if most_over is None or isinstance(most_over, str)
            else read_quantity(min(most_over * quantity, MOST_AMOUNT)),
            "thresholds": [_threshold_times(threshold, quantity) for threshold in allowance.thresholds],
        }
    )


def _threshold_times(threshold: Threshold, quantity: int) -> Threshold:
    """Under the same id, so that one that was passed is not passed again."""
    if threshold.at.endswith("%"):
        return threshold
    amount = read_quantity(read_quantity(threshold.at) * quantity)
    return threshold.model_copy(update={"at": quantity_text(amount)})


# --- what it changes ---


def declared(before: PlacedOrder | None, placed: PlacedOrder, known: Known, today: date) -> Catalog:
    """What is to be stored: all that is new, and of what was made before only what the order itself has changed.

    What became of a record otherwise, by hand or by time, stays. Of an entitlement that was renewed, amount and
    cancellation are those of every record that has not ended, the end is that of the last; what has ended is history.

    Args:
        before: the order as it was taken the last time.
        placed: as it is taken now.
        known: what is declared.
        today: in the account's zone.

    Raises:
        OrderProblems: its dates or amounts can't be, something else has one of the new ids, or a change does not fit
            what a record has become.
    """
    if problems := [*_problems(before, placed)]:
        raise OrderProblems(problems)
    writing = _Writing(known, dict(_named(before)), today)
    for kind, declaration in made(placed):
        writing.put(kind, declaration)
    if writing.problems:
        raise OrderProblems(writing.problems)
    return Catalog.model_validate({kind.value: found for kind, found in writing.found.items()})


def _named(placed: PlacedOrder | None) -> Iterator[tuple[tuple[Kind, str], Declaration]]:
    for kind, declaration in made(placed) if placed else ():
        yield (kind, name_of(declaration)), declaration


@dataclass
class _Writing:
    known: Known
    before: dict[tuple[Kind, str], Declaration]
    today: date
    found: dict[Kind, list[Declaration]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def put(self, kind: Kind, declaration: Declaration) -> None:
        name = name_of(declaration)
        stored, earlier = self.known.find(kind, name), self.before.get((kind, name))
        if stored is None:
            self.found.setdefault(kind, []).append(declaration)
        elif earlier is None:
            message = f"this order would make {kind.one} {name!r}, and there is one already; give it another id"
            self.problems.append(Problem(("id",), message))
        elif changed := _changed(earlier.model_dump(mode="json"), declaration.model_dump(mode="json")):
            if isinstance(stored, Entitlement) and (renewals := self._renewals(stored)):
                self._amend_renewed([stored, *renewals], changed)
            else:
                self._amend(kind, stored, changed)

    def _amend(self, kind: Kind, stored: Declaration, changed: dict[str, Any]) -> None:
        was = stored.model_dump(mode="json")
        if was.get("cancelled_at"):
            changed = {key: value for key, value in changed.items() if key != "cancelled_at"}
        try:
            self.found.setdefault(kind, []).append(type(stored).model_validate(_with(was, changed)))
        except ValidationError as error:
            said = "; ".join(str(one["msg"]).removeprefix("Value error, ") for one in error.errors())
            self.problems.append(Problem((), f"{kind.one} {name_of(stored)!r} was changed since: {said}"))

    def _renewals(self, entitlement: Entitlement) -> list[Entitlement]:
        """What it goes on as, one after another."""
        chain = [entitlement]
        while (after := renewal_of(chain[-1], self.known)) is not None:
            chain.append(after)
        return chain[1:]

    def _amend_renewed(self, records: list[Entitlement], changed: dict[str, Any]) -> None:
        *_, last = records
        ends_on = changed.pop("ends_on", None)
        if ends_on is not None and last.starts_on and date.fromisoformat(ends_on) < last.starts_on:
            message = (
                f"entitlement {records[0].id!r} was renewed: it goes on as {last.id!r} from {last.starts_on}, and "
                f"can't end on {ends_on}; give a later ends_on, or cancel its line"
            )
            self.problems.append(Problem(("ends_on",), message))
            return
        for record in records:
            of_record = dict(changed)
            if record is last and ends_on is not None:
                of_record["ends_on"] = ends_on
            has_ended = record.ends_on is not None and record.ends_on < self.today
            if of_record and (record is last or not has_ended):
                self._amend(Kind.ENTITLEMENTS, record, of_record)


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The keys whose values differ; of a mapping in a mapping its keys."""
    changed: dict[str, Any] = {}
    for key, value in after.items():
        was = before.get(key)
        if isinstance(was, dict) and isinstance(value, dict):
            if inner := _changed(was, value):
                changed[key] = inner
        elif was != value:
            changed[key] = value
    return changed


def _with(stored: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    merged = dict(stored)
    for key, value in changed.items():
        was = merged.get(key)
        merged[key] = _with(was, value) if isinstance(was, dict) and isinstance(value, dict) else value
    return merged


def _problems(before: PlacedOrder | None, placed: PlacedOrder) -> Iterator[Problem]:
    """What only shows when dates and amounts are worked out."""
    if placed.ends_on and placed.ends_on < placed.starts_on:
        message = f"{placed.ends_on} lies before its start, {placed.starts_on}; both dates are included"
        yield Problem(("ends_on",), message)
        return
    for number, line in enumerate(placed.lines):
        is_new = before is None or before.line(line.line.id) is None
        for template in line.templates:
            try:
                ends_on = _entitlement(placed, line, template).ends_on
                if is_new and placed.ends_on is None and ends_on and beyond_the_years("ends_on", ends_on):
                    raise _too_long(template, placed.starts_on, LAST_YEAR)
            except ValidationError as error:
                said = "; ".join(str(one["msg"]).removeprefix("Value error, ") for one in error.errors())
                yield Problem(("lines", number), f"template {template.id!r}: {said}")
            except _NotMade as refusal:
                yield Problem(("lines", number, *refusal.at), f"template {template.id!r}: {refusal}")
