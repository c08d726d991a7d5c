"""``python -m worker.embedded``: have a server and its UI ready before the first demo or test."""

import asyncio
import os
import sys

from rich.console import Console

from domain.errors import MilepostError
from worker.embedded.find import find_server
from worker.settings import get_settings


async def _main() -> int:
    console = Console(stderr=True)
    if address := os.environ.get("TEMPORAL_ADDRESS"):
        console.print(f"Temporal: the server at {address} (TEMPORAL_ADDRESS)")
        return 0
    try:
        found = await find_server(get_settings(), console, virtual_clock=True, ui=True)
    except MilepostError as error:
        console.print(f"[red]milepost:[/red] {error}", soft_wrap=True, highlight=False)
        return 1
    console.print(f"Temporal: {found}", soft_wrap=True, highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
