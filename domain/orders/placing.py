"""Orders: taken as they come, checked whole, and again under the same id when they have changed.

    placed = place(order, before, known, at, zone)     # checked
    catalog = declared(before, placed, known, today)   # `domain.orders.making`: what is to be stored of it

`before` is what the order was taken as the last time, None the first time. Templates are kept in it as they stood when
their line was first ordered, so that the same order again changes nothing, whatever became of its products meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, Field, model_validator

from domain.bounds import ANumber
from domain.catalog.declarations import MOST_ORDERED, Account, Asset, EntitlementTemplate, Product
from domain.catalog.kinds import Kind
from domain.catalog.problems import Path, Problem
from domain.catalog.references import Known
from domain.catalog.sizes import beyond_the_years
from domain.criteria.fields import nearest
from domain.errors import CatalogError
from domain.ids import Id
from domain.model import Value
from domain.wording import instant, plural

MOST_LINES = 1_000

LONGEST_ID = 100


class OrderProblems(CatalogError):
    """An order with problems, all of them; nothing of it was made.

    Attributes:
        problems: in the order's order.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        head = f"the order has {plural(len(self.problems), 'problem')}, nothing of it was made:"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))


class OrderLine(Value):
    """One line.

    Attributes:
        id: by which a changed order names it again; made from product and asset when left out.
        asset: which of the account's assets it is for.
        quantity: multiplies the allowance.
        cancelled: it ends now, and for good. A line is never cancelled by being left out.
    """

    id: Id = ""
    product: Id
    asset: Id | None = None
    quantity: Annotated[int, Field(ge=1, le=MOST_ORDERED), ANumber] = 1
    cancelled: bool = False

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.get("id"):
            parts = [value.get("product"), value.get("asset")]
            return {**value, "id": ".".join(part for part in parts if isinstance(part, str)) or "line"}
        return value


class Order(Value):
    """What an account has ordered.

    Attributes:
        id: the same order again, or a changed one, has the same.
        account: who has ordered.
        name: for people.
        starts_on: of everything that it makes, in the account's zone; left out, the day on which it is first placed.
        ends_on: likewise; left out, as long as the term of each template.
        lines: what was ordered: a product each, for an asset if wanted, so many times.
    """

    id: Id
    account: Id
    name: str = Field(default="", max_length=200)
    starts_on: date | None = None
    ends_on: date | None = None
    lines: list[OrderLine] = Field(min_length=1, max_length=MOST_LINES)


class PlacedLine(Value):
    """A line as it was taken.

    Attributes:
        product_name: when it was first ordered; so with the templates.
        cancelled_at: None: it was not.
    """

    line: OrderLine
    product_name: str
    templates: list[EntitlementTemplate]
    cancelled_at: AwareDatetime | None = None


class PlacedOrder(Value):
    """An order as it was taken.

    Attributes:
        revision: 1, and 1 more for every change.
    """

    id: Id
    revision: int
    account: Id
    name: str
    starts_on: date
    ends_on: date | None
    lines: list[PlacedLine]

    def line(self, name: str) -> PlacedLine | None:
        """The line of that id."""
        return next((placed for placed in self.lines if placed.line.id == name), None)


# --- taking an order ---


def place(order: Order, before: PlacedOrder | None, known: Known, at: datetime, zone: ZoneInfo) -> PlacedOrder:
    """Take an order; the same one again gives `before` itself.

    Args:
        order: as it came.
        before: as it was taken the last time.
        known: what is declared.
        at: now: the day on which it starts if it does not say, the instant from which its cancelled lines are so.
        zone: the account's.

    Raises:
        OrderProblems: with all that is wrong.
    """
    problems = [*_problems(order, before, known)]
    if problems:
        raise OrderProblems(problems)
    today = at.astimezone(zone).date()
    placed = PlacedOrder(
        id=order.id,
        revision=before.revision if before else 1,
        account=order.account,
        name=order.name,
        starts_on=order.starts_on or (before.starts_on if before else today),
        ends_on=order.ends_on,
        lines=[_placed(line, before.line(line.id) if before else None, known, at) for line in order.lines],
    )
    if before is None or _by_line(placed) == _by_line(before):
        return before or placed
    return placed.model_copy(update={"revision": before.revision + 1})


