"""How the connection to a mail server is encrypted."""

from __future__ import annotations

from enum import StrEnum


class Encryption(StrEnum):
    """What is asked of the server; one that does not offer it gets nothing."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"
