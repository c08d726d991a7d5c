"""Reads one YAML file as plain data that knows where everything in it stands, and says so of every problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from domain.catalog.problems import Path as DocumentPath
from domain.catalog.problems import path_text

_UNFOLDING = 10
"""A value takes a character at least; aliases may make more of a text, but not without end."""

_DEEPEST = 100

_YES_OR_NO = {"yes", "no", "on", "off", "y", "n"}


@dataclass(frozen=True, slots=True, order=True)
class Located:
    """A problem at its place in a file; line and column count from 1, 0 is no line."""

    file: Path
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else str(self.file)
        return f"{place}: {self.message}" if self.file.name else self.message


class YamlFile:
    """A file's document, as plain data, with the line and column of everything in it."""

    def __init__(self, path: Path, what: str) -> None:
        """Reads it.

        Args:
            path: where it is.
            what: what it should be, to be said if it is none: "a catalog is a mapping with the keys ...".
        """
        self.path = path
        self.problems: list[Located] = []
        self.doubts: list[Located] = []
        self.document: Mapping[str, Any] = {}
        self._places: dict[DocumentPath, tuple[int, int]] = {}
        self._nodes = 0
        self._most_nodes = 0
        root = self._root()
        self.is_read = not self.problems and (root is None or isinstance(root, MappingNode))
        if root is None:
            return
        if not isinstance(root, MappingNode):
            self._problem(root, f"{what}, not {_words(root)}")
            return
        try:
            document = self._value(root, (), 0)
        except _TooMuch as refusal:
            self.problems.append(Located(path, 0, 0, str(refusal)))
            self.is_read = False
            return
        self.document = {str(key): value for key, value in document.items()}

    def place(self, path: DocumentPath) -> str:
        """``file:line`` of a path, or of the nearest that contains it."""
        line, _ = self._position(path)
        return f"{self.path}:{line}"

    def located(self, path: DocumentPath, message: str) -> Located:
        """A problem at a path, or at the nearest that contains it."""
        return Located(self.path, *self._position(path), message)

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
            self.problems.append(Located(self.path, 0, 0, "there is no such file"))
            return None
        except UnicodeDecodeError as error:
            self.problems.append(Located(self.path, 0, 0, f"this is no text in UTF-8: byte {error.start + 1} is none"))
            return None
        except OSError as error:
            self.problems.append(Located(self.path, 0, 0, f"cannot be read: {error.strerror}"))
            return None
        self._most_nodes = _UNFOLDING * len(text)
        try:
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            what = " ".join(str(part) for part in (error.context, error.problem) if part)
            self.problems.append(Located(self.path, line, column, f"this is no YAML: {what}"))
            return None
        except (YAMLError, RecursionError, ValueError) as error:
            what = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
            self.problems.append(Located(self.path, 1, 1, f"this is no YAML: {what}"))
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
        if node.style is None and text.casefold() in _YES_OR_NO and str(node.tag).endswith(":str"):
            said = f"{text} without quotes is the text {text!r} here, and true or false to other readers of YAML"
            self.doubts.append(Located(self.path, *_mark(node), f'{said}; write "{text}", or true or false'))
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
        self.problems.append(Located(self.path, *_mark(node), message))


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


def as_yaml(document: Any) -> str:
    """Plain data as people write it in a file; keys stay in their order."""
    text = StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # its own types say None
    writer.dump(document, text)
    return text.getvalue().rstrip()
