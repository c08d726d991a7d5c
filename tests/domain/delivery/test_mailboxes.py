"""Which texts are an address, and what a mail server is told of it."""

import pytest

from domain.delivery.mailboxes import address_of, on_the_wire


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bo@example.org", "bo@example.org"),
        ("Bo <bo@example.org>", "Bo <bo@example.org>"),
        ("Dr. Ann <ann@example.org>", '"Dr. Ann" <ann@example.org>'),
        ("jo@exämple.de", "jo@xn--exmple-cua.de"),
        ("Jo Groß <jo@straße.de>", "Jo Groß <jo@xn--strae-oqa.de>"),
        ("jo@ｅｘａｍｐｌｅ。org", "jo@example.org"),
        ("x@host_name.local", "x@host_name.local"),
    ],
)
def test_an_address_is_told_with_its_domain_in_ascii(text: str, told: str) -> None:
    address = address_of(text)
    assert address is not None
    assert str(on_the_wire(address)) == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody",
        "nonsense@",
        "@example.org",
        "a b@example.org",
        "x@y.de, z@y.de",
        "J. R. <a b@example.org>",
        "jürgen@example.org",
        "jo@ex..ämple.de",
        "jo@-ä.de",
        "jo@" + "ä" * 70 + ".de",
        "a@[x y]",
        "a" * 243 + "@example.org",
    ],
)
def test_what_no_server_could_be_told_is_no_address(text: str) -> None:
    assert address_of(text) is None
