import pytest

from worker.connection import connect
from worker.embedded import RunningServer
from worker.embedded.configuration import free_ports
from worker.errors import TemporalUnreachable


async def test_nothing_answers() -> None:
    """One sentence: where, and what would help."""
    address = f"127.0.0.1:{free_ports().frontend}"
    with pytest.raises(TemporalUnreachable, match=f"no Temporal server answers at {address} .*`milepost dev`"):
        await connect(address=address)


async def test_the_environment_says_where(monkeypatch: pytest.MonkeyPatch, server: RunningServer) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "elsewhere")
    client = await connect()
    assert client.service_client.config.target_host == server.address
    assert client.namespace == "elsewhere"


async def test_a_configuration_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_PROFILE", "no-such-profile")
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", "/nowhere/temporal.toml")
    with pytest.raises(TemporalUnreachable, match="no-such-profile"):
        await connect()
