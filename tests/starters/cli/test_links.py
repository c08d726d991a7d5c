"""``milepost links``: links are made, listed and revoked; a page is written to a file."""

from __future__ import annotations

import base64
import json
import re
import socket
from pathlib import Path

import pytest

from starters.files.catalogs import apply_files
from starters.local.whereabouts import Whereabouts, announced
from store import Store
from tests.starters.command_line import milepost
from worker.settings import get_settings

CATALOG = """
organisation: {customer_page: {secrets: [{env: PAGE_SECRET}]}}
fields: {subject: string}
accounts: [{id: acme, name: Acme Ltd}, {id: globex}]
"""


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with two accounts, found by the environment."""
    monkeypatch.setenv("MILEPOST_DATA", str(tmp_path))
    monkeypatch.setenv("MILEPOST_DATABASE_URL", f"sqlite:///{tmp_path / 'milepost.db'}")
    monkeypatch.setenv("MILEPOST_API_URL", "https://sla.example.com/")
    monkeypatch.setenv("PAGE_SECRET", "whsec_" + base64.b64encode(b"a" * 32).decode())
    (file := tmp_path / "catalog.yaml").write_text(CATALOG)
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        apply_files(store, [file], by="test")


def test_a_link_is_made_listed_and_revoked() -> None:
    """It is shown once; the list has its id, and never the link."""
    made = milepost("links", "create", "acme", "--days", "7", "--by", "ana")
    assert made.exit_code == 0, made.output
    found = re.search(r"https://sla\.example\.com/pages/(\S+)", made.stdout)
    assert found is not None
    known_as = re.search(r"links revoke ([0-9a-f]{16})", made.stderr)
    assert known_as is not None
    listed = milepost("links", "list").stdout
    assert f"{known_as[1]}  acme: opens its page until" in listed
    assert "made" in listed
    assert "by ana" in listed
    assert found[1] not in listed
    assert milepost("links", "revoke", known_as[1], "--by", "bo").stdout == f"link {known_as[1]} is revoked\n"
    assert "was revoked before" in milepost("links", "revoke", known_as[1]).stdout
    assert "REVOKED by bo" in milepost("links", "list", "--account", "acme").stdout
    assert milepost("links", "list", "--account", "globex").stdout == "no link was made\n"


def test_a_link_goes_to_the_api_that_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `milepost dev` serves it, whatever its port; unless somebody says where customers reach it."""
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as temporal:
        runs = Whereabouts(
            address=f"127.0.0.1:{temporal.getsockname()[1]}",
            namespace="default",
            task_queue="milepost",
            database=f"sqlite:///{tmp_path / 'milepost.db'}",
            api="http://127.0.0.1:40985",
        )
        with announced(runs, get_settings()):
            assert milepost("links", "create", "acme").stdout.startswith("https://sla.example.com/pages/")
            monkeypatch.delenv("MILEPOST_API_URL")
            assert milepost("links", "create", "acme").stdout.startswith("http://127.0.0.1:40985/pages/")
    assert milepost("links", "create", "acme").stdout.startswith("http://127.0.0.1:8234/pages/")


def test_programs_read_json() -> None:
    made = json.loads(milepost("links", "create", "acme", "--json").stdout)
    assert set(made) == {"url", "id", "account", "expires_at"}
    [listed] = json.loads(milepost("links", "list", "--json").stdout)
    assert (listed["id"], listed["account"], listed["revoked_at"]) == (made["id"], "acme", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "acm"], "acm"),
        (["create", "acme", "--until", "2020-01-01T00:00Z"], "a link expires in the future"),
        (["create", "acme", "--until", "2999-01-01T00:00Z"], "at most 400 days"),
        (["create", "acme", "--days", "1", "--until", "2027-06-01T00:00Z"], "give the days, or the instant, not both"),
        (["revoke", "nobody"], "milepost links list has them all"),
        (["page", "acme", "--output", "/no/such/folder/x.html"], "there is no folder /no/such/folder"),
    ],
)
def test_what_can_not_be_is_refused_in_one_message(arguments: list[str], said: str) -> None:
    done = milepost("links", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_a_page_is_a_file_that_loads_nothing(tmp_path: Path) -> None:
    """With pictures where they can be drawn, each with its numbers beside it and in words."""
    done = milepost("links", "page", "acme", "--output", tmp_path / "acme.html")
    assert done.exit_code == 0, done.output
    text = (tmp_path / "acme.html").read_text(encoding="utf-8")
    assert "<title>Acme Ltd</title>" in text
    assert "No case is open" in text
    assert "globex" not in text
    assert not re.search(r"(src|href)=\"(?!data:)", text)
