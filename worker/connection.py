"""The connection to Temporal: where it is, how payloads are written, and one clear sentence when nothing answers."""

import asyncio
import gc
import re
from collections.abc import Sequence

from temporalio.client import Client, Plugin
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import RPCError

from worker.errors import TemporalUnreachable
from worker.payloads import DATA_CONVERTER

DEFAULT_ADDRESS = "localhost:7233"
PATIENCE = 10.0
"""Seconds in which a server has to answer."""

_SETTLING = 0.1

_QUOTED = re.compile(r'"([^"]+)"')
_NAME = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z]+)+")


async def connect(
    *,
    address: str | None = None,
    namespace: str | None = None,
    plugins: Sequence[Plugin] = (),
    patience: float = PATIENCE,
) -> Client:
    """Connect as the environment says (``TEMPORAL_ADDRESS``, namespace, TLS, API key, profile, or its file).

    Args:
        address: host and port, instead of the environment's; none of its TLS and API key is used then.
        namespace: instead of the environment's.
        plugins: what else client and worker share.
        patience: seconds in which the server has to answer.

    Raises:
        TemporalUnreachable: nothing answers, or the server refuses the connection.
    """
    try:
        loaded = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as error:
        raise TemporalUnreachable(f"Temporal's client configuration cannot be read: {error}") from error
    config: ClientConnectConfig = {} if address else loaded
    target = address or loaded.get("target_host") or DEFAULT_ADDRESS
    config["target_host"] = target
    config["namespace"] = namespace or loaded.get("namespace") or "default"
    try:
        return await asyncio.wait_for(
            Client.connect(**config, data_converter=DATA_CONVERTER, plugins=plugins), patience
        )
    except TimeoutError as error:
        raise TemporalUnreachable(_unreachable(target, f"no answer in {patience:g} s")) from error
    except (RuntimeError, RPCError, ValueError) as error:
        raise TemporalUnreachable(_unreachable(target, _in_words(str(error)))) from error


def _unreachable(target: str, reason: str) -> str:
    return (
        f"no Temporal server answers at {target} ({reason}). "
        "Start one with `milepost dev`, or set TEMPORAL_ADDRESS (and TEMPORAL_NAMESPACE, TEMPORAL_TLS, "
        "TEMPORAL_API_KEY as it needs them)."
    )


def _in_words(reason: str) -> str:
    """What the SDK's core says, without the Rust around it: its innermost text, or else its innermost name."""
    if "::" not in reason and "{" not in reason:
        return reason
    if texts := _QUOTED.findall(reason):
        return str(texts[-1])
    if names := _NAME.findall(reason):
        return re.sub(r"(?<!^)(?=[A-Z])", " ", names[-1]).lower()
    return "it can't be reached"


async def settle() -> None:
    """Await after the last client is gone, before the program ends.

    The SDK's threads may call back into an interpreter that is ending, and abort a program that had succeeded.
    """
    gc.collect()
    await asyncio.sleep(_SETTLING)
