"""What a file says, compared with what it said when it was last applied and with what stands.

What was amended by hand since stays, and what the file itself changed is changed; by key, a list being one value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from domain.model import Value

_ABSENT = object()
_NO_FILE = object()


class Said(NamedTuple):
    """What a file says of one declaration, in plain JSON types.

    Attributes:
        whole: with the defaults of the keys that it leaves out, but for those that are not written at theirs.
        keys: only those that it has.
    """

    whole: Mapping[str, Any]
    keys: Mapping[str, Any]


def said_by(declaration: BaseModel) -> Said:
    """What a file says of a declaration, as it was read."""
    return Said(declaration.model_dump(mode="json"), _keys(declaration))


def _keys(declared: BaseModel) -> dict[str, Any]:
    keys = declared.model_dump(mode="json", exclude_unset=True)
    for name in declared.model_fields_set:
        value = getattr(declared, name)
        if isinstance(value, BaseModel) and isinstance(keys.get(name), dict):
            keys[name] = _keys(value)
        else:
            keys.setdefault(name, value)  # said, and at a default at which it is not written
    return keys


class Against(Value):
    """A key of a declaration of which a file and what stands say different things.

    Attributes:
        why: `amended`: by hand since, and the file is as it was, so what stands stays; `conflict`: amended by hand, and
            changed in the file; `left_out`: the file had it, and has it no more.
        key: as a path: ``allowance.cap``.
        file: what the file says now; its default, where it says nothing.
        stands: what is stored.
    """

    kind: str
    name: str
    why: Literal["amended", "conflict", "left_out"]
    key: str
    file: Any
    stands: Any

    def __str__(self) -> str:
        of, file, stands = f"{self.kind} {self.name}: {self.key}", shown(self.file), shown(self.stands)
        match self.why:
            case "amended":
                return f"amended since  {of} is {stands} and stays so; the file says {file}"
            case "conflict":
                return f"conflict       {of} was amended to {stands}, and the file now says {file}"
            case "left_out":
                return f"left out       {of} is not in the file any more: {stands} becomes {file}"


@dataclass
class Merging:
    """One declaration of a file on its way to what stands.

    Attributes:
        kind: of the declaration, for whoever reads of it.
        name: likewise.
        against: what was found on the way.
    """

    kind: str
    name: str
    against: list[Against] = field(default_factory=list)

    def merge(self, file: Said, before: Said | None, stands: Mapping[str, Any]) -> dict[str, Any]:
        """What is to stand.

        Args:
            file: what it says now.
            before: what it said when it was last applied; None: none declared it, and only the keys that it has count.
            stands: what is stored.
        """
        return self._each("", file, None if before is None else before.whole, stands)

    def _each(self, path: str, file: Said, base: Mapping[str, Any] | None, stands: Mapping[str, Any]) -> dict[str, Any]:
        """By key. One that any of the three lacks is at its default there: some keys are not written at theirs."""
        merged = {
            key: self._one(
                f"{path}{key}",
                (file.whole.get(key, _ABSENT), file.keys.get(key, _ABSENT)),
                _NO_FILE if base is None else base.get(key, _ABSENT),
                stands.get(key, _ABSENT),
            )
            for key in {**file.whole, **(base or {}), **stands}
        }
        return {key: value for key, value in merged.items() if value is not _ABSENT}

    def _one(self, path: str, file: tuple[Any, Any], base: Any, stands: Any) -> Any:
        value, said = file
        is_new = base is _NO_FILE
        bases = {} if is_new else base
        have_keys = isinstance(value, Mapping) and isinstance(stands, Mapping) and isinstance(bases, Mapping)
        if have_keys and value:  # an empty one is as good as none
            parts = Said(value, said if isinstance(said, Mapping) else {})
            return self._each(f"{path}.", parts, None if is_new else bases, stands)
        if is_new:
            return stands if said is _ABSENT else value
        if value == base:
            if stands != base:
                self._note("amended", path, value, stands)
            return stands
        if stands not in (base, value):
            self._note("conflict", path, value, stands)
        elif said is _ABSENT and stands != value:
            self._note("left_out", path, value, stands)
        return value

    def _note(self, why: Literal["amended", "conflict", "left_out"], path: str, file: Any, stands: Any) -> None:
        says, is_now = (None if value is _ABSENT else value for value in (file, stands))
        self.against.append(Against(kind=self.kind, name=self.name, why=why, key=path, file=says, stands=is_now))


def lines_to_add(against: list[Against]) -> dict[str, list[dict[str, Any]]]:
    """What would bring files up to date with what was amended since: by kind, as they declare it."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in against:
        if one.why != "amended":
            continue
        entry = found.setdefault((one.kind, one.name), {"id": one.name})
        *path, last = one.key.split(".")
        for part in path:
            entry = entry.setdefault(part, {})
        entry[last] = one.stands
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for (kind, _), entry in found.items():
        by_kind.setdefault(kind, []).append(entry)
    return by_kind


def shown(value: Any) -> str:
    """A value of a declaration in a few words."""
    match value:
        case None | "":
            return "none"
        case list():
            return f"a list of {len(value)}"
        case Mapping():
            return "another"
        case _:
            return str(value)
