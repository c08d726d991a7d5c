"""What a file says, compared with what it said when it was last applied and with what stands.

What was amended by hand since stays, and what the file itself changed is changed; by key, a list being one value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from domain.model import Value

_ABSENT = object()


class Said(NamedTuple):
    """What a file says of one declaration, in plain JSON types.

    Attributes:
        whole: with the defaults of the keys that it leaves out.
        keys: only those that it has.
    """

    whole: Mapping[str, Any]
    keys: Mapping[str, Any]


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
        return {
            key: self._one(
                key,
                (value, file.keys.get(key, _ABSENT)),
                None if before is None else (before.whole.get(key), before.keys.get(key, _ABSENT)),
                stands.get(key),
            )
            for key, value in file.whole.items()
        }

    def _one(self, path: str, file: tuple[Any, Any], before: tuple[Any, Any] | None, stands: Any) -> Any:
        (value, said), base = file, None if before is None else before[0]
        if isinstance(value, Mapping) and isinstance(stands, Mapping) and (before is None or isinstance(base, Mapping)):
            return {
                key: self._one(
                    f"{path}.{key}",
                    (one, _part(said, key)),
                    None if before is None or base is None else (base.get(key), _part(before[1], key)),
                    stands.get(key),
                )
                for key, one in value.items()
            }
        if before is None:
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
        self.against.append(Against(kind=self.kind, name=self.name, why=why, key=path, file=file, stands=stands))


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


def _part(said: Any, key: str) -> Any:
    return said.get(key, _ABSENT) if isinstance(said, Mapping) else _ABSENT
