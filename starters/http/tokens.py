"""Tokens of an issuer (OpenID Connect) in place of keys: verified here, against the keys that the issuer publishes.

What a token may do is in its claims. The algorithms are fixed, and so is the kind of key that each wants: what a token
says of itself decides nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, NoReturn

import jwt
from pydantic import Field

from domain.bounds import MOST_LIST_ITEMS, cut
from domain.model import Value
from domain.scopes import Scope
from starters.http.callers import CHALLENGE, Caller
from starters.http.problems import Problem

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""By public keys alone: whoever can verify a token cannot make one."""

LEEWAY = 60
"""Seconds by which the clock of the issuer may differ."""

KEPT_FOR = 600.0
"""Seconds for which the issuer's keys are taken as they were."""

ASKED_AGAIN_AFTER = 10.0
"""Seconds after which a key that is not known is looked for once more: the issuer may have changed its keys."""

_WITHIN = 5.0
_MOST_BYTES = 1024 * 1024
_MOST_NAME = 100
_MOST_SUBJECT = 255
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]


class Issuer(Value):
    """Whose tokens are taken, and what their claims mean.

    Attributes:
        issuer: as its tokens name it (`iss`).
        audience: as its tokens name this API (`aud`).
        jwks_url: where its keys are; None: where its discovery document says.
        scope_claim: the claim that has the scopes, as a text with spaces or a list.
        scope_prefix: with which those begin that are of Milepost.
        accounts_claim: the claim that has the accounts that the token is bound to; None: it is bound to none.
        name_claim: the claim that goes on record as who did it; the subject where there is none.
    """

    issuer: str
    audience: str
    jwks_url: str | None = None
    scope_claim: str = "scope"
    scope_prefix: str = "milepost:"
    accounts_claim: str | None = None
    name_claim: str = Field(default="preferred_username")


Fetch = Callable[[str], Mapping[str, Any]]
"""Fetches a document; blocks."""


def fetch_document(url: str) -> Mapping[str, Any]:
    """The JSON object at an address of the issuer's.

    Raises:
        OSError, ValueError: there is none.
    """
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"{url!r} is no web address")
    with urllib.request.urlopen(url, timeout=_WITHIN) as answer:  # noqa: S310  its scheme was looked at
        read = json.loads(answer.read(_MOST_BYTES))
    if not isinstance(read, dict):
        raise ValueError("a JSON object is expected")  # noqa: TRY004  one kind of error for what does not fit
    return read


class Tokens:
    """Verifies tokens of an issuer.

    Args:
        issuer: whose, and what they mean.
        fetch: fetches its documents.
        clock: seconds that never go back.
    """

    def __init__(
        self, issuer: Issuer, *, fetch: Fetch = fetch_document, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._fetched_at: float | None = None
        self._turn = asyncio.Lock()

    async def caller_of(self, token: str) -> Caller:
        """Who holds a token.

        Raises:
            Problem: it counts for nothing, or the issuer does not say by which keys it could be verified.
        """
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            _refuse("unknown_key", "this is neither a key nor a token")
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            _refuse("unknown_key", f"a token is signed by one of {', '.join(ALGORITHMS)}")
        found = await self._key(str(header.get("kid", "")))
        try:
            if found.get("use", "sig") != "sig" or found.get("alg", algorithm) != algorithm:
                raise jwt.InvalidKeyError("the key is for something else")
            claims: dict[str, Any] = jwt.decode(
                token,
                jwt.PyJWK.from_dict(dict(found), algorithm=algorithm).key,
                algorithms=[algorithm],
                audience=self._issuer.audience,
                issuer=self._issuer.issuer,
                leeway=LEEWAY,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError:
            _refuse("expired_key", "the token has expired")
        except (jwt.InvalidTokenError, jwt.PyJWKError, jwt.InvalidKeyError, ValueError, TypeError) as error:
            _refuse("unknown_key", cut(f"the token counts for nothing here: {error}", 200))
        return self._caller(claims)

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        of = self._issuer
        said = _texts(claims.get(of.scope_claim))
        mine = {one.removeprefix(of.scope_prefix) for one in said if one.startswith(of.scope_prefix)}
        scopes = frozenset(scope for scope in Scope if scope.value in mine)
        accounts: frozenset[str] | None = None
        if of.accounts_claim is not None:
            # One that names none is bound to none of them, and sees nothing: not everything.
            accounts = frozenset(_texts(claims.get(of.accounts_claim))[:MOST_LIST_ITEMS])
            scopes -= {Scope.ADMIN}
        subject, name = str(claims["sub"]), claims.get(of.name_claim)
        known = name if isinstance(name, str) and name.strip() else subject
        return Caller(subject=f"token/{_short(subject)}", name=cut(known, _MOST_NAME), scopes=scopes, accounts=accounts)

    # --- the issuer's keys ---

    async def _key(self, kid: str) -> Mapping[str, Any]:
        """The key of an id; looked for once more where it is not known, but not at every request.

        A token may leave the id out where its issuer has one key alone (OpenID Connect Core 1.0, section 10.1).

        Raises:
            Problem: there is none, or the issuer does not answer.
        """
        async with self._turn:
            age = None if self._fetched_at is None else self._clock() - self._fetched_at
            is_unknown = kid not in self._keys
            if age is None or age > KEPT_FOR or (is_unknown and age > ASKED_AGAIN_AFTER):
                await self._refresh()
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if kid not in self._keys:
            _refuse("unknown_key", "the token is signed by a key that its issuer does not have")
        return self._keys[kid]

    async def _refresh(self) -> None:
        """Fetch the keys; those that are known stay where the issuer does not answer just now, or answers nonsense.

        Raises:
            Problem: none is known, and it does not answer.
        """
        try:
            read = await asyncio.to_thread(self._published)
        except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
            if not self._keys:
                said = "the issuer of tokens does not say by which keys they are verified; ask again"
                raise Problem("not_now", said, headers={"Retry-After": "5"}) from None
        else:
            self._keys = read
        self._fetched_at = self._clock()

    def _published(self) -> dict[str, Mapping[str, Any]]:
        url = self._issuer.jwks_url
        if url is None:
            discovery = self._fetch(f"{self._issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
            if discovery["issuer"] != self._issuer.issuer:
                raise ValueError("the discovery document is of another issuer")
            url = str(discovery["jwks_uri"])
        return {str(key.get("kid", "")): key for key in self._fetch(url)["keys"]}


def _short(subject: str) -> str:
    """What a holder is told apart by: of a subject longer than an issuer may give one (255 letters) a digest."""
    is_long = len(subject) > _MOST_SUBJECT
    return f"sha256-{hashlib.sha256(subject.encode('utf-8', 'replace')).hexdigest()}" if is_long else subject


def _texts(claim: Any) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    return [one for one in claim if isinstance(one, str)] if isinstance(claim, list) else []


def _refuse(code: str, detail: str) -> NoReturn:
    raise Problem(code, detail, headers=CHALLENGE)
