"""How much memory a worker may take for granted, and how many workflows it keeps in it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

WORKFLOW_BYTES = 170 * 1024
"""Of one cached case or entitlement, measured."""

SHARE = 4
"""A quarter of the memory is for cached workflows; the rest is for what they do, and for what else runs."""

FEWEST, MOST = 500, 20_000
"""Bounds of the default: with fewer a busy morning loses steps, and more no worker of one process keeps up with."""

_ASSUMED = 4 * 1024**3
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def cached_workflows_for(memory: int) -> int:
    """How many workflows a worker keeps in so many bytes of memory: a quarter of them, at 170 KB each."""
    return max(FEWEST, min(memory // SHARE // WORKFLOW_BYTES, MOST))


def memory_of_this_process() -> int:
    """The bytes that this process may use: the machine's memory, or its container's limit where that is less."""
    return min([_machine(), *_container()])


def _machine() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not told on this system
        return _ASSUMED


def _container() -> list[int]:
    limits = []
    for file in _LIMITS:
        with contextlib.suppress(OSError, ValueError):
            limits.append(int(Path(file).read_text()))
    return limits
