"""What the server is told when it starts: its ports, its database, and how time passes in it."""

import json
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from worker.private import write_private

LOOPBACK = "127.0.0.1"

DYNAMIC_CONFIG: dict[str, bool | str | list[str]] = {
    # Switches on the virtual clock of worker/clock.py.
    "frontend.WorkflowTimeSkippingEnabled": True,
    # The default, 1s, makes every timer up to a second late, and five days of virtual time 5 s long instead of 0.14.
    "history.timerProcessorMaxTimeShift": "10ms",
    # Else a fast-forward is lost when a workflow continues as new.
    "history.workflowIdReuseMinimalInterval": "0s",
    # New search attributes can be used at once.
    "system.forceSearchAttributesCacheRefreshOnRead": True,
    # Nobody is let in by HTTP, which a development server of Temporal's own CLI can't be kept from listening for: it
    # takes what any web page sends it, without a token.
    "frontend.httpAllowedHosts": ["nobody.invalid"],
}

SERVICES = ("frontend", "history", "matching", "worker")


class Ports(BaseModel):
    """Every port a server listens on, all on the loopback interface.

    Attributes:
        ui: where the UI is found.
        behind_ui: where it listens itself, behind what stands before it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    grpc: dict[str, int]
    membership: dict[str, int]
    ui: int
    behind_ui: int

    @property
    def frontend(self) -> int:
        """The port clients connect to."""
        return self.grpc["frontend"]

    def all(self) -> list[int]:
        """Every one."""
        return [*self.grpc.values(), *self.membership.values(), self.ui, self.behind_ui]


def free_ports(*, frontend: int | None = None, ui: int | None = None) -> Ports:
    """Ports that nothing listens on now, but for those that are given."""
    count = 2 * len(SERVICES) + 2
    with ExitStack() as held:  # all at once, so that they differ
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        numbers = iter([one.getsockname()[1] for one in sockets])
        grpc = {service: next(numbers) for service in SERVICES}
        membership = {service: next(numbers) for service in SERVICES}
        free_ui, behind_ui = next(numbers), next(numbers)
    return Ports(
        grpc=grpc | ({"frontend": frontend} if frontend else {}),
        membership=membership,
        ui=ui or free_ui,
        behind_ui=behind_ui,
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: one just closed is free
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def write_server_config(directory: Path, ports: Ports, *, durable: bool) -> Path:
    """Write the server's configuration files into its folder.

    Args:
        directory: where its database and the files are.
        ports: where it listens.
        durable: whether a commit waits for the disk. Without, it survives its own death, not the machine's.

    Returns:
        The configuration file.
    """
    dynamic = directory / "dynamic-config.yaml"
    write_private(dynamic, _yaml({name: [{"value": value}] for name, value in DYNAMIC_CONFIG.items()}))
    config = directory / "server.yaml"
    write_private(config, _yaml(server_config(directory, ports, dynamic, durable=durable)))
    return config


def write_ui_config(directory: Path, ports: Ports, namespace: str) -> Path:
    """Write the UI's configuration; returns its folder, in which the file is named after the environment ``ui``."""
    config = {
        "host": LOOPBACK,
        "port": ports.behind_ui,
        "temporalGrpcAddress": f"{LOOPBACK}:{ports.frontend}",
        "enableUi": True,
        "defaultNamespace": namespace,
        "disableNewsFetch": True,  # nothing is fetched from elsewhere
        "cors": {"allowOrigins": [f"http://{LOOPBACK}:{ports.ui}", f"http://localhost:{ports.ui}"]},
    }
    write_private(directory / "ui.yaml", _yaml(config))
    return directory


def server_config(directory: Path, ports: Ports, dynamic: Path, *, durable: bool) -> dict[str, Any]:
    """The server's static configuration: one process, one SQLite file."""
    cluster = {
        "enabled": True,
        "initialFailoverVersion": 1,
        "rpcName": "frontend",
        "rpcAddress": f"{LOOPBACK}:{ports.frontend}",
    }
    return {
        "log": {"stdout": True, "level": "warn"},
        "persistence": {
            "defaultStore": "default",
            "visibilityStore": "visibility",
            "numHistoryShards": 1,
            "datastores": {
                "default": {"sql": _sqlite(directory / "temporal.db", durable=durable)},
                "visibility": {"sql": _sqlite(directory / "visibility.db", durable=durable)},
            },
        },
        "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": LOOPBACK}},
        "services": {
            service: {
                "rpc": {
                    "grpcPort": ports.grpc[service],
                    "membershipPort": ports.membership[service],
                    "bindOnLocalHost": True,  # and no httpPort: it would take what any web page sends it
                }
            }
            for service in SERVICES
        },
        "clusterMetadata": {
            "enableGlobalNamespace": False,
            "failoverVersionIncrement": 10,
            "masterClusterName": "active",
            "currentClusterName": "active",
            "clusterInformation": {"active": cluster},
        },
        "dcRedirectionPolicy": {"policy": "noop"},
        "dynamicConfigClient": {"filepath": str(dynamic), "pollInterval": "60s"},
    }


def _sqlite(file: Path, *, durable: bool) -> dict[str, Any]:
    return {
        "pluginName": "sqlite",
        "databaseName": str(file),
        "connectAddr": "localhost",
        "connectProtocol": "tcp",
        "connectAttributes": {
            "cache": "private",
            "setup": "true",
            "journal_mode": "wal",
            "synchronous": "2" if durable else "0",
        },
        "maxConns": 1,
        "maxIdleConns": 1,
        "maxConnLifetime": "1h",
    }


def _yaml(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"  # JSON is YAML
