"""``milepost api`` as a process of its own, as people run it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from tests.starters.command_line import ROOT
from tests.support import PATIENT


@asynccontextmanager
async def api_program(
    environment: dict[str, str], *, log: IO[bytes] | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The program, with the URL that it prints; ended at the latest with the context.

    Args:
        environment: of it.
        log: gets what it writes to its standard error.
    """
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "starters", "api", "--port", "0"),
        env={**os.environ, **environment, "COLUMNS": "200"},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    assert program.stdout is not None
    try:
        async with asyncio.timeout(PATIENT):
            said = (await program.stdout.readline()).decode()
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found, said
        yield program, found[0]
    finally:
        if program.returncode is None:
            program.kill()
        await program.wait()
