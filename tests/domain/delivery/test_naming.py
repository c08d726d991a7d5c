"""Whether a text names somebody: as a whole, and in whichever form it is written."""

import json
import re
from collections.abc import Callable
from html import escape
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.delivery.naming import ERASED, Names, without_addresses

ANN = "ann@example.org"

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": str.upper,
    "HTML": escape,
    "URL": lambda text: quote(text, safe=""),
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps({"body": json.dumps({"text": text})}),
    "HTML in a value of JSON": lambda text: json.dumps({"html": escape(text)}),
    "a link in HTML in JSON": lambda text: json.dumps(f"<a href='mailto:{quote(text)}'>"),
}


@pytest.mark.parametrize(
    "text",
    [
        *("ann@example.org", "Ann <ann@example.org>, bo@example.org", "write to ann@example.org.", "ANN@Example.ORG"),
        *(
            "mailto:ann@example.org",
            "(ann@example.org)",
            "to=ann@example.org&cc=",
            "'ann@example.org'",
            "x/ann@example.org",
        ),
        *("Hello...ann@example.org", ".ann@example.org", "ann@example.org...", "see ann@example.org_"),
        *("_ann@example.org_", "**__ann@example.org__**", "_ann@example.org will call_", "_Ask ann@example.org._"),
    ],
)
def test_an_address_is_found_wherever_it_stands(text: str) -> None:
    assert Names([ANN]).are_in(text)


@pytest.mark.parametrize(
    "text",
    [
        *("joann@example.org", "jo.ann@example.org", "jo-ann@example.org", "x+ann@example.org"),
        *("jo_ann@example.org", "_ann@example.org", "jo_ann@example.org_", "jo._ann@example.org_"),
        *("ann@example.org.uk", "ann@example.orga", "ann@example.org-it", "ann at example.org", "ann", ""),
    ],
)
def test_the_address_of_another_is_not_found(text: str) -> None:
    assert not Names([ANN]).are_in(text)


IN_BOTH = ("ann@bücher.example", "ann@xn--bcher-kva.example")


@pytest.mark.parametrize("given", [*IN_BOTH, "ann@XN--Bcher-KVA.example", "Ann@BÜCHER.example"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_domain_is_found_in_its_own_script_and_in_ascii(form: Callable[[str], str], given: str) -> None:
    """It is the same person, however their domain is written; and in a database what is found is like a pattern."""
    names = Names([given])
    for written in (form(f"to Ann <{address}>") for address in IN_BOTH):
        assert names.are_in(written)
        likes = [re.escape(pattern).replace("%", ".*") for pattern in names.patterns]
        assert any(re.fullmatch(like, written.lower(), re.DOTALL) for like in likes)
    assert not any(map(names.are_in, ["ann@bucher.example", "joann@xn--bcher-kva.example", "ann@bücher.example.org"]))


@pytest.mark.parametrize("given", ["ann@xn--0.example", "ann@ü\u200b_.example", "ann@"])
def test_a_domain_that_no_host_has_is_found_as_it_is_given(given: str) -> None:
    assert Names([given]).are_in(f"to {given} and others")


def test_other_words_are_found_as_a_whole() -> None:
    """With any blanks between them."""
    names = Names([ANN, "Ann  Miller", "+49 30 1234"])
    assert all(map(names.are_in, ["Dear Ann\n Miller,", "ann miller", "call +49 30 1234!"]))
    assert all(map(names.are_in, ["name=Ann+Miller&tel=%2B49+30+1234", "tel=%2B49+30+1234", "to _Ann Miller_"]))
    assert not any(map(names.are_in, ["Joann Miller", "Ann Millers", "Ann", "+49 30 12345"]))


def test_values_are_looked_through() -> None:
    """Names of keys too."""
    names = Names([ANN])
    assert names.are_in({"a": [1, None, {"b": f"<{ANN}>"}]})
    assert names.are_in({ANN: 1})
    assert not names.are_in({"a": [1, None, {"b": "bo@example.org"}]})


def test_one_is_taken_out_of_a_list() -> None:
    """The others stay as they are written."""
    assert Names([ANN]).taken_out_of(f"Bo <bo@example.org>, Ann <{ANN}>, joann@example.org") == (
        f"Bo <bo@example.org>, {ERASED}, joann@example.org"
    )


@pytest.mark.parametrize(
    ("listed", "left"),
    [
        ('ann@example.com, "Do, Jo" <jo@example.com>, bo@example.com', f"ann@example.com, {ERASED}, bo@example.com"),
        (r'"Do, \"Jo, J\", X" <jo@example.com>, bo@example.com', f"{ERASED}, bo@example.com"),
        ('"Bo, B" <bo@example.com>, jo@example.com', f'"Bo, B" <bo@example.com>, {ERASED}'),
        ('5" Bo <bo@example.com>, jo@example.com', f'5" Bo <bo@example.com>, {ERASED}'),
    ],
)
def test_a_comma_within_quotes_is_part_of_a_name(listed: str, left: str) -> None:
    """So that no half of the name stays."""
    assert Names(["jo@example.com"]).taken_out_of(listed) == left


LOCAL = st.text(st.sampled_from("abcxyz019.+'-_&=/éß"), min_size=1, max_size=12).filter(str.strip)
AROUND = st.text(st.sampled_from(' \n\t<>()":;,é"\\'), max_size=6)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(local=LOCAL, before=AROUND, after=AROUND)
def test_each_form_is_found_and_is_like_a_pattern(
    form: Callable[[str], str], local: str, before: str, after: str
) -> None:
    """What a database looks for first holds whatever is found."""
    address = f"{local}@example.org"
    names = Names([address])
    before, after = (around.replace("é", " ") for around in (before, after))
    written = form(f"{before} {address} {after}")
    assert names.are_in(written)
    [pattern] = names.patterns
    rest = written.lower()
    for part in pattern.split("%"):
        assert part in rest
        rest = rest.partition(part)[2] if part else rest


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("550 5.1.1 <ann@example.org>: no such user", "550 5.1.1 <(address)>: no such user"),
        (
            "refused for ann@example.org: later; bo@xn--exmple-cua.de has it",
            "refused for (address): later; (address) has it",
        ),
        ("no mail can be sent to 'jürgen@exämple.de'", "no mail can be sent to '(address)'"),
        ('"Ann Miller"@example.org.', "(address)."),
        ("ann+sla@example.org,bo@example.org", "(address),(address)"),
        ("'a@b'; not reached @ 14:05", "'(address)'; not reached @ 14:05"),
        ("attempt 3: no answer within 20 s", "attempt 3: no answer within 20 s"),
    ],
)
def test_a_reason_that_stays_names_no_address(text: str, left: str) -> None:
    """Whosever it is; what stands around it stays."""
    assert without_addresses(text) == left


@given(st.from_regex(r"[A-Za-z0-9.!#$%&*+/=?^_`|~-]{1,20}@[a-z0-9-]{1,10}\.[a-z]{2,5}", fullmatch=True))
def test_no_part_of_an_address_is_left(address: str) -> None:
    """However it is made up."""
    assert without_addresses(f"550 <{address}> is nobody, {address}") == "550 <(address)> is nobody, (address)"
