"""How often Python looks for garbage, in a process that serves for long."""

from __future__ import annotations

import gc


def collect_garbage_seldom() -> None:
    """Let Python look for cycles seldom, in a process that does nothing but serve.

    What comes and goes with thousands of messages is free of them; looking took a worker a quarter of the time of a
    burst, and the API a tenth of its processor.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
