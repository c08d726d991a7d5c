"""``endpoints``: where outbound messages go, and how it goes there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store import Store


def endpoints(
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="ID", help="Switch one on again, with nothing held against it.", show_default=False
        ),
    ] = None,
) -> None:
    """List the endpoints of outbound messages: which fail, which are left alone for a while, which are switched off.

    Example: milepost endpoints --on desk
    """
    from starters.terminal.actions import endpoint_lines

    with _store() as store:
        if on is not None:
            store.endpoint(on)  # says so itself if there is none
            store.switch_endpoint(on, off_at=None)
            typer.echo(f"endpoint {on} is on; milepost retry sends what failed meanwhile")
            return
        lines = endpoint_lines(store.catalog().endpoints, store.endpoint_states())
    for line in lines or ["no endpoint is declared"]:
        typer.echo(line)


@contextmanager
def _store() -> Iterator[Store]:
    from starters.local.whereabouts import effective_settings
    from store import Store

    with Store.open(effective_settings().database) as store:
        yield store
