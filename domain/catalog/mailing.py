"""Whom mails go to, and what they say: the organisation's own people, roles, and templates that have names."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from domain.ids import Id
from domain.model import Value
from domain.zones import checked_zone

TimeZone = Annotated[str, AfterValidator(checked_zone)]
Mail = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]


class Role(StrEnum):
    """Who somebody is to a case; a mail may be addressed so."""

    OWNER = "owner"
    OWNER_MANAGER = "owner_manager"
    ACCOUNT_MANAGER = "account_manager"
    CONTACT = "contact"
    TEAM = "team"
    WATCHERS = "watchers"


FROM_FIELDS = (Role.OWNER, Role.CONTACT, Role.TEAM, Role.WATCHERS)
"""Roles that are read from a field of the case, which has the role's name unless the organisation says another."""


def field_of(role: Role, named: Mapping[Role, str]) -> str:
    """The field of a case from which a role is read.

    Args:
        role: one of `FROM_FIELDS`.
        named: what the organisation says.
    """
    return named.get(role, role.value)


def field_meant(name: str, fields: Container[str], named: Mapping[Role, str]) -> str:
    """The field of a case that a name means: of ``owner`` that of the role, unless there is a field of that name.

    Args:
        name: as somebody says it.
        fields: of cases.
        named: what the organisation says.
    """
    if name in fields or name != Role.OWNER:
        return name
    found = field_of(Role.OWNER, named)
    return found if found in fields else name


def named_by(role: Role, fields: Mapping[str, Any], named: Mapping[Role, str]) -> list[str]:
    """Who a field of a case names for a role, in order; nobody if it is empty.

    A text names several by commas or semicolons, but one team.

    Args:
        role: one of `FROM_FIELDS`.
        fields: of the case.
        named: what the organisation says.
    """
    value = fields.get(field_of(role, named))
    if value is None:
        return []
    if isinstance(value, list):
        given = [str(one) for one in value]
    else:
        given = [str(value)] if role is Role.TEAM else re.split("[,;]", str(value))
    return [one.strip() for one in given if one.strip()]


def _from_fields(roles: dict[Role, str]) -> dict[Role, str]:
    for role in roles:
        if role not in FROM_FIELDS:
            raise ValueError(f"{role.value} is read from no field; {', '.join(FROM_FIELDS)} are")
    return roles


RoleFields = Annotated[dict[Role, str], AfterValidator(_from_fields)]
"""From which field of a case each role is read."""


class Quiet(Value):
    """When mails wait. Nothing does unless it is set.

    Attributes:
        mails_per_case: so many an hour of one case, or one entitlement; more come in a digest. None: any number.
        mails_per_recipient: so many an hour to one address, likewise.
        hours: business hours for whose opening mails wait that say nothing else; those of violations never do.
    """

    mails_per_case: int | None = Field(default=None, ge=1, le=10_000)
    mails_per_recipient: int | None = Field(default=None, ge=1, le=10_000)
    hours: str | None = Field(default=None, min_length=1, max_length=80)


class Person(Value):
    """One of the organisation's own people.

    Attributes:
        retired: has left; gets no mail.
        mail: None: can't be written to.
        manager: another person.
        team: as the cases' field names it.
        time_zone: where they live.
    """

    id: Id
    name: str = Field(default="", max_length=200)
    retired: bool = False
    mail: Mail | None = None
    manager: Id | None = None
    team: str | None = Field(default=None, min_length=1, max_length=200)
    time_zone: TimeZone | None = None

    @model_validator(mode="after")
    def _has_no_name_of_a_role(self) -> Self:
        if self.id in set(Role):
            raise ValueError(f"{self.id!r} is a role, and a mail to it goes to whoever has it; give another id")
        return self


class MailTemplate(Value):
    """What mails say that name it. All three are texts.

    Attributes:
        html: the same as `body`, for those who read HTML.
    """

    id: Id
    name: str = Field(default="", max_length=200)
    retired: bool = False
    subject: str = Field(min_length=1)
    body: str = ""
    html: str = ""

    @model_validator(mode="after")
    def _has_a_text(self) -> Self:
        if self.html and not self.body:
            raise ValueError("html goes beside a text for those who read no HTML; give body too")
        return self


def texts_of_template(template: MailTemplate) -> Iterator[tuple[str, str]]:
    """The texts of a template: its key, and what is written there."""
    yield "subject", template.subject
    yield "body", template.body
    yield "html", template.html
