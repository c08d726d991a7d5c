"""What an organisation says of its customers' pages: how their links are signed, and what they show."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping

from pydantic import Field, field_validator

from domain.catalog.endpoints import SecretSource
from domain.catalog.problems import Problem
from domain.criteria.fields import FieldType, nearest
from domain.model import Value
from domain.process.milestones import Name

MOST_MONTHS = 24


class CustomerPage(Value):
    """The page that one account sees of itself.

    Attributes:
        secrets: what links are signed with: by the first of them; those that the others signed stay good. None: pages
            are written as files alone.
        fields: of cases, shown beside their ids, so also whoever they name. None named: nothing of a case but what was
            promised.
        months: how many whole months it looks back on, besides the current one.
    """

    secrets: list[SecretSource] = Field(default_factory=list, max_length=4, exclude_if=operator.not_)
    fields: list[Name] = Field(default_factory=list, max_length=10, exclude_if=operator.not_)
    months: int = Field(default=2, ge=0, le=MOST_MONTHS)

    @field_validator("secrets")
    @classmethod
    def _sign(cls, secrets: list[SecretSource]) -> list[SecretSource]:
        if any(secret.prefix for secret in secrets):
            raise ValueError("prefix is for headers; a secret that signs has none")
        return secrets


def customer_page_problems(page: CustomerPage, fields: Mapping[str, FieldType]) -> Iterator[Problem]:
    """What does not fit of a page to the fields that cases have."""
    for number, name in enumerate(page.fields):
        if name not in fields:
            message = f"unknown field {name!r} of a case; {nearest(name, fields)}"
            yield Problem(("organisation", "customer_page", "fields", number), message)
