"""What a request accepts, by its Accept: which kind of answer it likes best, and which it does not want (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_WEIGHT = re.compile(r"(0(\.\d{0,3})?)|(1(\.0{0,3})?)")
_USUAL = 1.0


def weights(accept: str) -> dict[str, float]:
    """How much each kind of answer is liked, by its name in small letters; in the order in which they are named."""
    found: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        if kind:
            found[kind] = _weight(parameters)
    return found or {"*/*": _USUAL}


def weight_of(kind: str, accepted: Mapping[str, float]) -> float:
    """How much one kind is liked: by its own name, else by that of its family, else as anything is; 0: not at all."""
    family = f"{kind.partition('/')[0]}/*"
    return next((accepted[name] for name in (kind, family, "*/*") if name in accepted), 0.0)


def prefers(first: str, other: str, accepted: Mapping[str, float]) -> bool:
    """Whether one kind is liked better than another; of two that are liked alike, one that is named before it."""
    mine, its = weight_of(first, accepted), weight_of(other, accepted)
    if mine != its:
        return mine > its
    names = list(accepted)
    return first in names and (other not in names or names.index(first) < names.index(other))


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q" and _WEIGHT.fullmatch(value.strip()):
            return float(value)
    return _USUAL
