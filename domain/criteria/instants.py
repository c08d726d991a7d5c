"""The instants that the fields of a case name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from domain.criteria.fields import FieldType


def instants_of(values: Mapping[str, object], fields: Mapping[str, FieldType]) -> list[datetime]:
    """Those of the fields that are declared as instants; their values are checked already."""
    named = (values.get(name) for name, kind in fields.items() if kind is FieldType.DATETIME)
    return [datetime.fromisoformat(value) for value in named if isinstance(value, str)]
