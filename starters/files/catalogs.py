"""Reads catalogs from YAML files: every problem of every file at once, each with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activities.rendering.trial import excessive_texts
from domain.catalog.declarations import Catalog
from domain.catalog.documents import read_document
from domain.catalog.doubts import doubts
from domain.catalog.kinds import Kind
from domain.catalog.problems import CatalogProblems, Problem, path_text
from domain.catalog.problems import Path as DocumentPath
from domain.catalog.references import NOTHING, Known
from domain.catalog.texts import texts
from domain.errors import CatalogError
from domain.wording import plural
from starters.files.yaml import Located, YamlFile

if TYPE_CHECKING:
    from store import Store
    from store.catalog.values import Diff

_SUFFIXES = (".yaml", ".yml")
_NO_CATALOGS = (".mapping.yaml", ".mapping.yml", ".order.yaml", ".order.yml")
"""What lies beside catalogs and is none: how a log becomes cases, and orders."""

A_CATALOG = f"a catalog is a mapping with the keys {', '.join(['organisation', 'fields', *Kind])}"


def read_catalog(paths: Sequence[Path], known: Known = NOTHING) -> Catalog:
    """The catalog that files declare together; of a folder every .yaml and .yml file in it, and in its folders.

    Of a folder, mappings of logs (``*.mapping.yaml``) and orders (``*.order.yaml``) are left out.

    Args:
        paths: files and folders.
        known: what is declared already, to which the files may refer.

    Raises:
        CatalogError: with every problem, each with file, line, path in the document and what would be right.
    """
    return _read(paths, known)[0]


def apply_files(store: Store, paths: Sequence[Path], *, by: str, dry_run: bool = False, consent: bool = True) -> Diff:
    """Reads files and applies them to a store, to whose declarations they may refer.

    The texts of actions are tried out in a process of their own; one that takes more than it may is a problem too.

    Raises:
        CatalogError: as `read_catalog`; nothing was stored.

    Returns:
        What is different, with what is probably a mistake.
    """
    with store.catalog.known() as known:
        catalog, files = _read(paths, known)
    if problems := excessive_texts(texts(catalog)):
        raise files.located(problems)
    try:
        diff = store.catalog.apply(catalog, by=by, dry_run=dry_run, consent=consent)
    except CatalogProblems as refused:
        raise files.located(refused.problems) from None
    return diff.model_copy(update={"doubts": files.doubts()})


def _read(paths: Sequence[Path], known: Known) -> tuple[Catalog, _Files]:
    files = _Files()
    for path in _files_in(paths, files):
        files.add(path)
    if files.incomplete:
        # What the file declares is not known, so most references of the others would be problems too.
        raise files.located(())
    try:
        catalog = read_document(files.document, known)
    except CatalogProblems as problems:
        raise files.located(problems.problems) from None
    if files.problems:
        raise files.located(())
    return catalog, files


def _files_in(paths: Sequence[Path], files: _Files) -> list[Path]:
    """The files to read, each once: in the order given, those of a folder by their names."""
    if not paths:
        files.problems.append(Located(Path(), 0, 0, "no catalog file is given"))
    found: dict[Path, Path] = {}
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if _is_catalog(file) and file.is_file())
            if not inside:
                files.problems.append(Located(path, 0, 0, "there is no .yaml file in this folder"))
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _is_catalog(file: Path) -> bool:
    return file.suffix in _SUFFIXES and not file.name.endswith(_NO_CATALOGS)


# --- several files, one document ---


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a part of the document came from: a file, and the path there."""

    file: YamlFile
    path: DocumentPath


@dataclass
class _Files:
    """The document that all files make together, and where each part of it came from."""

    document: dict[str, Any] = field(default_factory=dict)
    problems: list[Located] = field(default_factory=list)
    _origins: dict[DocumentPath, _Origin] = field(default_factory=dict)
    _only: list[YamlFile] = field(default_factory=list)

    @property
    def incomplete(self) -> bool:
        """Whether there is a file, or folder, of which nothing could be read."""
        return any(not file.is_read for file in self._only) or (bool(self.problems) and not self._only)

    def add(self, path: Path) -> None:
        """Reads a file and appends what it declares."""
        file = YamlFile(path, A_CATALOG)
        self.problems += file.problems
        self._only.append(file)
        for key, value in file.document.items():
            self._origins.setdefault((key,), _Origin(file, (key,)))
            before = self.document.get(key)
            if isinstance(value, list) and isinstance(before, list | None):
                listed = self.document.setdefault(key, [])
                for number, item in enumerate(value):
                    self._origins[key, len(listed)] = _Origin(file, (key, number))
                    listed.append(item)
            elif isinstance(value, Mapping) and key == "fields" and isinstance(before, Mapping | None):
                self._fields(file, value)
            elif before is None:
                self.document[key] = value
            else:
                first = self._origins[key,].file
                message = f"{key} is declared already, at {first.place((key,))}; it is declared once"
                self.problems.append(file.located((key,), f"{path_text((key,))}: {message}"))

    def _fields(self, file: YamlFile, fields: Mapping[Any, Any]) -> None:
        declared = self.document.setdefault("fields", {})
        for name, kind in fields.items():
            if name in declared and declared[name] != kind:
                first = self._origins["fields", str(name)].file.place(("fields", str(name)))
                message = f"field {name!r} is declared otherwise at {first}; keep one of the two"
                self.problems.append(file.located(("fields", str(name)), f"fields.{name}: {message}"))
                continue
            declared[name] = kind
            self._origins.setdefault(("fields", str(name)), _Origin(file, ("fields", str(name))))

    def located(self, problems: Iterable[Problem]) -> CatalogError:
        """All problems, of reading the files and of what they declare, in the files' order."""
        order = {file.path: number for number, file in enumerate(self._only)}
        found = [*self.problems, *map(self._located, problems)]
        found.sort(key=lambda problem: (order.get(problem.file, -1), problem.line, problem.column))
        count = plural(len(found), "problem")
        return CatalogError("\n".join([f"the catalog has {count}, nothing of it was stored:", *map(str, found)]))

    def doubts(self) -> list[str]:
        """What is probably a mistake, a line each, in the files' order."""
        found = [doubt for file in self._only for doubt in file.doubts]
        return [str(doubt) for doubt in sorted([*found, *map(self._located, doubts(self.document))])]

    def _located(self, problem: Problem) -> Located:
        origin = self._origin(problem.path)
        if origin is None:
            return Located(Path(), 0, 0, str(problem))
        message = problem.message
        if problem.see is not None and (see := self._origin(problem.see)) is not None:
            message = f"{message} (the first is at {see.file.place(see.path)})"
        return origin.file.located(origin.path, f"{path_text(origin.path)}: {message}")

    def _origin(self, path: DocumentPath) -> _Origin | None:
        """The longest beginning of a path whose origin is known, with the rest of the path."""
        for length in (2, 1):
            if (origin := self._origins.get(path[:length])) is not None:
                return _Origin(origin.file, (*origin.path, *path[length:]))
        return None
