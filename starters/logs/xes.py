"""XES files (IEEE 1849) as records: one for each event, with the attributes of its trace as ``case:...`` columns.

A file is read as a stream. A document type or an entity is refused before anything of it is expanded: no log needs
one, and a few lines of them can fill the memory of a machine.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat  # document types and entities are refused below

from starters.logs.mapping import LogError

GZIP = b"\x1f\x8b"
_CHUNK = 2**16
_BEGIN = 64
_ATTRIBUTES = frozenset({"string", "date", "int", "float", "boolean", "id"})
_DEPTH_OF_TRACE = 2
"""Of ``log/trace``; an event is one deeper, and its attributes once more."""


Told = Callable[[int, dict[str, str], int], None]
"""Is told of each trace: its line, its attributes as columns, and how many events it has."""


def _nobody(_line: int, _trace: dict[str, str], _events: int) -> None:
    pass


def is_xml(start: bytes) -> bool:
    """Whether a file that begins so is XML, compressed or not."""
    if start.startswith(GZIP):
        return True
    plain = start.removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"").lstrip(b"\xff\xfe \t\r\n")
    return plain.startswith(b"<")


def xes_records(path: Path, told: Told = _nobody) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the events of an XES file, plain or compressed by gzip, each with its line and attributes.

    Args:
        path: of the file.
        told: of each trace, before its events; of one without any, too.

    Raises:
        LogError: it can't be read, or is no XES.
    """
    try:
        with path.open("rb") as raw:
            start = raw.read(2)
            raw.seek(0)
            if start == GZIP:
                with gzip.open(raw) as unpacked:
                    if not is_xml(unpacked.peek(_BEGIN)[:_BEGIN]):
                        raise LogError([f"{path}: is a compressed file that holds no XES; unpack it"])
                    yield from _Events(path, told).of(unpacked)  # type: ignore[arg-type]  # reads bytes as a file does
            else:
                yield from _Events(path, told).of(raw)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise LogError([f"{path}: the compressed file is broken: {error}"]) from None
    except OSError as error:
        raise LogError([f"{path}: {error.strerror or error}"]) from None


class _Events:
    """The events of one file, gathered while it is parsed."""

    def __init__(self, path: Path, told: Told) -> None:
        self._path, self._told = path, told
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._open: list[str] = []
        self._trace: dict[str, str] = {}
        self._line_of_trace = 0
        self._event: dict[str, str] | None = None
        self._events_of_trace: list[tuple[int, dict[str, str]]] = []
        self._line = 0
        self._ready: list[tuple[int, dict[str, str]]] = []

    def of(self, file: BinaryIO) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the events, trace by trace."""
        try:
            while chunk := file.read(_CHUNK):
                self._parser.Parse(chunk, False)
                yield from self._drained()
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code)
            raise LogError([f"{self._path}:{error.lineno}: the XML is broken: {said}"]) from None
        except (LookupError, ValueError) as error:  # of an encoding that its parser does not have
            raise LogError([f"{self._path}:1: its encoding can't be read ({error}); save it as UTF-8"]) from None
        yield from self._drained()

    def _drained(self) -> Iterator[tuple[int, dict[str, str]]]:
        ready, self._ready = self._ready, []
        yield from ready

    def _refuse(self, *_: object) -> None:
        said = "declares a document type or an entity; no XES file needs one, and they are not read: take it out"
        raise LogError([f"{self._path}:{self._parser.CurrentLineNumber}: {said}"])

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if not self._open and name != "log":
            line = self._parser.CurrentLineNumber
            raise LogError([f"{self._path}:{line}: is XML, but no XES: it begins with <{name}>, not with <log>"])
        self._open.append(name)
        depth = len(self._open)
        in_trace = depth >= _DEPTH_OF_TRACE and self._open[1] == "trace"
        if depth == _DEPTH_OF_TRACE and in_trace:
            self._trace, self._events_of_trace = {}, []
            self._line_of_trace = self._parser.CurrentLineNumber
        elif depth == _DEPTH_OF_TRACE and name == "event":
            line = self._parser.CurrentLineNumber
            raise LogError([f"{self._path}:{line}: the event stands in no trace, so that nobody knows whose it is"])
        elif depth == _DEPTH_OF_TRACE + 1 and in_trace and name == "event":
            self._event, self._line = {}, self._parser.CurrentLineNumber
        elif in_trace and name in _ATTRIBUTES and "key" in attributes:
            self._attribute(depth, attributes["key"], attributes.get("value", ""))

    def _attribute(self, depth: int, key: str, value: str) -> None:
        """Keep an attribute of the trace or the event itself; those of attributes are nobody's columns."""
        if depth == _DEPTH_OF_TRACE + 1:
            self._trace[f"case:{key}"] = value
        elif depth == _DEPTH_OF_TRACE + 2 and self._event is not None and self._open[2] == "event":
            self._event[key] = value

    def _end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        depth = len(self._open)
        self._open.pop()
        if name == "event" and depth == _DEPTH_OF_TRACE + 1 and self._event is not None:
            self._events_of_trace.append((self._line, self._event))
            self._event = None
        elif name == "trace" and depth == _DEPTH_OF_TRACE:
            self._told(self._line_of_trace, self._trace, len(self._events_of_trace))
            self._ready += [(line, {**self._trace, **event}) for line, event in self._events_of_trace]
            self._events_of_trace = []
