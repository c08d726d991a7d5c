import pytest

from worker.connection import connect
from worker.embedded import RunningServer
from worker.embedded.configuration import free_ports
from worker.errors import TemporalUnreachable


async def test_nothing_answers() -> None:
    """One sentence: where, and what would help."""
    address = f"127.0.0.1:{free_ports().frontend}"
    with pytest.raises(TemporalUnreachable) as unreachable:
        await connect(address=address)
    assert str(unreachable.value) == (
        f"no Temporal server answers at {address} (Connection refused). Start one with `milepost dev`, or set "
        "TEMPORAL_ADDRESS (and TEMPORAL_NAMESPACE, TEMPORAL_TLS, TEMPORAL_API_KEY as it needs them)."
    )


async def test_a_server_that_speaks_no_tls(monkeypatch: pytest.MonkeyPatch, server: RunningServer) -> None:
    """What the core gives a name only is told in words."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", server.address)
    monkeypatch.setenv("TEMPORAL_TLS", "true")
    with pytest.raises(TemporalUnreachable, match=rf"at {server.address} \(invalid content type\)\. Start"):
        await connect()


async def test_an_address_that_is_none() -> None:
    with pytest.raises(TemporalUnreachable, match=r"at 127\.0\.0\.1:99999 \(invalid target URL: invalid port number\)"):
        await connect(address="127.0.0.1:99999")


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
