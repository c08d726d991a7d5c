"""Actions of cases and entitlements, counted by what became of them."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, and_, func

from domain.reports.asking import ReportAsked
from store import tables
from store.reports.selecting import Group, Subject, cells
from store.reports.usage_acting import add_usage_actions

_TRIGGERS, _ACTIONS = tables.triggers.c, tables.actions.c
# By its case an action is found, and by its trigger known.
_SAME = and_(_ACTIONS.case_id == _TRIGGERS.case_id, _ACTIONS.trigger_key == _TRIGGERS.key)
ACTIONS = Subject(
    tables.triggers,
    _TRIGGERS.at,
    lambda source: source.join(tables.actions, _SAME),
    {"trigger": _TRIGGERS.trigger, "action": _ACTIONS.action["do"].as_string()},
)

ActionCounts = dict[Group, Counter[str]]
"""How many came to what, by group."""


def actions(connection: Connection, asked: ReportAsked) -> ActionCounts:
    """Count the actions that are asked for: of cases by their triggers, of entitlements by what ordered them."""
    found: ActionCounts = {}
    for group, (status,), (many,) in cells(connection, asked, ACTIONS, [_ACTIONS.status], sums=[func.count()]):
        found.setdefault(group, Counter())[status] += many
    add_usage_actions(connection, asked, found)
    return found
