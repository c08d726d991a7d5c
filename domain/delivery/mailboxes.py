"""Mail addresses: which texts are one, and how one is handed over to a mail server.

People write addresses in their own script. The domain of one goes over the wire in ASCII (IDNA), which every mail
server takes. What stands before the ``@`` has no such form. Where it is not ASCII, only servers that know SMTPUTF8
would take it, and of these only some pass it on: it is no address here.
"""

from __future__ import annotations

import re
from email.errors import HeaderMissingRequiredValue, MessageDefect, ObsoleteHeaderDefect
from email.headerregistry import Address
from email.policy import SMTP

from domain.bounds import MOST_ADDRESS
from domain.delivery.hosts import ascii_host

_BREAKS_COMMANDS = re.compile(r'[\s<>"]')
"""What no domain may hold where it stands in a line of SMTP."""


def address_of(text: str) -> Address | None:
    """The one address that a text is, perhaps with a name: ``Bo <bo@example.org>``; None: it is none.

    It is as it is written, in whatever script; `on_the_wire` is what a server is told.
    """
    try:
        header = SMTP.header_factory("To", one_line(text))
        [address] = header.addresses
    except (ValueError, IndexError, AttributeError, HeaderMissingRequiredValue):
        return None
    if not (address.username and address.domain) or not all(map(_is_harmless, header.defects)):
        return None
    found: Address = address
    if len(found.addr_spec) > MOST_ADDRESS:
        return None
    try:
        ascii_host(found.domain)
    except ValueError:
        return None
    return None if _BREAKS_COMMANDS.search(found.domain) else found


def on_the_wire(address: Address) -> Address:
    """The same address as a server is told it: its domain in ASCII.

    Raises:
        ValueError: no host has the name of its domain.
    """
    if address.domain.isascii():
        return address
    return Address(address.display_name, address.username, ascii_host(address.domain))


def one_line(text: str) -> str:
    """A text without line breaks and what else controls a terminal or a protocol: spaces stand there."""
    sendable = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", sendable).split())


def _is_harmless(defect: MessageDefect) -> bool:
    """Whether a defect is the dot of ``Dr. Ann <ann@example.org>``, which everybody writes and RFC 5322 takes."""
    return isinstance(defect, ObsoleteHeaderDefect) and "period in 'phrase'" in str(defect)
