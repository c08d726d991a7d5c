"""`milepost worker` under siege: what it sends goes over the wire, and a fault may be planted in it.

Run as ``python -m tests.siege.worker``, with the environment of a worker.
"""

from __future__ import annotations

import os
import sys
from functools import partial

import worker.process
from starters.cli import main
from tests.siege import wire
from tests.siege.planted import PLANTED

CACHED = "MILEPOST_SIEGE_CACHED"
FAULT = "MILEPOST_SIEGE_FAULT"

if __name__ == "__main__":
    wire.listen()
    if fault := os.environ.get(FAULT):
        PLANTED[fault]()
    if cached := os.environ.get(CACHED):
        worker.process.working = partial(worker.process.working, cached_workflows=int(cached))
    sys.argv = ["milepost", "worker"]
    main()
