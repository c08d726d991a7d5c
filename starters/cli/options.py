"""The options and arguments that commands share, and the form that all of them have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from starters.cli import completion


def option(name: str, metavar: str, says: str) -> Any:
    """An option with a value. What it is if left out, its help says."""
    return typer.Option(name, metavar=metavar, help=says, show_default=False)


def case_option(says: str) -> Any:
    """The option ``--case``: as another system calls it if wanted."""
    return typer.Option(
        "--case", metavar="ID", help=says, show_default=False, callback=_case_id, autocompletion=completion.cases
    )


def entitlement_option(says: str) -> Any:
    """The option ``--entitlement``."""
    return typer.Option(
        "--entitlement", metavar="ID", help=says, show_default=False, autocompletion=completion.entitlements
    )


def argument(metavar: str, says: str, completion: Callable[..., list[str]] | None = None) -> Any:
    """An argument; one that may be left out has its name in brackets.

    Args:
        metavar: its name.
        says: its help.
        completion: what the shell completes.
    """
    return typer.Argument(metavar=metavar, help=says, show_default=False, autocompletion=completion)


def of_case(metavar: str, says: str) -> Any:
    """An argument that names a case, as another system calls it if wanted."""
    return typer.Argument(
        metavar=metavar, help=says, show_default=False, callback=_case_id, autocompletion=completion.cases
    )


def _case_id(text: str | None) -> str | None:
    from domain.ids import case_id_from

    return None if text is None else case_id_from(text)


def case_ids(texts: list[str]) -> list[str]:
    """The ids of cases, of what somebody calls them."""
    from domain.ids import case_id_from

    return [case_id_from(text) for text in texts]


CaseArgument = Annotated[str, of_case("CASE", "The id of the case, ours or another system's.")]
EntitlementArgument = Annotated[str, argument("ENTITLEMENT", "The id of the entitlement.", completion.entitlements)]
MilestoneName = Annotated[
    str, argument("MILESTONE", "Its name, as the process has it, in any case of letters.", completion.milestones)
]

At = Annotated[
    str | None,
    option("--at", "TIME", "When it happened: 14:05, yesterday 16:00, -10m, or an ISO instant; now, if left out."),
]
InPeriod = Annotated[
    str | None, option("--at", "TIME", "In which period, by an instant such as 2025-06-13 16:45; now, if left out.")
]
By = Annotated[str | None, option("--by", "NAME", "Who is recorded; you, if left out.")]
Reason = Annotated[str | None, option("--reason", "TEXT", "Goes on record.")]
Why = Annotated[str, option("--reason", "TEXT", "Goes on record.")]
EventId = Annotated[
    str | None,
    option("--event-id", "ID", "The id of this request: sent again under it, it counts once. Made up, if left out."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
