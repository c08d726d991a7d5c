"""``open``, ``complete``, ``change``, ``stop``, ``resume`` and ``close``: what people ask of a case."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starters.cli import arguments, completion, zones
from starters.cli.options import (
    AsJson,
    At,
    By,
    CaseArgument,
    EventId,
    MilestoneName,
    Reason,
    argument,
    option,
)
from starters.cli.running import run

if TYPE_CHECKING:
    from domain.messages.cases import Answer, CaseIntake
    from starters.operations.cases import CaseDesk

MilestoneArgument = Annotated[
    str | None,
    argument("[MILESTONE]", "Of one milestone only; left out: of the whole case.", completion.milestones),
]
FieldOptions = Annotated[
    list[str],
    typer.Option(
        "--field",
        "-f",
        metavar="NAME=VALUE",
        help="A field of the case; may be repeated. What is JSON is read as such (3, true, null, '\"3\"'), "
        "anything else is text.",
        show_default=False,
    ),
]


# Over fifty lines: each option stands here with its help.
def open_case(
    case: Annotated[
        str, argument("CASE_ID", "The id that the case gets; one of another system becomes one, and is kept beside it.")
    ],
    account: Annotated[str | None, typer.Option(help="Whose case it is.", show_default=False)] = None,
    contact: Annotated[str | None, typer.Option(help="Who asks.", show_default=False)] = None,
    asset: Annotated[str | None, typer.Option(help="What it is about.", show_default=False)] = None,
    product: Annotated[str | None, typer.Option(help="Its product.", show_default=False)] = None,
    channel: Annotated[str | None, typer.Option(help="How it came in.", show_default=False)] = None,
    service_contract: Annotated[
        str | None, typer.Option(help="The contract it falls under.", show_default=False)
    ] = None,
    contract_line_item: Annotated[str | None, typer.Option(help="The contract's line.", show_default=False)] = None,
    entitlement: Annotated[
        str | None, typer.Option(help="Open it from this entitlement, instead of looking for one.", show_default=False)
    ] = None,
    business_hours: Annotated[
        str | None, typer.Option(help="A calendar of the case's own.", show_default=False)
    ] = None,
    field: FieldOptions = [],  # noqa: B006  Typer reads it, nobody changes it
    opened_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When it was opened, such as 14:05 or -10m; now, if left out.", show_default=False
        ),
    ] = None,
    by: By = None,
    json_file: Annotated[
        Path | None,
        option("--json-file", "FILE", "The intake as a JSON object; - reads stdin. Options win over it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open a case: find its entitlement, start the clocks of its milestones.

    Opening a case that is open already shows it as it stands and changes nothing.

    Example: milepost open 4711 --account acme --field priority=High
    """
    from domain.ids import case_id_from, external_id_of

    case_id = case_id_from(case)
    given = {
        "external_id": external_id_of(case, case_id),
        "account": account,
        "contact": contact,
        "asset": asset,
        "product": product,
        "channel": channel,
        "service_contract": service_contract,
        "contract_line_item": contract_line_item,
        "entitlement": entitlement,
        "business_hours": business_hours,
        "opened_at": arguments.instant(opened_at, "--opened-at", zones.of_account(account)) if opened_at else None,
    }
    base = _from_file(json_file, case_id) if json_file else {}
    intake = {**base, **{name: value for name, value in given.items() if value is not None}, "case_id": case_id}
    intake["by"] = by or base.get("by") or login()
    if field:
        fields = base.get("fields")
        intake["fields"] = (fields if isinstance(fields, dict) else {}) | arguments.fields(field)
    answer = run(_open(_checked(intake)))
    if answer.outcome == "already":
        typer.echo(f"milepost: case {case_id} was open already; what was given now is not looked at", err=True)
    answered(answer, as_json)


