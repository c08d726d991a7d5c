"""Checks mails: whom they go to, and the templates that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from domain.catalog.kinds import Kind
from domain.catalog.mailing import MailTemplate, Role, field_of, texts_of_template
from domain.catalog.problems import Path, Problem
from domain.catalog.references import References
from domain.criteria.fields import FieldType, nearest
from domain.process import Email
from domain.process.templates import Sight, of_any_action, template_problem


def mail_problems(
    path: Path, action: Email, sight: Sight, references: References, *, retired: bool
) -> Iterator[Problem]:
    """What is wrong with whom a mail goes to, and with the texts of the template that it names.

    Args:
        path: where it is declared.
        action: the mail.
        sight: what its texts see.
        references: what it may name.
        retired: whether what declares it is; it may name what is retired, too.
    """
    for number, to in enumerate(action.to):
        if "@" not in to and "{" not in to:
            yield from _recipient((*path, "to", number), to.strip(), sight, references, retired=retired)
    if action.template is None:
        return
    named = references.find(Kind.TEMPLATES, action.template)
    for key, text in texts_of_template(named) if isinstance(named, MailTemplate) else ():
        if problem := template_problem(text, sight):
            message = f"template {action.template!r} can't be used here, for its {key}: {problem}"
            yield Problem((*path, "template"), message)


def mail_template_problems(path: Path, template: MailTemplate, fields: Mapping[str, FieldType]) -> Iterator[Problem]:
    """What is wrong with a template by itself, whatever it is used for."""
    sight = of_any_action(fields)
    for key, text in texts_of_template(template):
        if problem := template_problem(text, sight):
            yield Problem((*path, key), problem)


def _recipient(path: Path, to: str, sight: Sight, references: References, *, retired: bool) -> Iterator[Problem]:
    roles = {role.value for role in Role}
    if to not in roles:
        if references.find(Kind.PEOPLE, to) is None and not references.may_be_broken(Kind.PEOPLE, to):
            right = {role for role in roles if not any(_recipient(path, role, sight, references, retired=retired))}
            known = nearest(to, right | references.names(Kind.PEOPLE, retired=False))
            yield Problem(path, f"{to!r} is no address, no role and no person; {known}")
        elif not retired:
            yield from references.problems(path, Kind.PEOPLE, to)
        return
    role = Role(to)
    if role is Role.ACCOUNT_MANAGER:
        return
    fields = sight.get("case")
    if fields is None:
        yield Problem(path, f"an entitlement has no {role.value}; there is {Role.ACCOUNT_MANAGER.value}, or an address")
        return
    if role is Role.CONTACT:  # who is named when a case is opened
        return
    named = references.organisation.roles
    wanted = [field_of(one, named) for one in _read_for(role)]
    if not any(name in fields for name in wanted):
        message = (
            f"{role.value} is read from the field {wanted[0]!r} of a case, which is not declared; declare it, or name "
            "another under organisation: roles"
        )
        yield Problem(path, message)


def _read_for(role: Role) -> tuple[Role, ...]:
    """The roles whose fields say who has one; any of them is enough."""
    match role:
        case Role.OWNER_MANAGER:
            return (Role.OWNER,)
        case Role.TEAM:
            return (Role.TEAM, Role.OWNER)
        case _:
            return (role,)
