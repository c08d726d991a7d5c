"""How payloads are written and read: plain JSON, of which every build reads what it knows; what is none is refused."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)
from temporalio.exceptions import ApplicationError

ENCRYPTED = b"binary/encrypted"
"""What a worker without the key sees of what is encrypted. It is no fault of the sender: another worker can read it."""

_adapter = lru_cache(maxsize=1024)(TypeAdapter)


class OwnPayloads(PydanticJSONPlainPayloadConverter):
    """The SDK's pydantic converter, which here ignores keys that a type does not know, however deep they are.

    What has a type on the wire was written by a build of Milepost: what activities are asked and answer, and what
    workflows answer. A newer build may have more to say. What comes from anybody else, the arguments of workflows,
    updates, signals and queries, is taken as plain JSON and read strictly (`domain.messages.inbox`).
    """

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Decode a value of the type that is wanted.

        Raises:
            ValidationError: it can't be read as one.
        """
        adapter: TypeAdapter[Any] = _adapter(Any if type_hint is None else type_hint)
        return adapter.validate_json(payload.data, extra="ignore")


_CONVERTERS = tuple(
    OwnPayloads() if isinstance(one, JSONPlainPayloadConverter) else one
    for one in DefaultPayloadConverter.default_encoding_payload_converters
)
"""They keep nothing, and the SDK makes a converter anew for every activation and activity."""


class MilepostPayloads(CompositePayloadConverter):
    """The SDK's converters, with the one for JSON in place of its own.

    A payload in an encoding that nobody here knows, or that breaks its encoding, is refused. The SDK would fail the
    workflow task instead, which is tried for ever: a start would neither run nor fail.
    """

    def __init__(self) -> None:
        super().__init__(*_CONVERTERS)

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Decode payloads.

        Raises:
            ApplicationError: one can't be decoded. What is encrypted raises as the SDK does, and is waited for.
            ValidationError: one is JSON, and not of the type that is wanted; a newer build may have written it.
        """
        try:
            return super().from_payloads(payloads, type_hints)
        except (KeyError, RuntimeError, ValidationError) as error:
            is_encrypted = any(payload.metadata.get("encoding") == ENCRYPTED for payload in payloads)
            if is_encrypted or (isinstance(error, ValidationError) and not _is_no_json(error)):
                raise
            said = "an argument is no JSON: its encoding is unknown, or it breaks it"
            raise ApplicationError(said, type="bad_message", non_retryable=True) from error


def _is_no_json(error: ValidationError) -> bool:
    return any(one["type"] == "json_invalid" for one in error.errors(include_url=False, include_input=False))


DATA_CONVERTER = DataConverter(payload_converter_class=MilepostPayloads)
"""Plain JSON: a client in any language can read and write it."""
