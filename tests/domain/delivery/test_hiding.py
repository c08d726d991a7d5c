"""Secrets are masked in whatever a receiver said, in each form in which it may write them."""

import base64
import json
import time
from collections.abc import Callable
from html import escape
from html.entities import codepoint2name
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.delivery.hiding import MASK, Hiding

SECRET = "hunter2-'s/ecr&et\\"  # noqa: S105  what is masked
TOKEN = "k9Xz+Qw/73b+Lm0pQ=="  # noqa: S105  what is masked
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


@pytest.mark.parametrize(
    "written",
    [
        TOKEN.replace("+", "\\u002B"),  # System.Text.Json
        TOKEN.replace("+", "&#43;").replace("=", "&#61;"),  # html/template of Go
        TOKEN.replace("=", "\\u003d"),
        TOKEN.replace("+", "&#x2B;").replace("/", "&#x2F;").replace("=", "&#x3D;"),
        TOKEN.replace("+", "&plus;").replace("/", "&sol;").replace("=", "&equals;"),
        TOKEN.replace("+", "%2B"),
        TOKEN.replace("+", " "),
        TOKEN.replace("+", "%20"),
        TOKEN.replace("+", "\\u0026#43;"),
        TOKEN.replace("+", "&amp;#43;"),
        TOKEN.replace("+", "\\\\u002b"),
        TOKEN.replace("+", "%252B"),
        base64.b64encode(TOKEN.encode()).decode().replace("=", "\\u003D"),
    ],
)
def test_a_token_is_masked_however_its_letters_are_escaped(written: str) -> None:
    """Frameworks differ in which letters they escape."""
    assert Hiding([TOKEN]).masked(f'{{"token": "{written}", "is": "bad"}}') == f'{{"token": "{MASK}", "is": "bad"}}'


def _as_bytes(letter: str, prefix: str) -> str:
    return "".join(f"{prefix}{byte:02x}" for byte in letter.encode())


ESCAPES: list[Callable[[str], str]] = [
    str,
    str,
    lambda letter: json.dumps(letter)[1:-1],
    lambda letter: json.dumps(letter)[1:-1].upper().replace("\\U", "\\u"),
    lambda letter: letter if letter.isalnum() else "\\" + letter,
    lambda letter: letter if ord(letter) > 0xFFFF else f"\\u{ord(letter):04x}",
    lambda letter: letter if ord(letter) > 0xFFFF else f"\\u{ord(letter):04X}",
    lambda letter: _as_bytes(letter, "%"),
    lambda letter: _as_bytes(letter, "%").upper(),
    lambda letter: _as_bytes(letter, "\\x"),
    lambda letter: f"&#{ord(letter)};",
    lambda letter: f"&#000{ord(letter)};",
    lambda letter: f"&#x{ord(letter):x};",
    lambda letter: f"&#X00{ord(letter):X};",
    lambda letter: f"&{codepoint2name[ord(letter)]};" if ord(letter) in codepoint2name else letter,
    lambda letter: " " if letter == "+" else letter,
]
LETTERS = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("+/=&%\\\"'<>#;ux0 aA1")


@given(st.lists(st.tuples(LETTERS, st.sampled_from(ESCAPES)), min_size=4, max_size=40))
@example([(letter, str) for letter in "\\u0041\\\\"])
def test_each_letter_may_be_escaped_in_a_way_of_its_own(letters: list[tuple[str, Callable[[str], str]]]) -> None:
    """Whatever the secret, and whichever forms are mixed."""
    secret, written = "".join(letter for letter, _ in letters), "".join(escaped(letter) for letter, escaped in letters)
    assert Hiding([secret]).masked(f"<{written}>").strip("<>") == MASK


def test_what_is_no_secret_stays() -> None:
    """Also where it is escaped, and looks a little like one."""
    for said in ("k9Xz+Qw/73b", "the token &#43; is old \\u002B", "100% of &lt;all&gt;", "k9Xz&#44;Qw/73b+Lm0pQ=="):
        assert Hiding([TOKEN]).masked(said) == said


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


def test_a_cut_leaves_no_head_of_a_secret_that_is_escaped() -> None:
    """Nor of an escape."""
    written = TOKEN.replace("+", "&#x0002B;").replace("/", "\\u002F")
    for end in range(1, len(written)):
        said = Hiding([TOKEN]).masked("why? " * 20 + written[:end], is_cut=True)
        assert ("why? " * 20).startswith(said)
        assert said.count("why?") > 5


def test_a_line_without_secrets_stays_as_it_is() -> None:
    assert Hiding().line(" not  now\r\nplease\x00 ") == "not now please"
    assert Hiding([""]).masked("fine") == "fine"


def test_a_long_answer_is_masked_soon() -> None:
    """However it is made to look like a secret all over."""
    began = time.process_time()
    Hiding(["a" * 40, SIGNS, PAIR, SECRET]).line("a" * 65536, is_cut=True)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("unit", ["\\", "\\u005c", "%25", "&amp;", "&#38;amp;", "+", "&#x000000", "\\u0026"])
def test_no_answer_takes_long(unit: str) -> None:
    """Whatever escapes it is full of, also of a secret that looks like them."""
    began = time.process_time()
    hiding = Hiding([TOKEN, unit * 40 + "x", "x" + unit * 40, "\\" * 50 + "x"])
    hiding.line((unit * 65536)[:65536], is_cut=True)
    assert time.process_time() - began < 5