def _by_line(placed: PlacedOrder) -> PlacedOrder:
    """In which sequence the lines are written says nothing."""
    return placed.model_copy(update={"lines": sorted(placed.lines, key=lambda one: one.line.id)})


def _placed(line: OrderLine, before: PlacedLine | None, known: Known, at: datetime) -> PlacedLine:
    if before is not None:
        if before.cancelled_at is not None or not line.cancelled:
            return before.model_copy(update={"line": line})
        return before.model_copy(update={"line": line, "cancelled_at": at})
    product = known.find(Kind.PRODUCTS, line.product)
    templates = _templates(product, known) if isinstance(product, Product) else []
    cancelled_at = at if line.cancelled else None
    return PlacedLine(
        line=line, product_name=product.name if product else "", templates=templates, cancelled_at=cancelled_at
    )


def _templates(product: Product, known: Known) -> list[EntitlementTemplate]:
    found = (known.find(Kind.ENTITLEMENT_TEMPLATES, name) for name in product.entitlement_templates)
    return [template for template in found if isinstance(template, EntitlementTemplate)]


def _problems(order: Order, before: PlacedOrder | None, known: Known) -> Iterator[Problem]:
    yield from _unless_known(("account",), Kind.ACCOUNTS, order.account, known)
    for key in ("starts_on", "ends_on"):
        day, was = getattr(order, key), getattr(before, key, None)
        if day not in {None, was} and (said := beyond_the_years(key, day)) is not None:
            yield Problem((key,), said)
    if order.starts_on and order.ends_on and order.ends_on < order.starts_on:
        message = f"{order.ends_on} lies before starts_on {order.starts_on}; both dates are included"
        yield Problem(("ends_on",), message)
    first: dict[str, Path] = {}
    for number, line in enumerate(order.lines):
        path: Path = ("lines", number)
        if line.id in first:
            message = f"two lines have the id {line.id!r}; add up their quantities, or give each an id of its own"
            yield Problem(path, message, see=first[line.id])
            continue
        first[line.id] = path
        if before is None or before.line(line.id) is None:
            yield from _problems_of_line(path, order, line, known)
    yield from _made_twice(order, before, known)
    if before is not None:
        yield from _problems_of_change(order, before)


def _made_twice(order: Order, before: PlacedOrder | None, known: Known) -> Iterator[Problem]:
    """Lines that would make an entitlement which another makes: ids of lines and of templates may have dots."""
    placed = {line.line.id: [one.id for one in line.templates] for line in before.lines} if before else {}
    first: dict[str, int] = {}
    for number, line in sorted(enumerate(order.lines), key=lambda one: one[1].id not in placed):
        product = None if line.id in placed else known.find(Kind.PRODUCTS, line.product)
        templates = product.entitlement_templates if isinstance(product, Product) else placed.get(line.id, [])
        for template in templates:
            made = f"{order.id}.{line.id}.{template}"
            other = first.setdefault(made, number)
            if order.lines[other].id != line.id:
                message = f"this line would make entitlement {made!r} as another does; give it another id"
                yield Problem(("lines", number, "id"), message, see=("lines", other))


