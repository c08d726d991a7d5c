"""What a process that goes on running tells whoever runs it: its log, and metrics for Prometheus."""

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from worker.logs import write_logs
from worker.settings import Settings, SettingsError


def tell_operators(settings: Settings, *, metrics: bool = True) -> None:
    """Write the log as it is set, and serve the SDK's metrics at ``http://ADDRESS/metrics`` if an address is set.

    Call it before the process connects to Temporal for the first time.

    Args:
        settings: of the process.
        metrics: whether it is one that serves metrics.

    Raises:
        SettingsError: nobody can listen at the address.
    """
    address = settings.metrics if metrics else None
    served = None if address is None else PrometheusConfig(bind_address=address)
    try:
        runtime = Runtime(telemetry=TelemetryConfig(logging=write_logs(settings), metrics=served))
    except (RuntimeError, ValueError) as error:
        raise SettingsError(f"MILEPOST_METRICS: no metrics can be served at {address!r}: {error}") from error
    Runtime.set_default(runtime, error_if_already_set=False)
