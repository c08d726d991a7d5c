"""Reads catalogs from YAML files: every problem of every file at once, each with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from domain.catalog import Catalog, Kind
from domain.catalog_check import NOTHING, CatalogProblems, Known, Problem, path_text
from domain.catalog_check import Path as DocumentPath
from domain.catalog_document import read_document
from domain.errors import CatalogError

if TYPE_CHECKING:
    from store import Diff, Store

_SUFFIXES = (".yaml", ".yml")
_UNFOLDING = 10
"""A value takes a character at least; aliases may make more of a text, but not without end."""

_DEEPEST = 100


def read_catalog(paths: Sequence[Path], known: Known = NOTHING) -> Catalog:
    """The catalog that files declare together; of a folder every .yaml and .yml file in it, and in its folders.

    Args:
        paths: files and folders.
        known: what is declared already, to which the files may refer.

    Raises:
        CatalogError: with every problem, each with file, line, path in the document and what would be right.
    """
    return _read(paths, known)[0]


def apply_files(store: Store, paths: Sequence[Path], *, by: str, dry_run: bool = False) -> Diff:
    """Reads files and applies them to a store, to whose declarations they may refer.

    Raises:
        CatalogError: as `read_catalog`; nothing was stored.
    """
    with store.known() as known:
        catalog, files = _read(paths, known)
    try:
        return store.apply(catalog, by=by, dry_run=dry_run)
    except CatalogProblems as problems:
        raise files.located(problems.problems) from None


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
        files.problems.append(_Located(Path(), 0, 0, "no catalog file is given"))
    found: dict[Path, Path] = {}
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
            if not inside:
                files.problems.append(_Located(path, 0, 0, "there is no .yaml file in this folder"))
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values())


# --- several files, one document ---


@dataclass(frozen=True, slots=True, order=True)
class _Located:
    """A problem at its place in a file; line and column count from 1, 0 is no line."""

    file: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        return f"{place}: {self.message}" if self.file.name else self.message


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where a part of the document came from: a file, and the path there."""

    file: _File
    path: DocumentPath


@dataclass
class _Files:
    """The document that all files make together, and where each part of it came from."""

    document: dict[str, Any] = field(default_factory=dict)
    problems: list[_Located] = field(default_factory=list)
    _origins: dict[DocumentPath, _Origin] = field(default_factory=dict)
    _only: list[_File] = field(default_factory=list)

    @property
    def incomplete(self) -> bool:
        """Whether there is a file, or folder, of which nothing could be read."""
        return any(not file.is_read for file in self._only) or (bool(self.problems) and not self._only)

    def add(self, path: Path) -> None:
        """Reads a file and appends what it declares."""
        file = _File(path)
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

    def _fields(self, file: _File, fields: Mapping[Any, Any]) -> None:
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
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        return CatalogError("\n".join([f"the catalog has {count}, nothing of it was stored:", *map(str, found)]))

    def _located(self, problem: Problem) -> _Located:
        origin = self._origin(problem.path)
        if origin is None:
            return _Located(Path(), 0, 0, str(problem))
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


# --- one file ---


