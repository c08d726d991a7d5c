"""``intake``: a mapping is tried on a payload, and what could not be taken is listed, tried again or dropped."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.ids import case_id_of
from starters.files.catalogs import apply_files
from store import Store
from tests.starters.command_line import milepost
from tests.starters.intakes import FOLDER, PRODUCTS
from tests.support import unique
from worker.process import working

CATALOG = """
fields: {status: {type: string, values: [new, open, waiting, done]}}
accounts: [{id: acme}]
intake:
  - id: desk
    signature: {scheme: frappe, secrets: [{env: DESK}]}
    case: payload.ticket
    occurred_at: payload.at
    account: '"acme"'
    fields: {status: payload.status}
    close: payload.status == "done"
"""
AT = "2026-11-02T09:00:00Z"


@pytest.fixture
def desk(tmp_path: Path) -> dict[str, str]:
    """A store with a source."""
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    (file := tmp_path / "desk.yaml").write_text(CATALOG, encoding="utf-8")
    with Store.open(database) as store:
        apply_files(store, [file], by="test")
    return {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": database}


def payload(folder: Path, text: str) -> Path:
    (file := folder / "payload.json").write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_shipped_mapping_is_tried_on_its_payload(product: str) -> None:
    """Of files, without a store or a server; the case, the time, and the requests in their order."""
    file = FOLDER / "payloads" / f"{product}.json"
    tried = milepost("intake", "try", product, file, "--catalog", FOLDER, "--header", "X-GitHub-Event=issues")
    assert tried.exit_code == 0, tried.output
    head, opening, *rest = tried.stdout.splitlines()
    assert head.startswith("case ")
    if product != "freshdesk":
        assert "happened Mon 2026-11-02 09:00 UTC" in head
        assert "open it as of Mon 2026-11-02 09:00 UTC, account acme; ticket=" in opening
    assert [line.split(". ", 1)[1].split(":")[0] for line in rest] == [
        *("if the case is closed", "change what is not so", "if its clock stands")
    ]


def test_a_mapping_of_the_store_is_tried(desk: dict[str, str], tmp_path: Path) -> None:
    """As JSON it is what the delivery says; nothing is done, and nothing kept."""
    file = payload(tmp_path, json.dumps({"ticket": "A/1", "at": AT, "status": "done"}))
    tried = milepost("intake", "try", "desk", file, env=desk)
    assert tried.stdout.splitlines() == [
        "case A~2F1 (A/1), happened Mon 2026-11-02 09:00 UTC",
        "  1. if there is no case A~2F1: open it as of Mon 2026-11-02 09:00 UTC, account acme; status='done'",
        "  2. change what is not so: status='done' at Mon 2026-11-02 09:00 UTC",
        "  3. close the case at Mon 2026-11-02 09:00 UTC",
    ]
    said = json.loads(milepost("intake", "try", "desk", file, "--json", env=desk).stdout)
    assert (said["place"]["external_id"], said["closes"]) == ("A/1", True)
    assert milepost("intake", "list", "--all", env=desk).stdout == "nothing waits, and there is no dead letter\n"


@pytest.mark.parametrize(
    ("source", "text", "says"),
    [
        ("desk", '{"ticket": "A"}', "it would be a dead letter: occurred_at: the field 'at' is not set"),
        (
            "desk",
            f'{{"ticket": "A", "at": "{AT}", "status": "opne"}}',
            "unless its case has that value: fields: case.status: 'opne' is none of its values; did you mean 'open'?",
        ),
        ("dsk", "{}", "unknown intake source 'dsk'; did you mean 'desk'?"),
        ("desk", "{", "is no JSON"),
        ("desk", '{"ticket": "A", "ticket": "B"}', "given twice"),
        ("desk", '{"ticket": "A", "x": NaN}', "NaN is no number"),
        ("desk", '{"ticket": ' + "[" * 5000 + "]" * 5000 + "}", "at most 32 deep"),
        ("desk", '{"ticket": "' + "A" * 2_000_000 + '"}', "at most 1024 KB"),
    ],
)
def test_what_cannot_be_tried_says_why(desk: dict[str, str], tmp_path: Path, source: str, text: str, says: str) -> None:
    """With exit code 2, and no traceback."""
    tried = milepost("intake", "try", source, payload(tmp_path, text), env=desk)
    assert tried.exit_code == 2
    assert says in tried.stderr
    assert "Traceback" not in tried.output


def test_what_could_not_be_taken_is_listed(desk: dict[str, str]) -> None:
    """With its reason; of a source or a case alone if wanted; and shown with its payload."""
    with Store.open(desk["MILEPOST_DATABASE_URL"]) as store:
        one, _ = store.intake.receive("desk", "d-1", '{"ticket": "A"}', {"x-id": "d-1"}, datetime.now(UTC))
        store.intake.settle(one.number, "dead", datetime.now(UTC), code="unreadable", reason="occurred_at: it lacks")
    assert milepost("intake", "list", env=desk).stdout.splitlines() == [
        f"{one.number}  desk: dead letter",
        "    occurred_at: it lacks",
    ]
    assert "unknown intake source 'other'" in milepost("intake", "list", "--source", "other", env=desk).stderr
    [data] = json.loads(milepost("intake", "list", "--json", env=desk).stdout)
    assert (data["number"], data["status"], data["code"]) == (one.number, "dead", "unreadable")
    shown = milepost("intake", "show", str(one.number), env=desk).stdout
    assert '{"ticket": "A"}' in shown
    assert "x-id: d-1" in shown
    unknown = milepost("intake", "show", "999", env=desk)
    assert (unknown.exit_code, unknown.stderr) == (
        2,
        "milepost: there is no delivery 999; milepost intake list says which there are\n",
    )


async def test_dead_letters_are_tried_again_once_the_mapping_is_mended(client: Client, tmp_path: Path) -> None:
    """All, of a source, or by number; dropping one lets go on what waits behind it."""
    database, queue, case = f"sqlite:///{tmp_path / 'milepost.db'}", unique("queue"), unique("INC/")
    env = {
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": client.namespace,
        "MILEPOST_DATA": str(tmp_path),
        "MILEPOST_DATABASE_URL": database,
        "MILEPOST_TASK_QUEUE": queue,
    }
    at = datetime.now(UTC) - timedelta(hours=1)
    (file := tmp_path / "desk.yaml").write_text(CATALOG.replace("payload.status}", "payload.state}"), encoding="utf-8")
    with Store.open(database) as store:
        apply_files(store, [file], by="test")
        for number, status in enumerate(["open", "done"]):
            said = {"ticket": case, "at": (at + timedelta(minutes=number)).isoformat(), "status": status}
            store.intake.receive("desk", f"d-{number}", json.dumps(said), {}, at)
        async with working(client, store, task_queue=queue):
            backend_sees = [one.number for one in store.intake.left_waiting(datetime.now(UTC), 10, at=at)]
            store.intake.settle(backend_sees[0], "dead", at, reason="by hand")
            stays = await asyncio.to_thread(milepost, "intake", "retry", env=env)
            assert "fields.status: the field 'state' is not set" in stays.stdout
            file.write_text(CATALOG, encoding="utf-8")
            apply_files(store, [file], by="test")
            again = await asyncio.to_thread(milepost, "intake", "retry", "--source", "desk", "--by", "ann", env=env)
            assert again.exit_code == 0, again.output
            assert f"desk case {case_id_of(case)} ({case}): taken" in again.stdout
            assert "    tried again by ann\n" in again.stdout
            shown = await asyncio.to_thread(milepost, "show", case, "--json", env=env)  # found by the foreign id
            assert json.loads(shown.stdout)["case_id"] == case_id_of(case)
            store.intake.settle(backend_sees[1], "dead", at, reason="by hand")
            dropped = await asyncio.to_thread(milepost, "intake", "drop", str(backend_sees[1]), "--by", "ann", env=env)
            assert dropped.stdout == f"delivery {backend_sees[1]} is dropped\n"
            nothing = await asyncio.to_thread(milepost, "intake", "retry", env=env)
            assert nothing.stdout == "there is no dead letter to try again\n"
