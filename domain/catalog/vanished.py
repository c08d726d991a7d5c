"""Keys that mattered and are not in a file any more, of what is declared whole each time.

Nobody amends these declarations by hand, so what stands is what a file said before: there is nothing to merge. But a
key that vanishes may be a slip here as well, so somebody is asked (`domain.catalog.three_way.Against`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import BaseModel

from domain.catalog.declarations import Catalog, Declaration, name_of
from domain.catalog.kinds import Kind
from domain.catalog.three_way import Against
from domain.criteria.values import Listed
from domain.process import EntitlementProcess

_MATTER: Mapping[Kind, Sequence[str]] = {
    Kind.BUSINESS_HOURS: ("holidays", "dates"),
    Kind.PROCESSES: ("business_hours",),
}
_MATTER_OF_MILESTONES = ("business_hours",)
"""Of each, what is nothing by default."""


def vanished(kind: Kind, new: Declaration, stands: Declaration) -> Iterator[Against]:
    """The keys that a declaration of a process or of business hours has no more, with what they said."""
    name = name_of(new)
    yield from _vanished(kind, name, "", _MATTER[kind], (new, stands))
    if isinstance(new, EntitlementProcess) and isinstance(stands, EntitlementProcess):
        for milestone in new.milestones:
            before = stands.milestone(milestone.name)
            if before is not None:
                path = f"milestones.{milestone.name}."
                yield from _vanished(kind, name, path, _MATTER_OF_MILESTONES, (milestone, before))


def vanished_values(catalog: Catalog, stand: Listed) -> Iterator[Against]:
    """The fields that a catalog declares without the values that were listed of them: any fits then."""
    for name in catalog.fields:
        if name in stand and name not in catalog.values:
            yield Against(kind="fields", name=name, why="left_out", key="values", file=None, stands=list(stand[name]))


def _vanished(
    kind: Kind, name: str, path: str, keys: Sequence[str], both: tuple[BaseModel, BaseModel]
) -> Iterator[Against]:
    new, stands = both
    for key in keys:
        # One that is empty, or null, is there: whoever writes so wants none.
        if key not in new.model_fields_set and getattr(stands, key) != getattr(new, key):
            said = stands.model_dump(mode="json", include={key})[key]
            yield Against(kind=kind.value, name=name, why="left_out", key=f"{path}{key}", file=None, stands=said)
