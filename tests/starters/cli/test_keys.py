"""``keys``: who may use the HTTP API."""

import json
from pathlib import Path

import pytest

from starters.files.catalogs import apply_files
from store import Store
from tests.starters.command_line import milepost


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A store with one account."""
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    (tmp_path / "c.yaml").write_text("accounts: [{id: acme}]")
    with Store.open(database) as store:
        apply_files(store, [tmp_path / "c.yaml"], by="test")
    return {"MILEPOST_DATA": str(tmp_path), "MILEPOST_DATABASE_URL": database}


def test_a_key_is_made_shown_once_listed_and_revoked(environment: dict[str, str]) -> None:
    """It goes to stdout alone, so that a shell can take it up."""
    made = milepost("keys", "create", "desk", "--scope", "intake", "--scope", "agent", "--by", "ana", env=environment)
    key = made.stdout.strip()
    assert (made.exit_code, key.startswith("mp_")) == (0, True)
    known_as = key.split("_")[1]
    assert made.stderr == f"milepost: key {known_as} is made; its secret is on standard output, this once\n"
    listed = milepost("keys", "list", env=environment).stdout
    assert listed == f"{known_as}  desk: intake, agent; of all accounts; in force; never used\n"
    assert milepost("keys", "revoke", known_as, env=environment).stdout == f"key {known_as} is revoked\n"
    assert "revoked before; nothing changed" in milepost("keys", "revoke", known_as, env=environment).stdout
    assert "REVOKED" in milepost("keys", "list", env=environment).stdout
    [one] = json.loads(milepost("keys", "list", "--json", env=environment).stdout)
    assert (one["created_by"], one["revoked_at"] is None) == ("ana", False)
    assert key.split("_", 2)[2] not in json.dumps(one)


def test_a_key_may_be_bound_and_end(environment: dict[str, str]) -> None:
    """To accounts that there are, and in the future."""
    bound = ("keys", "create", "shop", "--scope", "intake", "--account")
    made = milepost(*bound, "acme", "--expires", "2999-01-01T00:00Z", "--json", env=environment)
    said = json.loads(made.stdout)
    assert (said["accounts"], said["expires_at"], said["key"][:3]) == (["acme"], "2999-01-01T00:00:00Z", "mp_")
    assert "of acme; in force, until Tue 2999-01-01 00:00 UTC" in milepost("keys", "list", env=environment).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "desk"], "Missing option '--scope'"),
        (["create", "desk", "--scope", "root"], "'root' is not one of"),
        (["create", "", "--scope", "agent"], "name"),
        (["create", "desk", "--scope", "agent", "--account", "nope"], "unknown account 'nope'"),
        (["create", "desk", "--scope", "admin", "--account", "acme"], "the scope admin concerns all accounts"),
        (["create", "desk", "--scope", "agent", "--expires", "2020-01-01T00:00Z"], "a key expires in the future"),
        (["create", "desk", "--scope", "agent", "--expires", "soon"], "is no time; write one like"),
        (["revoke", "nope"], "there is no key of that id"),
    ],
)
def test_a_key_that_can_not_be_is_refused(environment: dict[str, str], arguments: list[str], says: str) -> None:
    """With what would be right; none is made."""
    refused = milepost("keys", *arguments, env=environment)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert says in " ".join(refused.stderr.split())
    assert milepost("keys", "list", env=environment).stdout == "no key was made\n"
