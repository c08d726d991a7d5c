"""Whose an action was when it was ordered: a case may have gone over to another account since.

The feed knows it. Of a trigger it tells with the account that the case had then, and a reader that is bound to accounts
sees an action if it sees that event. Where the event is not kept any more, what fired before the case last went over to
another entitlement is nobody's: it cannot be told whose it was.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, exists, func, literal, not_, or_, select

from domain.catalog.kinds import Kind
from domain.feed import case_data
from domain.feed.envelope import type_name
from domain.timeline.effects import NoteKind
from store import tables

_ACTIONS, _TRIGGERS, _EVENTS, _NOTES = tables.actions.c, tables.triggers.c, tables.events.c, tables.notes.c
_FIRED = [type_name(name) for name, _ in (case_data.WARNED, case_data.TRIGGERED)]


def was_of(accounts: Collection[str]) -> ColumnElement[bool]:
    """Whether an action was of some accounts: of a case that they have and had then, or of an entitlement of theirs.

    For a query of actions with their triggers.
    """
    cases, entitlements = tables.cases.c, tables.DECLARED[Kind.ENTITLEMENTS].c
    of_case = exists().where(cases.case_id == _ACTIONS.case_id, cases.account.in_(accounts))
    of_entitlement = exists().where(entitlements.id == _ACTIONS.entitlement, entitlements.account.in_(accounts))
    return or_(and_(_ACTIONS.entitlement.is_(None), of_case, _was_then_of(accounts)), of_entitlement)


def _was_then_of(accounts: Collection[str]) -> ColumnElement[bool]:
    """Whether the case of an action was of some accounts then: only a change of entitlement changes whose it is."""
    went_over = and_(_NOTES.case_id == _ACTIONS.case_id, _NOTES.kind == NoteKind.ENTITLEMENT_CHANGED.value)
    last = select(func.max(_NOTES.at)).where(went_over).scalar_subquery()
    told_to_them = exists().where(_tells_of_it(), _EVENTS.account.in_(accounts))
    is_later = and_(not_(exists().where(_tells_of_it())), _TRIGGERS.at > last)
    return or_(not_(exists().where(went_over)), told_to_them, is_later)


def _tells_of_it() -> ColumnElement[bool]:
    """Whether an event is that of an action's trigger: it names each action by its key."""
    first, trigger = _EVENTS.data["actions", 0, "key"].as_string(), _ACTIONS.trigger_key.concat("/")
    return and_(
        _EVENTS.subject == literal(case_data.subject_of("")).concat(_ACTIONS.case_id),
        _EVENTS.superseded.is_(False),
        _EVENTS.type.in_(_FIRED),
        func.substr(first, 1, func.length(trigger)) == trigger,
    )
