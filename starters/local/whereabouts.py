"""Where Temporal and the store are, for the commands: as the environment says, else where `milepost dev` put them.

While `milepost dev` runs it leaves a note in the data folder, so that the commands in the next terminal find it.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from worker.private import private_folder, write_private
from worker.settings import Settings, get_settings

if TYPE_CHECKING:
    from temporalio.client import Client

_NOTE = "running.json"
_ANSWERS_WITHIN = 0.5


class Whereabouts(BaseModel):
    """Where a running `milepost dev` has its parts.

    Attributes:
        address: of Temporal, host and port.
        ui: the URL of the Temporal UI, if it has one.
        api: the URL of the HTTP API, once it is served.
        database: the store's SQLAlchemy URL, with its password: the note is its owner's alone.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    address: str
    namespace: str
    task_queue: str
    database: str
    ui: str | None = None
    api: str | None = None


@contextlib.contextmanager
def announced(whereabouts: Whereabouts, settings: Settings) -> Iterator[None]:
    """Let the other commands of this machine find it for as long as the context lasts."""
    note = settings.data / _NOTE
    private_folder(note.parent)
    written = whereabouts.model_dump_json()
    write_private(note, written)
    try:
        yield
    finally:
        if note.exists() and note.read_text() == written:  # else another one runs by now
            note.unlink()


def running_here(settings: Settings) -> Whereabouts | None:
    """What runs on this machine and left a note, if it answers."""
    try:
        found = Whereabouts.model_validate_json((settings.data / _NOTE).read_text())
    except (OSError, ValidationError):
        return None
    host, _, port = found.address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _ANSWERS_WITHIN):
            return found
    except (OSError, ValueError):
        return None


def anything_runs() -> bool:
    """Whether the environment names a server, or `milepost dev` runs one here."""
    return _environment_names_a_server() or running_here(get_settings()) is not None


def effective_settings() -> Settings:
    """The settings of the environment; what it leaves open, as the running `milepost dev` has it.

    Raises:
        SettingsError: a variable has a value that cannot be.
    """
    settings = get_settings()
    if _environment_names_a_server():
        return settings
    found = running_here(settings)
    if found is None:
        return settings
    unset: dict[str, str] = {}
    if settings.database_url is None:
        unset["database_url"] = found.database
    if "task_queue" not in settings.model_fields_set:
        unset["task_queue"] = found.task_queue
    if settings.api_url is None and found.api is not None:
        unset["api_url"] = found.api
    return settings.model_copy(update=unset)


def database_comes_from() -> str:
    """What said where the database is, for people who have to put that right."""
    settings = get_settings()
    if settings.database_url is not None:
        return "from MILEPOST_DATABASE_URL"
    if not _environment_names_a_server() and running_here(settings):
        return "from the `milepost dev` that runs here"
    return f"in the data folder, {_data_comes_from(settings)}; MILEPOST_DATABASE_URL names another"


def trouble_with_data_folder(error: OSError) -> str | None:
    """What is wrong with the data folder, if it is that of which the system complains."""
    settings = get_settings()
    data = settings.data.absolute()
    complained = Path(os.fsdecode(error.filename)).absolute() if isinstance(error.filename, str | bytes) else None
    if complained not in {data, *data.parents} or (data.is_dir() and complained != data):
        return None
    wrong = "is a file" if complained.is_file() else f"can't be used: {error.strerror}"
    at = "it" if complained == data else complained
    expected = "expected a folder that can be written to, or made"
    return f"the data folder {settings.data}, {_data_comes_from(settings)}: {at} {wrong}; {expected}"


def _data_comes_from(settings: Settings) -> str:
    return "from MILEPOST_DATA" if "data" in settings.model_fields_set else "the default; MILEPOST_DATA names another"


async def connect_to_temporal(*, makes_namespace: bool = False) -> Client:
    """Connect to the server that the environment names, else to the running `milepost dev`, else to the usual address.

    Args:
        makes_namespace: whoever connects makes the namespace that is missing.

    Raises:
        TemporalUnreachable: nothing answers there, or there is no such namespace.
    """
    from worker.connection import connect
    from worker.namespace import require_namespace

    if not _environment_names_a_server() and (found := running_here(get_settings())):
        namespace = os.environ.get("TEMPORAL_NAMESPACE") or found.namespace
        client = await connect(address=found.address, namespace=namespace)
    else:
        client = await connect()
    if not makes_namespace:
        await require_namespace(client)
    return client


def _environment_names_a_server() -> bool:
    if os.environ.get("TEMPORAL_ADDRESS"):
        return True
    if not _anything_is_configured():
        return False
    from temporalio.envconfig import ClientConfig

    try:
        return "target_host" in ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError):
        return True  # `connect` says what is wrong with it


def _anything_is_configured() -> bool:
    """Whether there is anything for the SDK to read, which takes a while to load."""
    variables = any(name.startswith("TEMPORAL_") for name in os.environ)
    return variables or (platformdirs.user_config_path(roaming=True) / "temporalio" / "temporal.toml").exists()
