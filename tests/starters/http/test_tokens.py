"""Tokens in place of keys: of an issuer of our own on the loopback, which signs, changes its keys, and goes away."""

import time
from collections.abc import AsyncIterator, Mapping
from http.client import BadStatusLine, IncompleteRead
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from temporalio.client import Client

from starters.files.catalogs import apply_files
from starters.http.app import create_app
from starters.http.backend import Backend
from starters.http.serving import serving
from starters.http.tokens import ASKED_AGAIN_AFTER, KEPT_FOR, Issuer, Tokens, fetch_document
from store import Store

RSA, OTHER = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)
EC, ED = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()


class Published:
    """What the issuer publishes.

    Attributes:
        asked: how often its keys were asked for.
        is_away: it answers nothing that anybody could use.
    """

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.is_away = False
        self.keys: dict[str, tuple[str, Any]] = {"rsa": ("RS256", RSA), "ec": ("ES256", EC), "ed": ("EdDSA", ED)}

    def app(self) -> FastAPI:
        """Its web server."""
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def discovery() -> dict[str, str]:
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            self.asked += 1
            return {} if self.is_away else {"keys": [_public(*one, kid=kid) for kid, one in self.keys.items()]}

        return app

    def token(self, kid: str | None = "rsa", *, key: Any = None, algorithm: str | None = None, **claims: Any) -> str:
        """A token; what is None is left out."""
        known = self.keys.get(kid or "", ("RS256", RSA))
        said = {"iss": self.url, "aud": "milepost", "sub": "u-1", "iat": now(), "exp": now() + 300} | claims
        said = {name: value for name, value in {"scope": "openid milepost:agent", **said}.items() if value is not None}
        headers = None if kid is None else {"kid": kid}
        signed_by: Any = None if algorithm == "none" else key or known[1]
        return jwt.encode(said, signed_by, algorithm or known[0], headers=headers)


def _public(algorithm: str, key: Any, *, kid: str) -> dict[str, Any]:
    made: dict[str, Any] = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig"}


def now() -> int:
    return int(time.time())


class Clock:
    """Seconds that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest_asyncio.fixture(loop_scope="session")
async def issuer() -> AsyncIterator[Published]:
    """An issuer on the loopback."""
    published = Published()
    async with serving(published.app(), host="127.0.0.1", port=0) as url:
        published.url = url
        yield published


@pytest_asyncio.fixture(loop_scope="session")
async def app(issuer: Published, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """The API, which takes tokens of the issuer; nothing of what is asked here needs a case."""
    (tmp_path / "c.yaml").write_text("accounts: [{id: acme}, {id: globex}]")
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        apply_files(store, [tmp_path / "c.yaml"], by="test")
        client = await Client.connect("127.0.0.1:1", lazy=True)
        yield create_app(Backend(client, store, "nobody"))


@pytest.fixture
def clock(app: FastAPI, issuer: Published) -> Clock:
    """By which the API has the issuer's keys grow old."""
    clock = Clock()
    app.state.tokens = Tokens(Issuer(issuer=issuer.url, audience="milepost"), clock=clock)
    return clock


