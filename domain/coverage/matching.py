"""Coverage: which entitlement a case is covered by, and for every other one why not."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field

from domain.catalog.declarations import Entitlement
from domain.catalog.kinds import Kind
from domain.catalog.status import EntitlementStatus, cancelled_from, status
from domain.criteria.fields import FieldType
from domain.criteria.values import Listed
from domain.messages.coverage import NotMatched
from domain.model import Value
from domain.usage.allowance import Overflow
from domain.usage.freezing import first_instant
from domain.wording import instant


class CoverageQuestion(Value):
    """What is known of a case at intake, by ids of the catalog.

    Attributes:
        entitlement: the case is opened from it.
        at: when the case is opened; what counts is active then.
    """

    account: str | None = None
    contact: str | None = None
    asset: str | None = None
    service_contract: str | None = None
    contract_line_item: str | None = None
    entitlement: str | None = None
    product: str | None = None
    channel: str | None = None
    at: AwareDatetime

    @property
    def things(self) -> dict[Kind, str | None]:
        """What it names that may be retired, by kind; an account or entitlement that is matches nothing anyway."""
        return {
            Kind.CONTACTS: self.contact,
            Kind.ASSETS: self.asset,
            Kind.SERVICE_CONTRACTS: self.service_contract,
            Kind.CONTRACT_LINE_ITEMS: self.contract_line_item,
            Kind.PRODUCTS: self.product,
        }

    def filled_from(self, entitlement: Entitlement) -> CoverageQuestion:
        """The question of a case that is opened from an entitlement, which fills in what the intake leaves open."""
        filled = {
            key: getattr(entitlement, key)
            for key in ("account", "asset", "service_contract", "contract_line_item")
            if getattr(self, key) is None
        }
        return self.model_copy(update=filled)


def fields_filled_from(
    entitlement: Entitlement, fields: dict[str, Any], declared: Mapping[str, FieldType], listed: Listed
) -> dict[str, Any]:
    """The fields of a case that is opened from an entitlement: its type is the case's, unless the intake gives one.

    Args:
        entitlement: from which it is opened.
        fields: of the intake.
        declared: of the organisation's cases; without a `type` that is text there is nothing to fill in.
        listed: the values of those of which they are listed; another one is not filled in.
    """
    if entitlement.type is None or "type" in fields or declared.get("type") is not FieldType.STRING:
        return fields
    if entitlement.type not in listed.get("type", [entitlement.type]):
        return fields
    return {**fields, "type": entitlement.type}


class CoverageScope(Value):
    """A question with what the catalog knows of the things that it names.

    Attributes:
        accounts: the case's own, and those of its contact, asset and contract.
        product: the case's own, or that of its asset.
        contract_line_items: the case's, then its parents.
        service_contracts: the case's, or that of its line item, then its parents.
    """

    at: AwareDatetime
    entitlement: str | None = None
    accounts: list[str] = Field(default_factory=list)
    contact: str | None = None
    asset: str | None = None
    product: str | None = None
    channel: str | None = None
    contract_line_items: list[str] = Field(default_factory=list)
    service_contracts: list[str] = Field(default_factory=list)


class Candidate(Value):
    """An entitlement that may cover a case.

    Attributes:
        time_zone: of its dates: the account's or the organisation's.
        account_retired: with its account everything of it has ended.
        contract_of_line_item: the service contract of its line item, where it names no contract itself.
        line_asset: the asset that its line item names.
        line_product: likewise.
    """

    entitlement: Entitlement
    time_zone: str
    account_retired: bool = False
    contract_of_line_item: str | None = None
    line_asset: str | None = None
    line_product: str | None = None


class CoverageCandidates(Value):
    """What the catalog says to a question.

    Attributes:
        candidates: all that may match, and some of the others of the same accounts, to say why they do not.
        more: there are more of these.
    """

    scope: CoverageScope
    candidates: list[Candidate]
    more: bool = False


class MatchedBy(IntEnum):
    """What an entitlement matches a case by; the lower ranks before the higher."""

    NAMED = 1
    CONTACT = 2
    ASSET = 3
    CONTRACT_LINE_ITEM = 4
    SERVICE_CONTRACT = 5
    ACCOUNT = 6

    @property
    def words(self) -> str:
        """In words, to go after 'by its'."""
        return "name" if self is MatchedBy.NAMED else self.name.lower().replace("_", " ")


class Match(Value):
    """An entitlement that covers the case.

    Attributes:
        left: whether there is any of its allowance left; of one that counts nothing there always is.
        last_day: the last that it covers: its end, or the date on which it is cancelled; None: it does not end.
        ends_at: the instant from which it covers nothing; None: it does not end.
    """

    entitlement: Entitlement
    by: MatchedBy
    left: bool
    last_day: date | None = None
    ends_at: datetime | None = None

    @property
    def rank(self) -> tuple[bool, bool, MatchedBy]:
        """How well it matches, whatever is left of it; less is better.

        What the case names comes first. Then comes what has a process: a bank of hours beside a support contract takes
        the hours, and not the promises of the case.
        """
        return self.by is not MatchedBy.NAMED, self.entitlement.process is None, self.by

    @property
    def takes_every_case(self) -> bool:
        """Whether cases of it are not counted."""
        allowance = self.entitlement.allowance
        return allowance is None or allowance.unit != "cases"

    @property
    def overflows(self) -> bool:
        """Whether cases are counted, nothing is left of it, and a case falls back to the next."""
        allowance = self.entitlement.allowance
        if allowance is None or self.takes_every_case:
            return False
        return not self.left and allowance.overflow is Overflow.FALLBACK


class Coverage(Value):
    """The answer.

    Attributes:
        ranked: every entitlement that matches, best first: after an overflow the next one is asked.
        unmatched: every candidate that does not match, by id.
        more: the accounts have more entitlements that do not match.
    """

    ranked: list[Match]
    unmatched: list[NotMatched]
    more: bool = False

    @property
    def chosen(self) -> Entitlement | None:
        """The one that covers the case; None: none does."""
        return self.ranked[0].entitlement if self.ranked else None

    @property
    def others(self) -> list[NotMatched]:
        """Every other candidate, and why it was not chosen."""
        return [*self._outranked(), *self.unmatched]

    def without(self, entitlement: Entitlement, why: str) -> Coverage:
        """The answer where one can't be had, whether it matches or not."""
        matches = [match for match in self.ranked if match.entitlement.id != entitlement.id]
        unmatched = [other for other in self.unmatched if other.entitlement != entitlement.id]
        return self.model_copy(update={"ranked": matches, "unmatched": [not_chosen(entitlement, why), *unmatched]})

    def _outranked(self) -> Iterator[NotMatched]:
        if not self.ranked:
            return
        best = self.ranked[0]
        for match in self.ranked[1:]:
            yield not_chosen(match.entitlement, outranked(match, best))


