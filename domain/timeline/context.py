"""What the templates of a trigger's actions see: the case as it is when the trigger fires."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.process import Trigger
from domain.timeline.instances import MilestoneInstance
from domain.timeline.plan import Plan
from domain.timeline.state import TimelineState


def context(
    plan: Plan, state: TimelineState, instance: MilestoneInstance, trigger: Trigger, target: datetime | None
) -> dict[str, Any]:
    """What templates see, in plain JSON types.

    Args:
        plan: what the case runs by.
        state: of the case.
        instance: whose trigger fires.
        trigger: it.
        target: of the instance; None while it lies past the horizon.
    """
    return {
        "case": {"id": state.case_id, **_foreign(state), **state.fields},
        "milestone": {
            "name": instance.milestone,
            "occurrence": instance.occurrence,
            "kind": str(trigger.kind),
            "start_at": instance.start_at.isoformat(),
            "target_at": target.isoformat() if target else None,
            "completed_at": instance.completed_at.isoformat() if instance.completed_at else None,
        },
        "entitlement": plan.entitlement,
        "account": plan.account,
        **({"contact": plan.contact} if plan.contact else {}),
    }


def _foreign(state: TimelineState) -> dict[str, str]:
    return {} if state.external_id is None else {"external_id": state.external_id}
