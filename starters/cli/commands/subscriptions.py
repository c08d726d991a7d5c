"""``subscriptions``: those to the event feed, how they stand, and what people do with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from starters.cli import zones
from starters.cli.commands.case import login
from starters.cli.options import AsJson, By, argument, option
from starters.cli.running import connected, run, stored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clients.subscriptions import SubscriptionClient
    from domain.subscriptions.requests import SubscriptionStanding

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Subscriptions to the event feed: how they stand; pause, resume and move them.\n\n"
    "They are declared in the catalog, under subscriptions.",
)

Subscribed = Annotated[str, argument("SUBSCRIPTION", "The id of the subscription.")]


@app.command("list")
def list_all(as_json: AsJson = False) -> None:
    """List the subscriptions: how many events arrived, how many are behind, what waits, what went wrong last.

    Example: milepost subscriptions list
    """
    from starters.terminal.subscriptions import as_data, subscription_lines

    with stored() as store:
        standings = store.subscriptions.standings()
        found = [(standing, store.subscriptions.behind(standing)) for standing in standings]
    if as_json:
        typer.echo(json.dumps([as_data(standing, behind) for standing, behind in found], indent=2))
        return
    for line in subscription_lines(found, zones.shown(zones.of_account())) or ["no subscription is declared"]:
        typer.echo(line)


@app.command()
def show(subscription: Subscribed, as_json: AsJson = False) -> None:
    """Show one with its cursor, the events that fail and hold others back, and its dead letters.

    Example: milepost subscriptions show warehouse
    """
    from starters.terminal.subscriptions import as_data, standing_lines

    with stored() as store:
        standing = store.subscriptions.standing(subscription)
        behind = store.subscriptions.behind(standing)
        letters = store.dead_letters.listed(subscription)
    if as_json:
        told = as_data(standing, behind) | {"dead_letters": [one.model_dump(mode="json") for one in letters]}
        typer.echo(json.dumps(told, indent=2))
        return
    for line in standing_lines(standing, behind, letters, zones.shown(zones.of_account())):
        typer.echo(line)


@app.command()
def pause(
    subscription: Subscribed,
    by: By = None,
    reason: Annotated[str, option("--reason", "TEXT", "Is shown while it is paused.")] = "",
) -> None:
    """Send nothing until it is resumed. What is under way is finished; nothing is lost.

    Example: milepost subscriptions pause warehouse --reason "new release"
    """
    who = by or login()
    _ask(subscription, lambda client: client.pause(subscription, by=who, reason=reason))
    typer.echo(f"subscription {subscription} is paused; milepost subscriptions resume {subscription} has it go on")


@app.command()
def resume(subscription: Subscribed, by: By = None) -> None:
    """Go on where it was paused. Events that wait for another attempt are tried at once.

    Example: milepost subscriptions resume warehouse
    """
    who = by or login()
    _ask(subscription, lambda client: client.resume(subscription, by=who))
    typer.echo(f"subscription {subscription} goes on")


@app.command()
def replay(
    subscription: Subscribed,
    cursor: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="PLACE",
            help="A cursor, start for the oldest event that is kept, or now to leave out what waits.",
            show_default=False,
        ),
    ],
    by: By = None,
) -> None:
    """Move it to a place in the feed and send everything from there, in order. What waited before is dropped.

    Each event has the webhook-id that it had before, so that a receiver knows what it has seen.

    Example: milepost subscriptions replay warehouse --from start
    """
    from domain.subscriptions.state import NOW, START

    with stored() as store:
        store.subscriptions.standing(subscription)  # says so itself if there is none
        place = store.feed.end() if cursor == NOW else cursor
        if place != START:
            store.feed.position(place)  # refuses a cursor that the feed does not take
    who = by or login()
    standing = _ask(subscription, lambda client: client.replay(subscription, place, by=who))
    paused = " as soon as it is resumed" if standing.state.paused is not None else ""
    typer.echo(f"subscription {subscription} sends everything from there{paused}")


@app.command()
def resend(
    subscription: Subscribed,
    events: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EVENT]...", help="Ids of dead letters; show lists them. All, if left out.", show_default=False
        ),
    ] = None,
) -> None:
    """Send dead letters again, each in one attempt. They come late; their sequence says where they belong.

    Example: milepost subscriptions resend warehouse
    """
    with stored() as store:
        store.subscriptions.standing(subscription)
        many = store.dead_letters.send_again(subscription, events or None)
    typer.echo(f"{many} are sent again" if many else "there is no dead letter to send again")


def _ask(
    subscription: str, ask: Callable[[SubscriptionClient], Awaitable[SubscriptionStanding]]
) -> SubscriptionStanding:
    from domain.errors import Refused

    with stored() as store:
        is_retired = store.subscriptions.standing(subscription).declared.retired
    if is_retired:  # its workflow answers no more, or not for long
        raise Refused(
            "ended",
            f"subscription {subscription} is declared retired: it has ended, or ends as soon as a worker runs; declare "
            "it without retired, and it begins again",
        )
    return run(_asked(subscription, ask))


async def _asked(
    subscription: str, ask: Callable[[SubscriptionClient], Awaitable[SubscriptionStanding]]
) -> SubscriptionStanding:
    import asyncio

    from clients.subscriptions import SubscriptionClient

    async with connected() as (client, store, task_queue):
        await asyncio.to_thread(store.subscriptions.standing, subscription)  # says so itself if there is none
        return await ask(SubscriptionClient(client, task_queue=task_queue))
