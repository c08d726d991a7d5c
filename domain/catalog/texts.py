"""The texts of a catalog's actions, with something for each to be tried on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from domain.catalog.count_actions import count_actions
from domain.catalog.declarations import Catalog, Entitlement, EntitlementTemplate
from domain.catalog.endpoints import templates_of_endpoint
from domain.catalog.kinds import Kind
from domain.catalog.mailing import texts_of_template
from domain.catalog.problems import Path
from domain.criteria.fields import FieldType
from domain.process.actions import Action
from domain.process.templates import (
    Sight,
    of_a_milestone,
    of_an_endpoint,
    of_any_action,
)

_EXAMPLES: dict[FieldType, Any] = {
    FieldType.INTEGER: 1000,
    FieldType.NUMBER: 1000.5,
    FieldType.BOOLEAN: True,
    FieldType.DATETIME: "2025-06-13T20:45:00Z",
    FieldType.LIST: ["text"],
}


class Text(NamedTuple):
    """A text of an action.

    Attributes:
        path: where in the catalog it is declared.
        template: as declared.
        example: a context with a value of the right type for everything that it may name.
    """

    path: Path
    template: str
    example: dict[str, Any]


def texts(catalog: Catalog) -> Iterator[Text]:
    """The texts of a catalog's actions, in the order in which they are declared."""
    of_a_case = _example(of_a_milestone(catalog.fields), catalog.fields)
    for number, process in enumerate(catalog.processes):
        for at, milestone in enumerate(process.milestones):
            for position, trigger in enumerate(milestone.triggers):
                path: Path = (Kind.PROCESSES.value, number, "milestones", at, "triggers", position, "actions")
                yield from _texts(path, trigger.actions, of_a_case)
    at_an_endpoint = _example(of_an_endpoint(catalog.fields), catalog.fields)
    for number, endpoint in enumerate(catalog.endpoints):
        for place, template in templates_of_endpoint(endpoint):
            yield Text((Kind.ENDPOINTS.value, number, *place), template, at_an_endpoint)
    of_any = _example(of_any_action(catalog.fields), catalog.fields)
    for number, named in enumerate(catalog.templates):
        for key, template in texts_of_template(named):
            yield Text((Kind.TEMPLATES.value, number, key), template, of_any)
    counted: list[tuple[Path, Entitlement | EntitlementTemplate]] = [
        *(
            ((Kind.ENTITLEMENT_TEMPLATES.value, number), one)
            for number, one in enumerate(catalog.entitlement_templates)
        ),
        *(((Kind.ENTITLEMENTS.value, number), one) for number, one in enumerate(catalog.entitlements)),
    ]
    for of, one in counted:
        for inner, sight, actions in count_actions(one):
            yield from _texts((*of, *inner), actions, _example(sight, {}))


def _texts(path: Path, actions: Sequence[Action], example: dict[str, Any]) -> Iterator[Text]:
    for number, action in enumerate(actions):
        for place, template in action.templates():
            yield Text((*path, number, *place), template, example)


def _example(sight: Sight, fields: dict[str, FieldType]) -> dict[str, Any]:
    def of(name: str, attribute: str) -> Any:
        if name == "case":
            return _EXAMPLES.get(fields.get(attribute, FieldType.STRING), "text")
        if attribute.endswith(("_at", "_on")) or attribute == "at":
            return _EXAMPLES[FieldType.DATETIME]
        return _EXAMPLES[FieldType.INTEGER] if name == "usage" or attribute == "late" else "text"

    return {
        name: "text" if attributes is None else {attribute: of(name, attribute) for attribute in attributes}
        for name, attributes in sight.items()
    }
