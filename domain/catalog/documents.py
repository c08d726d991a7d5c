"""Reads a catalog from a document: plain mappings, lists and scalars, as YAML gives them.

Declarations are read one by one, so that one that is wrong hides nothing of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from domain.catalog.checks import check_entries
from domain.catalog.complaints import VERSION, shown, translated
from domain.catalog.declarations import MODELS, Catalog, Declaration, Organisation, name_of
from domain.catalog.kinds import Kind
from domain.catalog.problems import CatalogProblems, Path, Problem
from domain.catalog.process_checks import criteria_problem
from domain.catalog.references import NOTHING, Known
from domain.criteria.compiling import CriteriaSchema
from domain.criteria.fields import FieldsError, FieldType, check_names, nearest
from domain.criteria.values import read_values

_OF_A_FIELD = ("type", "values")
CRITERIA = frozenset({"when", "complete_when", "pause_when", "exit_when"})
"""Keys of a process whose values are criteria."""


def read_document(document: Mapping[str, Any], known: Known = NOTHING) -> Catalog:
    """The catalog that a document declares, checked whole beside what is known already.

    Raises:
        CatalogProblems: with every problem that was found.
    """
    reading = _Reading(document)
    problems = [*reading.problems]
    if reading.fields_unreadable:
        # What processes and sources say of fields can be told neither right nor wrong.
        reading.broken += [(Kind.PROCESSES, name_of(process)) for _, process in reading.entries[Kind.PROCESSES]]
        reading.entries[Kind.PROCESSES], reading.broken_processes = [], []
        reading.entries[Kind.INTAKE] = []
    checked = check_entries(
        reading.organisation, reading.fields, reading.entries, known, reading.broken, values=reading.values
    )
    problems += checked
    schema = CriteriaSchema(case={**known.fields(), **reading.fields})
    problems += [problem for path, raw in reading.broken_processes for problem in _criteria_in(raw, path, schema)]
    if problems:
        raise CatalogProblems(problems)
    return Catalog.model_validate(
        {
            "organisation": reading.organisation,
            "fields": reading.fields,
            "values": reading.values,
            **{kind.value: [declaration for _, declaration in entered] for kind, entered in reading.entries.items()},
        }
    )


def fields_declared(catalog: Catalog) -> dict[str, Any]:
    """The fields of a catalog, as a document declares them."""
    listed = {name: {"type": catalog.fields[name].value, "values": list(own)} for name, own in catalog.values.items()}
    return {name: listed.get(name, kind.value) for name, kind in catalog.fields.items()}


class _Reading:
    """What could be read of a document, and what could not."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.problems: list[Problem] = []
        self.entries: dict[Kind, list[tuple[Path, Declaration]]] = {kind: [] for kind in Kind}
        self.broken: list[tuple[Kind, str | None]] = []
        self.broken_processes: list[tuple[Path, Any]] = []
        keys = ["organisation", "fields", *(kind.value for kind in Kind)]
        for key in document:
            if key not in keys:
                self.problems.append(Problem((str(key),), f"unknown key {key!r}; {nearest(str(key), keys)}"))
        self.organisation = self._organisation(document.get("organisation"))
        self.fields_unreadable = not isinstance(document.get("fields"), Mapping | None)
        self.values: dict[str, list[str | int]] = {}
        self.fields = self._fields(document.get("fields"))
        for kind in Kind:
            self._declarations(kind, document.get(kind.value))

    def _organisation(self, raw: Any) -> Organisation | None:
        if raw is None:
            return None
        try:
            return Organisation.model_validate(raw)
        except ValidationError as error:
            self.problems += translated(error, Organisation, raw, ("organisation",))
            return None

    def _fields(self, raw: Any) -> dict[str, FieldType]:
        fields: dict[str, FieldType] = {}
        if self.fields_unreadable:
            self.problems.append(
                Problem(("fields",), f"expected names with types, such as priority: string, not {shown(raw)}")
            )
            return fields
        for key, declared in (raw or {}).items():
            name, path = str(key), ("fields", str(key))
            kind = self._type(path, declared.get("type") if isinstance(declared, Mapping) else declared)
            try:
                check_names({name: kind or FieldType.ANY})
                if isinstance(declared, Mapping) and kind is not None:
                    self._values(path, name, kind, declared)
            except FieldsError as error:
                self.problems.append(Problem(path, str(error)))
                continue
            fields[name] = kind or FieldType.ANY  # of none criteria that name it are no further problem
        return fields

    def _type(self, path: Path, declared: Any) -> FieldType | None:
        types = [kind.value for kind in FieldType]
        if isinstance(declared, str) and declared in types:
            return FieldType(declared)
        said = f"{shown(declared)} is no type of a field; {nearest(str(declared), types)}"
        if declared is None:
            said = "say its type, such as {type: string, values: [Low, High]}"
        self.problems.append(Problem(path, said))
        return None

    def _values(self, path: Path, name: str, kind: FieldType, declared: Mapping[str, Any]) -> None:
        for key in declared:
            if key not in _OF_A_FIELD:
                message = f"unknown key {shown(key)}; {nearest(str(key), _OF_A_FIELD)}"
                self.problems.append(Problem((*path, str(key)), message))
        if "values" in declared:
            self.values[name] = read_values(name, kind, declared["values"])

    def _declarations(self, kind: Kind, raw: Any) -> None:
        if raw is None:
            return
        if not isinstance(raw, list):
            message = f"expected a list of {kind.value}, each beginning with '- ', not {shown(raw)}"
            self.problems.append(Problem((kind.value,), message))
            self.broken.append((kind, None))
            return
        model = MODELS[kind]
        for number, item in enumerate(raw):
            path: Path = (kind.value, number)
            if kind is Kind.PROCESSES and isinstance(item, Mapping) and VERSION in item:
                message = "versions are counted when the catalog is applied; leave it out"
                self.problems.append(Problem((*path, VERSION), message))
            try:
                self.entries[kind].append((path, model.model_validate(item)))
            except ValidationError as error:
                found = translated(error, model, item, path)
                self.problems += found
                self._broken(kind, path, item, found)

    def _broken(self, kind: Kind, path: Path, item: Any, problems: list[Problem]) -> None:
        key = "name" if kind in (Kind.BUSINESS_HOURS, Kind.PROCESSES) else "id"
        named = isinstance(item, Mapping) and all(problem.path != (*path, key) for problem in problems)
        self.broken.append((kind, str(item[key]) if named else None))
        if kind is Kind.PROCESSES:
            self.broken_processes.append((path, item))


def _criteria_in(raw: Any, path: Path, schema: CriteriaSchema) -> Iterator[Problem]:
    """The problems of all criteria of a process that could not be read otherwise."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            if key in CRITERIA:
                yield from criteria_problem((*path, key), value, schema)
            else:
                yield from _criteria_in(value, (*path, str(key)), schema)
    elif isinstance(raw, list):
        for number, item in enumerate(raw):
            yield from _criteria_in(item, (*path, number), schema)
