"""Which addresses a web hook may be sent to: those of the open internet, and others only by name.

A web hook is a request that somebody else's text sends from inside the network. Private, loopback, link-local and
metadata addresses are therefore closed, in whatever notation they come.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_TRANSLATED = [ip_network(one) for one in ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96")]
"""IPv6 addresses that lead to the IPv4 address in their last four bytes: by a translator (RFC 6052), compatible ones of
old (RFC 4291) and stateless translation (RFC 2765)."""
_INSIDE = [ip_network(one) for one in ("fec0::/10", "64:ff9b:1::/48")]
"""Site-local addresses (RFC 3879), and those that a network's own translator makes into IPv4 ones as it likes
(RFC 8215), which Python takes for global."""
_PROTOCOLS = ip_network("192.0.0.0/24")
"""IETF protocol assignments (RFC 6890), of which older Pythons know a part only."""
_LAST_FOUR_BYTES = 0xFFFF_FFFF


def is_open(address: str) -> bool:
    """Whether an IP address belongs to the open internet.

    Raises:
        ValueError: it is no IP address.
    """
    ip = ip_address(address.partition("%")[0])
    return all(_is_public(one) for one in (ip, *_inside(ip)))


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast and not any(ip in one for one in (_PROTOCOLS, *_INSIDE))


def _inside(ip: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(ip, IPv4Address):
        return []
    inside = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if any(ip in one for one in _TRANSLATED):
        inside.append(IPv4Address(int(ip) & _LAST_FOUR_BYTES))
    return [one for one in inside if one is not None]