@pytest_asyncio.fixture(loop_scope="session")
async def http(app: FastAPI, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the API."""
    assert clock.now
    async with serving(app, host="127.0.0.1", port=0) as url, httpx.AsyncClient(base_url=url, timeout=60) as asking:
        yield asking


async def tasks(http: httpx.AsyncClient, token: str) -> httpx.Response:
    return await http.get("/v1/tasks", headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("kid", ["rsa", "ec", "ed"])
async def test_a_token_of_the_issuer_is_as_good_as_a_key(http: httpx.AsyncClient, issuer: Published, kid: str) -> None:
    """With the scopes that its claims say, and no others."""
    assert (await tasks(http, issuer.token(kid))).status_code == 200
    small = await tasks(http, issuer.token(kid, scope="openid agent milepost:intake milepost:root"))
    assert (small.status_code, small.json()["code"]) == (403, "scope_too_small")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": -59}, None),
        ({"exp": -62}, "expired_key"),
        ({"iat": 55}, None),
        ({"iat": 120}, "unknown_key"),
        ({"nbf": 55}, None),
        ({"nbf": 120}, "unknown_key"),
    ],
)
async def test_clocks_may_differ_by_a_minute(
    http: httpx.AsyncClient, issuer: Published, claims: dict[str, int], code: str | None
) -> None:
    """Not by more."""
    said: dict[str, Any] = {name: now() + seconds for name, seconds in claims.items()}
    answer = await tasks(http, issuer.token(**said))
    assert (answer.status_code, answer.json().get("code")) == ((200, None) if code is None else (401, code))


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"kid": None},
        {"kid": "nope"},
        {"key": OTHER},
        {"kid": "rsa", "key": EC, "algorithm": "ES256"},
        {"kid": "ec", "key": RSA, "algorithm": "RS256"},
        {"algorithm": "none"},
        {"key": "secret of the shop, long enough for it", "algorithm": "HS256"},
        {"key": RSA, "algorithm": "RS512"},
    ],
    ids=lambda wrong: " ".join(f"{name}={value if isinstance(value, str) else '?'}" for name, value in wrong.items()),
)
async def test_a_token_that_is_not_the_issuers_counts_for_nothing(
    http: httpx.AsyncClient, issuer: Published, wrong: dict[str, Any]
) -> None:
    """Of another, for another, without an end, or signed by a key that is not for this: whatever it says of itself."""
    answer = await tasks(http, issuer.token(**wrong))
    assert (answer.status_code, answer.json()["code"]) == (401, "unknown_key"), answer.text


async def test_the_public_key_signs_nothing(http: httpx.AsyncClient, issuer: Published) -> None:
    """Taken for the secret of an algorithm that has one, it would let everybody in."""
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    algorithm = jwt.get_algorithm_by_name("HS256")
    header, said, _ = issuer.token().split(".")
    forged = jwt.utils.base64url_encode(b'{"alg":"HS256","kid":"rsa","typ":"JWT"}') + b"." + said.encode()
    token = forged + b"." + jwt.utils.base64url_encode(algorithm.sign(forged, pem))
    assert header
    for text in (token.decode(), "a.b.c", "..", issuer.token()[:-2], "x" * 5000):
        assert (await tasks(http, text)).json()["code"] == "unknown_key"


async def test_keys_may_change_at_any_time(http: httpx.AsyncClient, issuer: Published, clock: Clock) -> None:
    """A new one counts as soon as it is used; one that was taken back counts no more after a while."""
    old = issuer.token()
    assert (await tasks(http, old)).status_code == 200
    issuer.keys = {"new": ("RS256", OTHER)}
    assert (await tasks(http, issuer.token("new"))).status_code == 401
    clock.now += ASKED_AGAIN_AFTER + 1
    assert (await tasks(http, issuer.token("new"))).status_code == 200
    assert (await tasks(http, old)).status_code == 401
    new, issuer.keys = issuer.token("new"), {}
    assert (await tasks(http, new)).status_code == 200
    clock.now += KEPT_FOR + 1
    assert (await tasks(http, new)).status_code == 401


async def test_a_token_need_not_name_the_only_key(http: httpx.AsyncClient, issuer: Published, clock: Clock) -> None:
    """Where there are several nobody guesses."""
    nameless = issuer.token(None)
    assert (await tasks(http, nameless)).status_code == 401
    issuer.keys = {"rsa": issuer.keys["rsa"]}
    clock.now += KEPT_FOR + 1
    assert (await tasks(http, nameless)).status_code == 200
    assert (await tasks(http, issuer.token(None, key=OTHER, algorithm="RS256"))).status_code == 401


async def test_nobody_has_the_issuer_asked_again_and_again(http: httpx.AsyncClient, issuer: Published) -> None:
    """However many tokens name keys that there are not."""
    for number in range(20):
        await tasks(http, issuer.token(f"nope-{number}", key=OTHER, algorithm="RS256"))
    assert issuer.asked == 1


async def test_an_issuer_that_is_away_takes_no_known_key_with_it(
    http: httpx.AsyncClient, issuer: Published, clock: Clock
) -> None:
    """While none is known, nobody can say: ask again."""
    issuer.is_away = True
    unknown = await tasks(http, issuer.token())
    assert (unknown.status_code, unknown.json()["code"], "retry-after" in unknown.headers) == (503, "not_now", True)
    issuer.is_away = False
    assert (await tasks(http, issuer.token())).status_code == 200
    issuer.is_away = True
    clock.now += KEPT_FOR + 1
    assert (await tasks(http, issuer.token())).status_code == 200


@pytest.mark.parametrize(
    "says", [BadStatusLine("x"), IncompleteRead(b""), TimeoutError(), {"keys": ["x"]}, {"keys": 7}, {"keys": None}]
)
async def test_an_issuer_that_answers_nonsense_takes_no_known_key_with_it(
    app: FastAPI, http: httpx.AsyncClient, issuer: Published, clock: Clock, says: Any
) -> None:
    """Nor has it the request fail: an answer may be cut in its midst, or be no set of keys."""

    def fetch(url: str) -> Mapping[str, Any]:
        if clock.now <= KEPT_FOR or not url.endswith("/keys"):
            return fetch_document(url)
        if isinstance(says, Exception):
            raise says
        answer: Mapping[str, Any] = says
        return answer

    clock.now = 0
    app.state.tokens = Tokens(Issuer(issuer=issuer.url, audience="milepost"), fetch=fetch, clock=lambda: clock.now)
    assert (await tasks(http, issuer.token())).status_code == 200
    clock.now = KEPT_FOR + 1
    assert (await tasks(http, issuer.token())).status_code == 200


async def test_a_token_may_be_bound_to_accounts(app: FastAPI, http: httpx.AsyncClient, issuer: Published) -> None:
    """By a claim; without it the token sees nothing, and never everything."""
    whose = Issuer(issuer=issuer.url, audience="milepost", scope_claim="roles", accounts_claim="accounts")
    app.state.tokens = Tokens(whose)
    roles = ["milepost:manager", "milepost:admin", "milepost:dispatcher"]
    bound, nobodys = issuer.token(roles=roles, accounts=["acme"]), issuer.token(roles=roles)

    async def status(path: str, token: str) -> int:
        return (await http.get(path, headers={"Authorization": f"Bearer {token}"})).status_code

    assert [await status("/v1/entitlements?account=acme", one) for one in (bound, nobodys)] == [200, 404]
    assert [await status("/v1/entitlements?account=globex", one) for one in (bound, nobodys)] == [404, 404]
    assert [await status("/v1/catalog", one) for one in (bound, nobodys)] == [403, 403]
    asked = await http.post("/v1/orders", json={}, headers={"Authorization": f"Bearer {bound}"})
    assert asked.json()["code"] == "scope_too_small"


async def test_who_did_it_is_whom_the_token_names() -> None:
    """Its subject, where no claim has a name."""
    issuer = Issuer(issuer="https://id.example", audience="milepost")
    tokens = Tokens(issuer)
    named = tokens._caller({"sub": "u-1", "preferred_username": "ann", "scope": "milepost:agent"})
    assert (named.subject, named.name) == ("token/u-1", "ann")
    assert tokens._caller({"sub": "u-1", "preferred_username": 7}).name == "u-1"
    assert tokens._caller({"sub": "u-1", "scope": {"milepost:agent": 1}}).scopes == frozenset()


async def test_a_long_subject_is_known_by_its_digest() -> None:
    """It is part of what the store finds answers by. Two that begin alike are two."""
    tokens = Tokens(Issuer(issuer="https://id.example", audience="milepost"))
    one, other = (tokens._caller({"sub": "u" * 4000 + end, "scope": "milepost:agent"}).subject for end in "ab")
    assert one != other
    assert max(map(len, (one, other))) < 100
    assert tokens._caller({"sub": "u" * 255, "scope": "milepost:agent"}).subject == "token/" + "u" * 255


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,{}", ""])
def test_documents_come_from_the_web_alone(url: str) -> None:
    """Whatever a discovery document says."""
    with pytest.raises(ValueError, match="no web address"):
        fetch_document(url)
