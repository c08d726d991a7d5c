"""``/v1/erasures``: one person, taken out of the texts that are kept for a while."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from domain.bounds import Words
from domain.errors import NotFound, Refused
from domain.model import Value
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.admin_answers import Erased, NamingText
from starters.http.asking import ByAsking
from starters.http.case_bodies import example
from starters.http.matching import DryRun
from starters.http.refusing import refuses
from starters.http.routing import guarded_router
from starters.operations.erasing import NOT_ERASED, Erasing
from store import Store
from store.erasing import NamedText

router = guarded_router("/v1/erasures", "Erasure")

_MOST_WORDS = 50
"""Each is looked for in every column of each table of texts, and SQLite takes a thousand such conditions at once."""


class Erasure(Value):
    """Who is to be erased.

    Attributes:
        who: an address, or the id of a person or a contact of the catalog.
        also: erase also texts that hold one of these, such as a name or a telephone number.
        by: the person who does it.
    """

    model_config = example(who="ann@example.org", also=["Ann Miller"], by="ana")

    who: Annotated[Words, Field(min_length=1)]
    also: Annotated[list[Annotated[Words, Field(min_length=1)]], Field(max_length=_MOST_WORDS)] = Field(
        default_factory=list
    )
    by: Words | None = None


@router.post("")
@needs(Scope.ADMIN)
@refuses("bound_key", "no_address", "still_waits", "unknown_name")
async def erase(asked: Erasure, asking: ByAsking, dry_run: DryRun = False) -> Erased:
    """Erase the texts that name one person: mails, messages and answers, deliveries of other systems.

    All of them are erased or, while one of them waits to be sent or to be taken, none (`still_waits`). That something
    was sent, when, and what became of it stays on record, and so do cases and the event feed. Ask with `dry_run` first:
    what is erased does not come back.
    """
    asking.caller.check_unbound()
    by, now = asking.who(asked.by), datetime.now(UTC)

    def found(store: Store) -> list[NamedText]:
        one = Erasing(store, asked.who, asked.also)
        return one.naming(now) if dry_run else one.erase(by, now)

    try:
        texts = await asking.backend.ask(found)
    except NotFound as unknown:
        raise Refused("unknown_name", str(unknown)) from None
    return Erased(
        texts=[NamingText(**text._asdict()) for text in texts],
        erased=bool(texts) and not dry_run,
        not_reached=list(NOT_ERASED),
    )