NOTHING_FOUND = Coverage(ranked=[], unmatched=[])
"""Where nobody was looked for."""


def choose(
    scope: CoverageScope, candidates: Iterable[Candidate], exhausted: Container[str] = (), *, more: bool = False
) -> Coverage:
    """Match and rank.

    An entitlement matches if it is active at the instant, its account is one of the case's, and its asset, contacts,
    products and channels, each if given, hold the case's. Contract and line item only rank; a line item that names the
    case's asset, or its product and no asset, is as good as one that the case names. Best is what the case names, then
    what has a process, then what matches by contact, asset, line item, service contract, account; then what has
    allowance left; then what expires soonest; then the lowest id.

    Args:
        scope: the case.
        candidates: in any order.
        exhausted: ids of entitlements of whose allowance nothing is left.
        more: there are more that do not match than are among the candidates.
    """
    matches, unmatched = [], []
    for candidate in candidates:
        entitlement = candidate.entitlement
        why = _why_not(scope, candidate)
        if why is None:
            by, last_day = _matched_by(scope, candidate), _last_day(candidate)
            ends_at = _ends_at(candidate)
            matches.append(Match(entitlement=entitlement, by=by, left=True, last_day=last_day, ends_at=ends_at))
        else:
            unmatched.append(not_chosen(entitlement, why))
    unmatched.sort(key=lambda other: other.entitlement)
    return Coverage(ranked=ranked(matches, exhausted), unmatched=unmatched, more=more)


def ranked(matches: Iterable[Match], exhausted: Container[str] = ()) -> list[Match]:
    """Matches, best first; after an overflow the next one is asked.

    One of which no cases are counted takes every case, and nobody would hear that a better one is spent. So what falls
    back to it is asked first: the case comes to the same, and the overflow is told.

    Args:
        matches: in any order.
        exhausted: ids of entitlements of whose allowance nothing is left.
    """
    found = [match.model_copy(update={"left": match.entitlement.id not in exhausted}) for match in matches]
    order = sorted(found, key=lambda match: (match.rank, not match.left, *_end(match)))
    last = next((match for match in order if match.takes_every_case), None)
    if last is None:
        return order
    overflowing = [match for match in order if match.overflows and match.rank == last.rank and _end(match) < _end(last)]
    rest = [match for match in order if match not in overflowing]
    place = rest.index(last)
    return [*rest[:place], *overflowing, *rest[place:]]


