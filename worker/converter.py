"""The data converter of clients, workers and replayers: JSON by pydantic; what is none is refused at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.exceptions import ApplicationError

ENCRYPTED = b"binary/encrypted"
"""What a worker without the key sees of what is encrypted. It is no fault of the sender: another worker can read it."""


class RefusingConverter(PydanticPayloadConverter):
    """Refuses a payload in an encoding that nobody here knows, or that breaks its encoding.

    The SDK would fail the workflow task instead, which is tried for ever: a start would neither run nor fail.
    """

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """Decode payloads.

        Raises:
            ApplicationError: one can't be decoded. What is encrypted raises as the SDK does, and is waited for.
        """
        try:
            return super().from_payloads(payloads, type_hints)
        except (KeyError, RuntimeError) as error:
            if any(payload.metadata.get("encoding") == ENCRYPTED for payload in payloads):
                raise
            said = "an argument is no JSON: its encoding is unknown, or it breaks it"
            raise ApplicationError(said, type="bad_message", non_retryable=True) from error


data_converter = replace(pydantic_data_converter, payload_converter_class=RefusingConverter)
