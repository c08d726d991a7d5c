"""Subscriptions: which events of the feed go to which endpoint."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from domain.bounds import clean
from domain.catalog.endpoints import Endpoint
from domain.errors import Refused
from domain.feed.registry import chosen_types
from domain.ids import EndpointId, Id
from domain.model import Value
from domain.subscriptions.requests import LONGEST_CURSOR
from domain.subscriptions.state import NOW

Begins = Annotated[str, Field(min_length=1, max_length=LONGEST_CURSOR), AfterValidator(clean)]


class Subscription(Value):
    """Events of the feed that are sent to an endpoint, each as a signed message, in order for each case.

    Attributes:
        retired: ended; nothing is deleted by being left out of the files.
        endpoint: a standard one.
        types: of events, in full or by the middle, such as ``case.milestone.violated``; one that ends with ``*`` stands
            for all that begin so. None named: all.
        accounts: whose events; none named: everybody's.
        begins: where it begins: ``now``, ``start`` for the oldest event that is kept, or a cursor.
    """

    id: Id
    name: str = Field(default="", max_length=200)
    retired: bool = False
    endpoint: EndpointId
    types: list[str] = Field(default_factory=list, max_length=100)
    accounts: list[Id] = Field(default_factory=list, max_length=1000)
    begins: Begins = NOW

    @field_validator("types")
    @classmethod
    def _are_types(cls, types: list[str]) -> list[str]:
        try:
            chosen_types(types)
        except Refused as refused:
            raise ValueError(str(refused)) from None
        return types


def unfit(endpoint: Endpoint) -> str | None:
    """Why an endpoint can't be that of a subscription; None: it can."""
    if endpoint.kind == "standard":
        return None
    said = f"endpoint {endpoint.id!r} is of kind {endpoint.kind}, and a subscription sends events as they are, signed"
    return f"{said}; name a standard one"
