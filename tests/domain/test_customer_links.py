"""Links to customers' pages: signed, with an end, and for one account."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from domain.customer_links import LONGEST_LINK, CustomerLink, LinkKey, read_link, signed_link
from domain.delivery.signing import Secret

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
UNTIL = NOW + timedelta(days=30)
OLD = LinkKey.of(Secret(b"o" * 32, is_private=False))
NEW = LinkKey.of(Secret(b"n" * 32, is_private=False))
LINK = CustomerLink(id="0123456789abcdef", account="acme", expires_at=UNTIL)


def said(**told: object) -> str:
    """What a link would say."""
    text = json.dumps({"id": LINK.id, "account": "acme", "until": int(UNTIL.timestamp()), **told})
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def test_a_link_says_what_was_signed() -> None:
    text = signed_link(LINK, NEW)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert read_link(text, [NEW], NOW) == LINK


def test_it_opens_nothing_from_its_end_on() -> None:
    text = signed_link(LINK, NEW)
    assert read_link(text, [NEW], UNTIL - timedelta(seconds=1)) == LINK
    assert read_link(text, [NEW], UNTIL) is None


def test_a_rotation_leaves_links_good_until_their_secret_goes() -> None:
    """The new secret signs; what the old one signed stays good beside it."""
    text = signed_link(LINK, OLD)
    assert read_link(text, [NEW, OLD], NOW) == LINK
    assert read_link(text, [NEW], NOW) is None
    assert OLD.id in text
    assert OLD.id != NEW.id


@pytest.mark.parametrize("told", [{"account": "globex"}, {"until": 2**33}, {"id": "f" * 16}])
def test_nothing_of_it_can_be_changed(told: dict[str, object]) -> None:
    """Another account, a later end, another id under the signature of this link."""
    _, key, signature = signed_link(LINK, NEW).split(".")
    assert read_link(f"{said(**told)}.{key}.{signature}", [NEW, OLD], NOW) is None


def test_what_one_key_signed_is_not_taken_under_another() -> None:
    told, _, signature = signed_link(LINK, OLD).split(".")
    assert read_link(f"{told}.{NEW.id}.{signature}", [NEW, OLD], NOW) is None


def test_a_signature_of_something_else_by_the_same_secret_is_none() -> None:
    """A web hook is signed by the same kind of secret; its text may look like a link."""
    secret = Secret(b"n" * 32, is_private=False)
    told = said()
    signature = secret.sign(f"{told}.{NEW.id}".encode()).removeprefix("v1,").rstrip("=")
    assert read_link(f"{told}.{NEW.id}.{signature.replace('+', '-').replace('/', '_')}", [NEW], NOW) is None


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a.b", "a.b.c.d", "é.ü.ß", "\ud800.\udc00.x", "x" * (LONGEST_LINK + 1), f".{NEW.id}."],
)
def test_whatever_is_no_link_opens_nothing(text: str) -> None:
    assert read_link(text, [NEW], NOW) is None
    assert read_link(text, [], NOW) is None


@pytest.mark.parametrize("told", ["{", "[]", '{"id": 1}', '{"id": "0123456789abcdef", "account": "a", "until": 1e99}'])
def test_what_we_signed_and_do_not_understand_opens_nothing(told: str) -> None:
    """As a later build may sign."""
    text = base64.urlsafe_b64encode(told.encode()).rstrip(b"=").decode()
    assert read_link(f"{text}.{NEW.id}.{NEW.sign(text)}", [NEW], NOW) is None


def test_a_refusal_costs_one_signature_whatever_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """So how long it takes says nothing of what is known here."""
    made: list[str] = []
    sign = LinkKey.sign

    def counted(key: LinkKey, told: str) -> str:
        made.append(told)
        return sign(key, told)

    monkeypatch.setattr(LinkKey, "sign", counted)
    good = signed_link(LINK, NEW)
    expired = signed_link(LINK.model_copy(update={"expires_at": NOW}), NEW)
    for text in ("", good[:-1] + "x", expired, good.replace(NEW.id, "0" * 12)):
        made.clear()
        assert read_link(text, [NEW, OLD], NOW) is None
        assert len(made) == 1


def test_a_secret_is_in_no_text() -> None:
    assert "nnnn" not in repr(NEW) + signed_link(LINK, NEW) + NEW.id
