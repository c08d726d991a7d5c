"""What the API answers about keys, and about who is erased: to nobody but those who have the scope `admin`."""

from __future__ import annotations

from pydantic import AwareDatetime

from domain.access import ApiKey
from domain.model import Value
from store.erasing import What


class ShownKey(ApiKey):
    """A key as it is kept: everything but the key itself.

    Attributes:
        counts: it may be used; else it has expired, or was revoked.
    """

    counts: bool


class KeyMade(Value):
    """A key that was made.

    Attributes:
        secret: the key itself, which its holder shows. It is in this answer alone, and kept nowhere.
    """

    secret: str
    key: ShownKey


class KeyList(Value):
    """Some keys, those that were made last first; also those that count for nothing any more.

    Attributes:
        next: the cursor from which the list goes on; None: this is its end.
    """

    keys: list[ShownKey]
    next: str | None


class KeyRevoked(Value):
    """The key as it stands.

    Attributes:
        changed: it was not revoked before.
    """

    key: ShownKey
    changed: bool


# --- erasing ---


class NamingText(Value):
    """A text that names somebody.

    Attributes:
        what: what people call it.
        key: of the action; of a delivery of another system its number.
        case_id: of the case, or the id of the entitlement; None: it is of neither.
        at: when it was written.
        others: a mail that others got too.
        is_dead_letter: a delivery that was not taken, and will not be.
        waits: it is still to be sent, or to be taken; as long as that is so nothing is erased.
    """

    what: What
    key: str
    case_id: str | None
    at: AwareDatetime
    others: bool
    is_dead_letter: bool
    waits: bool


class Erased(Value):
    """The texts that name somebody, the oldest first.

    Attributes:
        erased: they are; else there are none, or it was a dry run.
        not_reached: what erasing does not reach, and for how long that is there.
    """

    texts: list[NamingText]
    erased: bool
    not_reached: list[str]