def complete(
    case: CaseArgument,
    milestone: MilestoneName,
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Complete a milestone of a case. Whether it was in time is decided by the time at which it happened.

    Example: milepost complete 4711 "First response"
    """
    send(case, "complete_milestone", at, by, as_json, milestone=milestone, reason=reason, event_id=event_id)


def change(
    case: CaseArgument,
    field: FieldOptions,
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Change fields of a case; its milestones follow at once.

    Example: milepost change 4711 --field priority=Critical --field due_at=null
    """
    send(case, "change_fields", at, by, as_json, fields=arguments.fields(field), reason=reason, event_id=event_id)


def stop(
    case: CaseArgument,
    milestone: MilestoneArgument = None,
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Stop the clock of a case, or of one milestone. Nothing fires while it is stopped.

    Example: milepost stop 4711 --reason "waiting for the customer"
    """
    send(case, "stop_clock", at, by, as_json, milestone=milestone, reason=reason, event_id=event_id)


def resume(
    case: CaseArgument,
    milestone: MilestoneArgument = None,
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Resume the clock of a case, or of one milestone. Targets move by the open time that passed.

    Example: milepost resume 4711
    """
    send(case, "resume_clock", at, by, as_json, milestone=milestone, reason=reason, event_id=event_id)


def close(
    case: CaseArgument,
    at: At = None,
    by: By = None,
    reason: Reason = None,
    event_id: EventId = None,
    as_json: AsJson = False,
) -> None:
    """Close a case. Milestones that are open stay open at exit; closing completes none of them.

    Example: milepost close 4711
    """
    send(case, "close", at, by, as_json, reason=reason, event_id=event_id)


def send(case: str, update: str, at: str | None, by: str | None, as_json: bool, **event: Any) -> None:
    """Send a request to a case, and print the answer."""
    occurred_at = arguments.instant(at, "--at", zones.of_case(case)) if at else None
    answer = run(_request(case, update, occurred_at, by=by or login(), **event))
    if occurred_at is not None:
        _say_if_moved(answer, update, occurred_at)
    answered(answer, as_json)


def _say_if_moved(answer: Answer, update: str, occurred_at: datetime) -> None:
    from domain.wording import instant
    from starters.operations.counting_from import counts_from

    since = counts_from(answer, update, occurred_at)
    if since is not None:
        zone = zones.shown(zones.of_case(answer.case.case_id))
        last = "when the last thing happened to the case"
        typer.echo(f"milepost: it counts from {instant(since, zone)}, {last}, not from --at", err=True)


async def _request(case: str, update: str, occurred_at: datetime | None, **event: Any) -> Answer:
    if occurred_at is not None:
        event["occurred_at"] = occurred_at.isoformat()
    desk = await case_desk()
    with told_to_reopen(case):
        return await desk.request(case, update, **event)


@contextmanager
def told_to_reopen(case: str) -> Iterator[None]:
    """What a case refuses since it is closed says by which command the case is taken up again.

    Raises:
        Refused: what was asked is refused.
    """
    from domain.errors import Refused

    try:
        yield
    except Refused as refused:
        if refused.code != "closed":
            raise
        raise Refused(refused.code, f"{refused}; milepost reopen {case} takes it up again") from refused


async def _open(intake: CaseIntake) -> Answer:
    return await (await case_desk()).open(intake)


async def case_desk() -> CaseDesk:
    """Where cases are opened and looked at."""
    from functools import partial

    from clients.cases import MilepostClient
    from starters.local.whereabouts import connect_to_temporal, effective_settings
    from starters.operations.cases import CaseDesk
    from starters.operations.recorded import recorded

    settings = effective_settings()
    client = MilepostClient(await connect_to_temporal(), task_queue=settings.task_queue)
    return CaseDesk(client, partial(recorded, settings.database))


def _checked(intake: dict[str, Any]) -> CaseIntake:
    """The intake, checked here: Temporal's answer to a bad one is hard to read."""
    from pydantic import ValidationError

    from domain.messages.cases import CaseIntake
    from domain.messages.inbox import problems

    try:
        return CaseIntake.model_validate(intake)
    except ValidationError as error:
        raise typer.BadParameter("; ".join(problems(error)), param_hint="the case's intake") from None


def _from_file(path: Path, case_id: str) -> dict[str, Any]:
    from domain.errors import Refused
    from domain.ids import case_id_from
    from domain.messages.strict_json import read_strictly

    text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    try:
        read = read_strictly(text)
    except Refused as refused:
        raise typer.BadParameter(f"{path}: {refused}", param_hint="--json-file") from None
    if not isinstance(read, dict):
        raise typer.BadParameter(f'{path} is no JSON object, such as {{"account": "acme"}}', param_hint="--json-file")
    if case_id_from(str(read.get("case_id", case_id))) != case_id:
        raise typer.BadParameter(
            f"{path} is the intake of case {read['case_id']!r}, not of {case_id!r}", param_hint="--json-file"
        )
    return read


def answered(answer: Answer, as_json: bool) -> None:
    """Print the answer of a case."""
    if as_json:
        typer.echo(answer.model_dump_json(indent=2))
        return
    from starters.terminal.cases import answer_lines, console

    console().print(answer_lines(answer, zones.shown(zones.of_case(answer.case.case_id))))


def login() -> str | None:
    """Who is at the keyboard, if the system says."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no login name, as in some containers
        return None
