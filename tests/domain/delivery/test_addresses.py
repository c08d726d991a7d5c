"""Which addresses a web hook may be sent to."""

import pytest

from domain.delivery.addresses import is_open


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101", "::1.1.1.1"]
)
def test_the_open_internet_is_open(address: str) -> None:
    assert is_open(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104  what is refused
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "fec0::1",
        "feff::1",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1:ffff::101:101",
        "::127.0.0.1",
        "::10.0.0.1",
        "::ffff:0:127.0.0.1",
    ],
)
def test_what_lies_inside_a_network_is_closed(address: str) -> None:
    """Also an IPv4 address in the clothes of an IPv6 one."""
    assert not is_open(address)


def test_a_name_is_no_address() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        is_open("localhost")
