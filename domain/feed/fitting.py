"""The data of an event within its bounds: a text over 2 KB is cut, and all of it together stays under 20 KB."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from domain.bounds import cut
from domain.feed.envelope import EventData

MOST_TEXT_BYTES = 2 * 1024
"""Of one text."""
MOST_DATA_BYTES = 19 * 1024
"""Of the data as JSON; with its envelope an event stays below 20 KB."""
SHORTER_TEXT_BYTES = 256
"""Of one text, where the data would be too long otherwise."""

_WHOLE = ("fields", "before", "milestones", "actions", "causes")
"""Parts that are left out as a whole where shorter texts do not help."""


def fitted(data: EventData) -> dict[str, Any]:
    """The data as plain JSON types, cut to its bounds; `cut` says what was cut."""
    plain = data.model_dump(mode="json", exclude_none=True)
    if _size(plain) <= MOST_TEXT_BYTES:  # nothing in it can be longer
        return plain
    for most in (MOST_TEXT_BYTES, SHORTER_TEXT_BYTES):
        said: list[dict[str, Any]] = []
        shorter = _shorter(plain, most, "", said)
        if said:
            shorter["cut"] = said
        if _size(shorter) <= MOST_DATA_BYTES:
            return dict(shorter)
    kept = {name: value for name, value in plain.items() if name not in _WHOLE}
    said = []
    shorter = _shorter(kept, SHORTER_TEXT_BYTES, "", said)
    empty: dict[str, Any] = {name: type(plain[name])() for name in _WHOLE if plain.get(name)}
    said += [_cut(f"/{name}", json.dumps(plain[name], ensure_ascii=False)) for name in empty]
    return {**shorter, **empty, "cut": said}


def _shorter(value: Any, most: int, path: str, said: list[dict[str, Any]]) -> Any:
    if isinstance(value, str) and len(value.encode("utf-8", "replace")) > most:
        said.append(_cut(path, value))
        return cut(value, most)
    if isinstance(value, dict):
        return {name: _shorter(each, most, f"{path}/{_escaped(name)}", said) for name, each in value.items()}
    if isinstance(value, list):
        return [_shorter(each, most, f"{path}/{place}", said) for place, each in enumerate(value)]
    return value


def _cut(path: str, text: str) -> dict[str, Any]:
    encoded = text.encode("utf-8", "replace")
    return {"path": path, "size": len(encoded), "sha256": hashlib.sha256(encoded).hexdigest()}


def _escaped(name: str) -> str:
    """A name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _size(data: Any) -> int:
    return len(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
