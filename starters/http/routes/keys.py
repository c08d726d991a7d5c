"""``/v1/keys``: keys of the API, made, listed and revoked. A key itself is in the answer alone that makes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Body, Path, Query, Request

from domain.access import ApiKey, NewKey
from domain.bounds import Words
from domain.errors import NotFound, Refused
from domain.model import Value
from domain.scopes import Scope
from starters.http.access import needs
from starters.http.admin_answers import KeyList, KeyMade, KeyRevoked, ShownKey
from starters.http.backend import ByCaller, FromBackend
from starters.http.case_bodies import example
from starters.http.idempotency import id_for, key_of
from starters.http.instants import IsoInstant
from starters.http.paging import Page, cursor_to, place_of
from starters.http.refusing import refuses
from starters.http.routing import guarded_router, unkept
from starters.operations.keys import make_key
from store.access import ID_DIGITS

router = guarded_router("/v1/keys", "Keys")

ADMIN = Scope.ADMIN

KEY_ID = "5f0c2a9be7"
KeyId = Annotated[
    str,
    Path(min_length=1, max_length=100, description="Of the key, as the list has it.", examples=[KEY_ID]),
]


class WantedKey(NewKey):
    """A key to be made.

    Attributes:
        by: the person who makes it.
    """

    model_config = example(name="helpdesk", scopes=["intake", "agent"], accounts=["acme"], by="ann")

    expires_at: IsoInstant | None = None
    by: Words | None = None


class KeyRevocation(Value):
    """Who revokes a key.

    Attributes:
        by: the person.
    """

    model_config = example(by="ann")

    by: Words | None = None


@router.post("", status_code=201)
@needs(ADMIN)
@unkept
@refuses("bad_dates", "bound_key", "made_before", "unknown_name")
async def create_key(request: Request, backend: FromBackend, caller: ByCaller, asked: WantedKey) -> KeyMade:
    """Make a key, of any scopes. The key itself is in this answer alone: it is kept nowhere, and told once.

    So under its Idempotency-Key the request is done once, and then refused (`made_before`). If the answer was lost,
    revoke the key that the refusal names, and make another under another Idempotency-Key.
    """
    caller.check_unbound()
    now, sent_under = datetime.now(UTC), key_of(request)
    wanted = NewKey.model_validate(asked.model_dump(exclude={"by"}))
    known_as = None if sent_under is None else id_for(caller, sent_under, ID_DIGITS)
    try:
        made = await backend.ask(
            lambda store: make_key(store, wanted, by=caller.who(asked.by), at=now, known_as=known_as)
        )
    except NotFound as unknown:
        raise Refused("unknown_name", str(unknown)) from None
    return KeyMade(secret=made.text, key=_shown(made.key, now))


@router.get("")
@needs(ADMIN)
@refuses("bad_cursor", "bound_key")
async def list_keys(backend: FromBackend, caller: ByCaller, which: Annotated[Page, Query()]) -> KeyList:
    """List keys: what each may do, who made it, when it was last used. None of them is shown itself."""
    caller.check_unbound()
    known = which.filters()
    place, limit = place_of(which.after, known), which.limit
    found = await backend.ask(lambda store: store.keys.all(after=place, limit=limit + 1))
    shown, now = found[:limit], datetime.now(UTC)
    end = cursor_to(shown[-1].created_at, shown[-1].id, known) if len(found) > limit else None
    return KeyList(keys=[_shown(key, now) for key in shown], next=end)


@router.post("/{key_id}/revoke")
@needs(ADMIN)
@refuses("bound_key", "not_found")
async def revoke_key(
    key_id: KeyId,
    backend: FromBackend,
    caller: ByCaller,
    asked: Annotated[KeyRevocation, Body(default_factory=KeyRevocation)],
) -> KeyRevoked:
    """Revoke a key: from now on it counts for nothing. It may be the one that asks."""
    caller.check_unbound()
    by, now = caller.who(asked.by), datetime.now(UTC)
    changed = await backend.ask(lambda store: store.keys.revoke(key_id, by=by, at=now))
    return KeyRevoked(key=_shown(await backend.ask(lambda store: store.keys.get(key_id)), now), changed=changed)


def _shown(key: ApiKey, now: datetime) -> ShownKey:
    return ShownKey(**key.model_dump(), counts=key.why_not(now) is None)
