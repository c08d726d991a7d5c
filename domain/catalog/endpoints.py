"""Endpoints: where outbound messages go, and by which secrets they are known there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from domain.delivery.hosts import ascii_url
from domain.ids import EndpointId
from domain.model import Value

_TAKEN = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect", "te", "trailer"})
_OWN_VARIABLES = ("MILEPOST_", "TEMPORAL_")
_ORIGIN = re.compile(r"https?://[^/?#{}\s]+(?=[/?#]|$)")


class SecretSource(Value):
    """Where a secret is read at the moment at which it is needed; never the secret itself.

    Attributes:
        env: an environment variable of the worker's.
        file: an absolute path on the worker's machine.
        prefix: goes before a header's value, such as ``"Bearer "``.
    """

    env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=200)
    file: str | None = Field(default=None, max_length=500)
    prefix: str = Field(default="", max_length=100)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is read from one place; give either env: NAME or file: PATH")
        if self.env is not None and self.env.upper().startswith(_OWN_VARIABLES):
            raise ValueError(f"{self.env} is a setting of Milepost or Temporal, which is sent to nobody; name another")
        if self.file is not None and not PurePath(self.file).is_absolute():
            raise ValueError(f"{self.file!r} is no absolute path; a worker reads it, wherever it was started")
        return self

    @property
    def named(self) -> str:
        """The place, for people."""
        return f"environment variable {self.env}" if self.env is not None else f"file {self.file}"


class Endpoint(Value):
    """Where outbound messages go.

    Attributes:
        retired: ended; nothing is deleted by being left out of the files.
        kind: `standard`, a web hook signed by Standard Webhooks; or `rest`, a call as the receiver wants it.
        url: of `rest` a template behind its host.
        method: of the request.
        headers: more of them: a text (of `rest` a template), or where a secret is read.
        body: of `rest`: a template of JSON; left out: the event.
        told: addresses that are mailed when it is switched off.
        secrets: what a standard web hook is signed with; several while one is rotated.
    """

    id: EndpointId
    name: str = Field(default="", max_length=200)
    retired: bool = False
    kind: Literal["standard", "rest"] = "standard"
    url: str = Field(max_length=2000)
    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] = "POST"
    headers: dict[str, str | SecretSource] = Field(default_factory=dict)
    body: str = ""
    secrets: list[SecretSource] = Field(default_factory=list, max_length=4)
    told: list[str] = Field(default_factory=list, max_length=10, exclude_if=lambda value: not value)

    @field_validator("url")
    @classmethod
    def _leads_to_one_host(cls, url: str) -> str:
        origin = _ORIGIN.match(url)
        if origin is None or not _host_of(origin[0]) or "@" in origin[0]:
            raise ValueError(
                f"{url[:80]!r} leads to no host; write http or https, the host without user or password and without "
                "a template, then the path: https://example.com/hooks"
            )
        return url

    @field_validator("told", mode="before")
    @classmethod
    def _one_or_many(cls, told: Any) -> Any:
        return [told] if isinstance(told, str) else told

    @field_validator("told")
    @classmethod
    def _are_addresses(cls, told: list[str]) -> list[str]:
        for address in told:
            if not re.fullmatch(r"[^\s@]{1,64}@[^\s@]{1,255}", address):
                raise ValueError(f"{address[:80]!r} is no mail address; write one like desk@example.com")
        return told

    @field_validator("headers")
    @classmethod
    def _may_be_sent(cls, headers: dict[str, str | SecretSource]) -> dict[str, str | SecretSource]:
        for name in headers:
            if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name):
                raise ValueError(f"{name[:80]!r} is no name of a header; use letters, digits and -")
            if name.lower() in _TAKEN or name.lower().startswith("webhook-"):
                raise ValueError(f"the header {name} is Milepost's own; leave it out")
        return headers

    @model_validator(mode="after")
    def _is_of_its_kind(self) -> Self:
        if self.kind == "rest":
            if self.secrets:
                raise ValueError("a rest endpoint signs nothing; put its secrets into headers, or make it standard")
            return self
        if not self.secrets and not self.retired:
            raise ValueError("a standard endpoint signs what it sends; give secrets: [{env: NAME}]")
        if any(secret.prefix for secret in self.secrets):
            raise ValueError("prefix is for headers; a secret that signs has none")
        if self.method != "POST" or self.body:
            raise ValueError("a standard endpoint posts the event as it is; method and body are for kind: rest")
        return self


def url_problem(endpoint: Endpoint) -> str | None:
    """Why nothing can be requested at the URL of an endpoint; None: something can.

    It is asked of what is applied: one that is stored is read all the same.
    """
    origin = _ORIGIN.match(endpoint.url)
    written_out = endpoint.url if endpoint.kind == "standard" or origin is None else origin[0]
    try:
        _ = urlsplit(ascii_url(written_out)).port
    except ValueError as error:
        return f"{endpoint.url[:80]!r} can't be requested: {error}; write the host as a browser takes it"
    return None


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).hostname
    except ValueError:
        return None


def templates_of_endpoint(endpoint: Endpoint) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The templates of an endpoint: where in it, and what is written there."""
    if endpoint.kind != "rest":
        return
    yield ("url",), endpoint.url
    for name, value in endpoint.headers.items():
        if isinstance(value, str):
            yield ("headers", name), value
    yield ("body",), endpoint.body
