"""What Milepost refuses, and why: one tree.

    MilepostError
    ├── Refused              a request that a running case or entitlement does not take; it stays as it was
    ├── CatalogError         a catalog (or a part of it) that is not applied
    └── NotFound             a name that nothing in the store answers to

Values that can't be are refused by `ValueError`s of their own: `domain.open_time.frozen.HorizonExceeded`,
`domain.criteria.compiling.CriteriaError`, `domain.criteria.fields.FieldsError`, `Contradiction`.
"""

from __future__ import annotations

from domain.bounds import cut

NOT_NOW = "not_now"
"""The code of a refusal that passes by itself: ask again."""


class MilepostError(Exception):
    """Something a person can put right; the message names the value and what would be allowed."""


class Refused(MilepostError):
    """A request that is not taken. Its text is cut to 1 KB, whatever was quoted in it.

    Attributes:
        code: a stable, machine-readable reason, such as ``unknown_milestone``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(cut(message))
        self.code = code


class CatalogError(MilepostError):
    """A catalog that is not applied; nothing of it was stored."""


class NotFound(MilepostError):
    """No such case, entitlement, account or other thing."""


class Contradiction(ValueError):
    """A declaration whose parts do not go together.

    Attributes:
        at: the part that is wrong, as a path from the declaration that is refused.
    """

    def __init__(self, message: str, *at: str | int) -> None:
        super().__init__(message)
        self.at = at
