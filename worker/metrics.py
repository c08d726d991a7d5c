"""Metrics of a worker for Prometheus, such as how often a workflow had to leave the cache."""

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from worker.settings import SettingsError


def expose_metrics(address: str | None) -> None:
    """Serve the SDK's metrics at ``http://ADDRESS/metrics``; nothing is served without an address.

    Call it before the process connects to Temporal for the first time.

    Raises:
        SettingsError: nobody can listen there.
    """
    if address is None:
        return
    try:
        runtime = Runtime(telemetry=TelemetryConfig(metrics=PrometheusConfig(bind_address=address)))
    except (RuntimeError, ValueError) as error:
        raise SettingsError(f"MILEPOST_METRICS: no metrics can be served at {address!r}: {error}") from error
    Runtime.set_default(runtime, error_if_already_set=False)
