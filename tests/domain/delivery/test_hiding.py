"""Secrets are masked in whatever a receiver said, in each form in which it may write them."""

import base64
import json
import time
from html import escape
from urllib.parse import quote

import pytest

from domain.delivery.hiding import MASK, Hiding

SECRET = "hunter2-'s/ecr&et\\"  # noqa: S105  what is masked
PAIR = base64.b64encode(b"milepost:hunter2-pass").decode()
SIGNS = "whsec_" + base64.b64encode(b"o" * 32).decode()


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        SECRET.upper(),
        json.dumps(SECRET),
        json.dumps(SECRET).replace("/", "\\/"),
        repr(SECRET),
        repr(SECRET.encode()),
        escape(SECRET),
        quote(SECRET),
        quote(SECRET, safe="").lower(),
        *(base64.b64encode(head + SECRET.encode()).decode() for head in (b"", b"u", b"\0u", b"Bearer ", b"\0ab\0")),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_each_way_of_writing_a_secret_is_masked(written: str) -> None:
    said = Hiding([SECRET]).masked(f"invalid token: Bearer {written}, sorry")
    assert MASK in said
    assert said.startswith("invalid token: Bearer ")
    assert said.endswith(", sorry")
    assert "hunter" not in said.lower()
    assert base64.b64encode(SECRET.encode()).decode()[4:12] not in said


def test_what_a_secret_is_made_of_is_masked() -> None:
    """The halves of a pair, also in base64, what follows a scheme, and a signing key without its prefix."""
    said = Hiding([PAIR]).masked(f"{PAIR} is milepost:hunter2-pass, and hunter2-pass is wrong for milepost")
    assert said == f"{MASK} is {MASK}, and {MASK} is wrong for {MASK}"
    assert Hiding(["Bearer hunter2-pass"]).masked("no: hunter2-pass") == f"no: {MASK}"
    assert Hiding(["Basic " + PAIR]).masked("no: hunter2-pass") == f"no: {MASK}"
    assert Hiding(["milepost:hunter2-pass"]).masked("no: hunter2-pass") == f"no: {MASK}"
    assert Hiding([SIGNS]).masked(f"not signed by {SIGNS[6:]}") == f"not signed by {MASK}"


def test_secrets_that_overlap_leave_nothing() -> None:
    assert Hiding(["abcdef", "defghi"]).masked("xx abcdefghi xx") == f"xx {MASK} xx"


def test_a_text_with_a_secret_too_short_to_mask_is_not_shown() -> None:
    """Gaps would tell what it is; a text without it stays."""
    assert Hiding(["a1z"]).masked("the token A1Z is old") == MASK
    assert Hiding(["a1z"]).masked("no such token") == "no such token"
    assert Hiding([base64.b64encode(b"user:x9").decode()]).masked("x9 is wrong") == MASK


def test_a_cut_leaves_no_head_of_a_secret() -> None:
    """Neither the cut that makes a line short, nor one that was made before, while the answer was read."""
    hiding = Hiding(["s" * 100 + "ecret" * 60])
    secret = "s" * 100 + "ecret" * 60
    assert hiding.line("x" * 190 + " " + secret) == "x" * 190 + f" {MASK}"
    assert hiding.line("x " + secret[:150], is_cut=True).strip() in {"x", ""}
    assert hiding.line("why? " * 1000, is_cut=True) == ("why? " * 40)


def test_a_line_without_secrets_stays_as_it_is() -> None:
    assert Hiding().line(" not  now\r\nplease\x00 ") == "not now please"
    assert Hiding([""]).masked("fine") == "fine"


def test_a_long_answer_is_masked_soon() -> None:
    """However it is made to look like a secret all over."""
    began = time.process_time()
    Hiding(["a" * 40, SIGNS, PAIR, SECRET]).line("a" * 65536, is_cut=True)
    assert time.process_time() - began < 5