def not_chosen(entitlement: Entitlement, why: str) -> NotMatched:
    """An entitlement that is not chosen, with what it would have promised."""
    return NotMatched(entitlement=entitlement.id, why=why, process=entitlement.process)


def _end(match: Match) -> tuple[bool, datetime, str]:
    return match.ends_at is None, match.ends_at or datetime.max.replace(tzinfo=UTC), match.entitlement.id


def _ends_at(candidate: Candidate) -> datetime | None:
    ends_on, cancelled_at = candidate.entitlement.ends_on, cancelled_from(candidate.entitlement)
    if ends_on is None or ends_on == date.max:
        return cancelled_at
    over = first_instant(ends_on + timedelta(days=1), ZoneInfo(candidate.time_zone))
    return over if cancelled_at is None else min(over, cancelled_at)


def _last_day(candidate: Candidate) -> date | None:
    ends_on, cancelled_at = candidate.entitlement.ends_on, cancelled_from(candidate.entitlement)
    if cancelled_at is None:
        return None if ends_on == date.max else ends_on
    cancelled_on = (cancelled_at - timedelta(microseconds=1)).astimezone(ZoneInfo(candidate.time_zone))
    return min(cancelled_on.date(), ends_on or date.max)


def _why_not(scope: CoverageScope, candidate: Candidate) -> str | None:
    entitlement = candidate.entitlement
    if entitlement.retired:
        return "it is retired"
    if candidate.account_retired:
        return f"its account {entitlement.account!r} is retired"
    match status(entitlement, scope.at, ZoneInfo(candidate.time_zone)):
        case EntitlementStatus.INACTIVE:
            return f"it begins on {entitlement.starts_on}"
        case EntitlementStatus.EXPIRED:
            return f"it expired at the end of {entitlement.ends_on}"
        case EntitlementStatus.CANCELLED:
            assert entitlement.cancelled_at is not None  # noqa: S101  its status says so
            return f"it was cancelled at {instant(entitlement.cancelled_at, ZoneInfo(candidate.time_zone))}"
        case EntitlementStatus.ACTIVE:
            pass
    if entitlement.account not in scope.accounts:
        return f"it belongs to account {entitlement.account!r}, the case to {_listed(scope.accounts)}"
    covers = {
        "asset": ([entitlement.asset] if entitlement.asset else [], scope.asset),
        "contact": (entitlement.contacts, scope.contact),
        "product": (entitlement.products, scope.product),
        "channel": (entitlement.channels, scope.channel),
    }
    for what, (covered, of_case) in covers.items():
        if covered and of_case not in covered:
            of_it = f"the {what} of the case is {of_case!r}" if of_case else f"the case names no {what}"
            return f"it covers {what} {_listed(covered)}, and {of_it}"
    return None


def _matched_by(scope: CoverageScope, candidate: Candidate) -> MatchedBy:
    entitlement = candidate.entitlement
    if entitlement.id == scope.entitlement:
        return MatchedBy.NAMED
    if entitlement.contacts:
        return MatchedBy.CONTACT
    if entitlement.asset:
        return MatchedBy.ASSET
    if entitlement.contract_line_item in scope.contract_line_items or _names_what_it_is_about(scope, candidate):
        return MatchedBy.CONTRACT_LINE_ITEM
    if (entitlement.service_contract or candidate.contract_of_line_item) in scope.service_contracts:
        return MatchedBy.SERVICE_CONTRACT
    return MatchedBy.ACCOUNT


def _names_what_it_is_about(scope: CoverageScope, candidate: Candidate) -> bool:
    """Whether the line item of an entitlement names the asset of the case, or its product and no asset."""
    if candidate.line_asset is not None:
        return candidate.line_asset == scope.asset
    return candidate.line_product is not None and candidate.line_product == scope.product


def outranked(match: Match, best: Match) -> str:
    """Why a match ranks after the best one, in words."""
    chosen = best.entitlement.id
    if best.by is not MatchedBy.NAMED and (match.entitlement.process is None) != (best.entitlement.process is None):
        return f"it has no process, {chosen!r} has {best.entitlement.process!r}"
    if match.by != best.by:
        return f"it matches by its {match.by.words}, {chosen!r} by its {best.by.words}"
    if match.left and not best.left:
        return f"what is over the allowance of {chosen!r}, which is used up, falls back"
    if best.left and not match.left:
        return f"its allowance is used up, that of {chosen!r} is not"
    if match.last_day != best.last_day:
        this = f"on {match.last_day}" if match.last_day else "never"
        return f"{chosen!r} expires sooner, on {best.last_day}; this {this}"
    if match.ends_at != best.ends_at:
        return f"{chosen!r} expires sooner, at {best.ends_at}; this at {match.ends_at}"
    return f"{chosen!r} is as good and comes first by id"


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
