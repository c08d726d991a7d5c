"""The argument with which the workflow of an entitlement is started: read whatever its shape, and held to its rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from domain.bounds import cut
from domain.errors import Refused
from domain.messages.inbox import read_message, written_format
from domain.usage.keeping import has_put_away
from domain.usage.requests import PUTS_AWAY, CarriedUsage, EntitlementStart, EntitlementTerms, workflow_id
from workflows.newer import check_format, read_continued


class Start(NamedTuple):
    """What a run begins with.

    Attributes:
        terms: None: they are to be read from the store.
        carried: from the run before.
        is_old: the argument has the shape that it had before terms were read from the store.
    """

    entitlement_id: str
    clock: datetime | None
    terms: EntitlementTerms | None
    carried: CarriedUsage | None
    is_old: bool


def read_start(raw: tuple[Any, ...], *, is_continued: bool) -> Start:
    """Read the arguments of a run.

    Args:
        raw: the arguments, decoded from JSON.
        is_continued: whether a run before this one has carried something over. Else nothing that is carried counts.

    Raises:
        Refused: they do not fit.
        NewerBuild: a newer build wrote them so that this one can't read them.
    """
    given = raw[0] if len(raw) == 1 and isinstance(raw[0], dict) else {}
    check_format(written_format(given), PUTS_AWAY)
    if "allowance" in given:
        terms = read_continued(EntitlementTerms, raw) if is_continued else read_message(EntitlementTerms, raw)
        carried = terms.carried if is_continued else None
        return Start(
            terms.entitlement_id, terms.clock, terms.model_copy(update={"carried": None}), carried, is_old=True
        )
    if is_continued:
        asked = known = read_continued(EntitlementStart, raw)
    else:
        asked = read_message(EntitlementStart, raw)
        known = asked.model_copy(update={"terms": None, "carried": None})
    return Start(asked.entitlement_id, asked.clock, known.terms, known.carried, is_old=False)


def carried_start(terms: EntitlementTerms, carried: CarriedUsage) -> EntitlementStart:
    """What the next run is given. A build that does not ask the store of what was put away leaves it to a newer one."""
    start = EntitlementStart(entitlement_id=terms.entitlement_id, terms=terms, carried=carried)
    return start.model_copy(update={"format": PUTS_AWAY}) if has_put_away(carried.state) else start


def check_id(start: Start, own_id: str) -> None:
    """Hold a run to the id of its workflow.

    Raises:
        Refused: it is not the one under which the entitlement is counted.
    """
    if own_id != workflow_id(start.entitlement_id):
        said = f"workflow {own_id!r} can't count entitlement {start.entitlement_id!r}; the id of its workflow is "
        raise Refused("wrong_id", cut(said + repr(workflow_id(start.entitlement_id))))