def _problems_of_line(path: Path, order: Order, line: OrderLine, known: Known) -> Iterator[Problem]:
    """What is wrong with a line that is ordered for the first time."""
    yield from _unless_known((*path, "product"), Kind.PRODUCTS, line.product, known)
    product = known.find(Kind.PRODUCTS, line.product)
    if isinstance(product, Product):
        for name in product.entitlement_templates:
            for problem in _unless_known((*path, "product"), Kind.ENTITLEMENT_TEMPLATES, name, known):
                yield Problem(problem.path, f"product {product.id!r} can't be ordered: {problem.message}")
            if too_long := _too_long("an entitlement", f"{order.id}.{line.id}.{name}"):
                yield Problem((*path, "id"), too_long)
        line_item = f"{order.id}.{line.id}"
        if not product.entitlement_templates and (too_long := _too_long("a contract line item", line_item)):
            yield Problem((*path, "id"), too_long)
    if line.asset is not None:
        yield from _problems_of_asset((*path, "asset"), order, line.asset, known)


def _problems_of_asset(path: Path, order: Order, name: str, known: Known) -> Iterator[Problem]:
    def is_foreign(one: str) -> bool:
        asset = known.find(Kind.ASSETS, one)
        return isinstance(asset, Asset) and asset.account != order.account

    yield from _unless_known(path, Kind.ASSETS, name, known, lambda one: not is_foreign(one))
    if is_foreign(name):
        owner = getattr(known.find(Kind.ASSETS, name), "account", None)
        message = f"asset {name!r} belongs to account {owner!r}, this order to {order.account!r}"
        yield Problem(path, message)


def _too_long(what: str, name: str) -> str | None:
    if len(name) <= LONGEST_ID:
        return None
    return f"{what}'s id would be {name!r}, which is longer than {LONGEST_ID} characters; give a shorter id"


def _unless_known(
    path: Path, kind: Kind, name: str, known: Known, fits: Callable[[str], bool] | None = None
) -> Iterator[Problem]:
    found = known.find(kind, name)
    if found is None:
        yield Problem(path, f"unknown {kind.one} {name!r}; {nearest(name, known.names(kind, retired=False), fits)}")
    elif found.retired:
        yield Problem(path, f"{kind.one} {name!r} is retired; name another")


def _problems_of_change(order: Order, before: PlacedOrder) -> Iterator[Problem]:
    """What a changed order can't change: quantity, end and cancelled lines it can."""
    otherwise = "cancel its lines and order anew under another id"
    if order.account != before.account:
        message = (
            f"order {order.id!r} is of account {before.account!r} and stays so, not {order.account!r}; {otherwise}"
        )
        yield Problem(("account",), message)
    if order.starts_on not in {None, before.starts_on}:
        message = f"order {order.id!r} starts on {before.starts_on} and stays so, not {order.starts_on}; {otherwise}"
        yield Problem(("starts_on",), message)
    named = set()
    for number, line in enumerate(order.lines):
        named.add(line.id)
        if (placed := before.line(line.id)) is not None:
            yield from _problems_of_changed_line(("lines", number), line, placed)
    for placed in before.lines:
        if placed.line.id not in named:
            message = f"line {placed.line.id!r} is missing; a line that was ordered is ended by cancelled: true"
            yield Problem(("lines",), message)


def _problems_of_changed_line(path: Path, line: OrderLine, before: PlacedLine) -> Iterator[Problem]:
    for key in ("product", "asset"):
        was, now = getattr(before.line, key), getattr(line, key)
        if was != now:
            message = f"line {line.id!r} is of {key} {was!r} and stays so, not {now!r}; cancel it and add another line"
            yield Problem((*path, key), message)
    if before.cancelled_at is None:
        return
    if not line.cancelled:
        message = f"line {line.id!r} was cancelled at {instant(before.cancelled_at)} and stays so; add another line"
        yield Problem((*path, "cancelled"), message)
    elif line.quantity != before.line.quantity:
        message = f"line {line.id!r} was cancelled with a quantity of {before.line.quantity}; leave it as it is"
        yield Problem((*path, "quantity"), message)


def account_of(order: Order, known: Known) -> Account | None:
    """The account that an order is of, if there is one."""
    found = known.find(Kind.ACCOUNTS, order.account)
    return found if isinstance(found, Account) else None
