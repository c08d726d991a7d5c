"""`milepost worker` under siege: what it sends goes over the wire, and a fault may be planted in it.

Run as ``python -m tests.siege.worker``, with the environment of a worker.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import partial

import worker.process
from starters.cli import main
from tests.siege import wire
from tests.siege.planted import PLANTED

CACHED = "MILEPOST_SIEGE_CACHED"
FAULT = "MILEPOST_SIEGE_FAULT"


def _die_with_the_siege() -> None:
    """End when whoever started this process is gone, however that ended: its end of the pipe closes then."""
    os.read(sys.stdin.fileno(), 1)  # not through a buffer, whose lock would be held when the process ends
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_die_with_the_siege, daemon=True).start()
    wire.listen()
    if fault := os.environ.get(FAULT):
        PLANTED[fault]()
    if cached := os.environ.get(CACHED):
        worker.process.working = partial(worker.process.working, cached_workflows=int(cached))
    sys.argv = ["milepost", "worker"]
    main()