class _File:
    """A file's document, as plain data, with the line and column of everything in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[_Located] = []
        self.document: Mapping[str, Any] = {}
        self._places: dict[DocumentPath, tuple[int, int]] = {}
        self._nodes = 0
        self._most_nodes = 0
        root = self._root()
        self.is_read = not self.problems and (root is None or isinstance(root, MappingNode))
        if root is None:
            return
        if not isinstance(root, MappingNode):
            keys = ", ".join(["organisation", "fields", *(kind.value for kind in Kind)])
            self._problem(root, f"a catalog is a mapping with the keys {keys}, not {_words(root)}")
            return
        try:
            document = self._value(root, (), 0)
        except _TooMuch as refusal:
            self.problems.append(_Located(path, 0, 0, str(refusal)))
            self.is_read = False
            return
        self.document = {str(key): value for key, value in document.items()}

    def place(self, path: DocumentPath) -> str:
        """``file:line`` of a path, or of the nearest that contains it."""
        line, _ = self._position(path)
        return f"{self.path}:{line}"

    def located(self, path: DocumentPath, message: str) -> _Located:
        """A problem at a path, or at the nearest that contains it."""
        return _Located(self.path, *self._position(path), message)

    def _position(self, path: DocumentPath) -> tuple[int, int]:
        for length in range(len(path), 0, -1):
            if (found := self._places.get(path[:length])) is not None:
                return found
        return 1, 1

    def _root(self) -> Node | None:
        """The file's one document; None with a problem, or for a file that says nothing."""
        try:
            text = self.path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            self.problems.append(_Located(self.path, 0, 0, "there is no such file"))
            return None
        except UnicodeDecodeError as error:
            self.problems.append(_Located(self.path, 0, 0, f"this is no text in UTF-8: byte {error.start + 1} is none"))
            return None
        except OSError as error:
            self.problems.append(_Located(self.path, 0, 0, f"cannot be read: {error.strerror}"))
            return None
        self._most_nodes = _UNFOLDING * len(text)
        try:
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            what = " ".join(str(part) for part in (error.context, error.problem) if part)
            self.problems.append(_Located(self.path, line, column, f"this is no YAML: {what}"))
            return None
        except (YAMLError, RecursionError, ValueError) as error:
            what = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
            self.problems.append(_Located(self.path, 1, 1, f"this is no YAML: {what}"))
            return None
        return root

    def _value(self, node: Node, path: DocumentPath, depth: int) -> Any:
        self._nodes += 1
        if depth > _DEEPEST or self._nodes > self._most_nodes:
            raise _TooMuch("the document is nested too deeply, or its aliases contain one another")
        self._places.setdefault(path, _mark(node))
        match node:
            case MappingNode():
                return self._mapping(node, path, depth)
            case SequenceNode():
                return [self._value(item, (*path, number), depth + 1) for number, item in enumerate(node.value)]
            case ScalarNode():
                return self._scalar(node)
            case _:
                raise _TooMuch(f"{_words(node)} cannot stand in a catalog")

    def _mapping(self, node: MappingNode, path: DocumentPath, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        first: dict[str, Node] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag.endswith(":merge"):
                merged |= self._merged(value_node, path, depth)
                continue
            if not isinstance(key_node, ScalarNode):
                self._problem(key_node, "a key is text, not a list or a mapping")
                continue
            key = str(key_node.value)
            if key in first:
                line = first[key].start_mark.line + 1
                self._problem(
                    key_node, f"{path_text((*path, key))}: the key {key!r} is given twice; the first is in line {line}"
                )
                continue
            first[key] = key_node
            self._places[*path, key] = _mark(key_node)
            found[key] = self._value(value_node, (*path, key), depth + 1)
        return merged | found

    def _merged(self, node: Node, path: DocumentPath, depth: int) -> dict[str, Any]:
        """What ``<<`` brings: a mapping, or several of which the first counts."""
        several = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for one in reversed(several):
            if isinstance(one, MappingNode):
                merged |= self._mapping(one, path, depth + 1)
            else:
                self._problem(one, "<< takes a mapping, or a list of mappings")
        return merged

    def _scalar(self, node: ScalarNode) -> Any:
        """Dates and times stay text, so that they are read as everywhere else, with their offset."""
        text = str(node.value)
        try:
            match str(node.tag).rpartition(":")[2]:
                case "null":
                    return None
                case "bool":
                    return text.lower() in ("true", "yes", "on")
                case "int":
                    return int(text.replace("_", ""), 0) if not text.lstrip("+-0").isdigit() else int(text)
                case "float":
                    return float(text.replace("_", ""))
                case _:
                    return text
        except ValueError:
            return text

    def _problem(self, node: Node, message: str) -> None:
        self.problems.append(_Located(self.path, *_mark(node), message))


class _TooMuch(Exception):
    """A document that is not read to its end."""


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _words(node: Node) -> str:
    match node:
        case MappingNode():
            return "a mapping"
        case SequenceNode():
            return "a list"
        case ScalarNode():
            return "a single value"
        case _:
            return "something else"
