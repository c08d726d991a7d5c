"""What a process that goes on running writes to its log: lines from a level on, as text or JSON; an outage briefly.

A database or a Temporal server that is away is met by every part that looks for it, each time anew. One line a minute
says so, and a traceback would add nothing to it.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator

from sqlalchemy.exc import OperationalError
from temporalio.runtime import LogForwardingConfig, LoggingConfig, TelemetryFilter
from temporalio.service import RPCError, RPCStatusCode

from store.errors import StoreError
from worker.settings import Settings

OF_OUTAGE_EVERY = 60.0
"""Seconds in which an outage is told once."""

_OF_CORE = {"info": "INFO", "warning": "WARN", "error": "ERROR"}
"""The level in the words of the SDK's core."""

_OURS = ("activities", "clients", "domain", "starters", "store", "worker", "workflows", "temporalio")
"""The loggers that the level is for. Libraries would tell of each statement and request, so they begin at warnings."""


def write_logs(settings: Settings) -> LoggingConfig:
    """Write the log to stderr from now on, as the settings say.

    Returns:
        How the SDK hands what it says from below Python to the same log, for the runtime of the process.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handler = logging.StreamHandler()
    handler.addFilter(Outages())
    handler.setFormatter(_Json() if settings.log_format == "json" else _Lines())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    return LoggingConfig(
        filter=TelemetryFilter(core_level=_OF_CORE[settings.log_level], other_level="ERROR"),
        forwarding=LogForwardingConfig(logger=logging.getLogger("temporalio.core")),
    )


class Outages(logging.Filter):
    """Makes a line of what says that the database or Temporal is away, and lets one through in a minute.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told_at: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written; that of an outage loses its traceback and gets its reason."""
        found = _outage(record.exc_info[1]) if record.exc_info else None
        if found is None:
            return True
        who, why = found
        now = self._clock()
        if now - self._told_at.get(who, -OF_OUTAGE_EVERY) < OF_OUTAGE_EVERY:
            self._untold[who] = self._untold.get(who, 0) + 1
            return False
        self._told_at[who] = now
        untold = self._untold.pop(who, 0)
        more = f" ({untold} lines like it were left out)" if untold else ""
        record.msg, record.args = "%s is away: %s; %s%s", (who, why, record.getMessage(), more)
        record.exc_info = record.exc_text = None
        return True


def _outage(error: BaseException | None) -> tuple[str, str] | None:
    """Who is away by what an error says, and why; None if nobody is."""
    for cause in _causes(error):
        match cause:
            case OperationalError(orig=why) if why is not None:
                return "the database", _first_line(why)
            case OperationalError() | StoreError():
                return "the database", _first_line(cause)
            case RPCError(status=RPCStatusCode.UNAVAILABLE, message=why):
                return "Temporal", why
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it comes from, and so on."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


class _Lines(logging.Formatter):
    """When in UTC, how grave, and what, in a line; a fault's traceback below it."""

    converter = time.gmtime  # type: ignore[assignment]  # as the library's own page has it; its stub is narrower
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")


class _Json(_Lines):
    """An object a line: when, how grave, which part, what; a traceback in its own key."""

    def format(self, record: logging.LogRecord) -> str:
        said = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)
