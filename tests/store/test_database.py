"""Opening a database: brought up to date once, by however many at once; what cannot be opened says why."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from domain.catalog.declarations import Catalog
from domain.catalog.documents import read_document
from store import Store, StoreError, tables
from store.database import Schema
from store.schema import newest

ROOT = Path(__file__).parents[2]
OPEN = "import sys; from store import Store; Store.open(sys.argv[1]).close()"


def test_migrations_make_the_tables(store: Store) -> None:
    """What the migrations build is what the code expects: no table, column or index more or less."""
    with store._database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_opening_again_keeps_what_is_there(url: str) -> None:
    """A second process finds the catalog of the first."""
    with Store.open(url) as first:
        first.catalog.apply(read_document({"accounts": [{"id": "acme"}]}), by="ann")
    with Store.open(url) as second:
        assert second.catalog.account("acme").id == "acme"


def test_who_only_looks_makes_nothing(tmp_path: Path) -> None:
    """Neither a file nor a table; it is said what does."""
    file = tmp_path / "milepost.db"
    with pytest.raises(StoreError, match=r"there is no database .*milepost.db yet; `milepost db upgrade` makes them"):
        Store.open(f"sqlite:///{file}", "there")
    assert not file.exists()
    file.touch()
    with pytest.raises(StoreError, match="has no tables of Milepost yet; `milepost db upgrade` makes them"):
        Store.open(f"sqlite:///{file}", "there")
    assert file.read_bytes() == b""


def test_who_runs_beside_workers_upgrades_nothing(url: str) -> None:
    """Tables are made where there are none; those of an older Milepost are left to its workers."""
    Store.open(url, "made").close()
    with Store.open(url, "there") as store, store._database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0016'"))
    for schema in SCHEMAS:
        with pytest.raises(StoreError, match=r"is at version 0016, and this Milepost needs \d+; `milepost db upgrade`"):
            Store.open(url, schema)


SCHEMAS: list[Schema] = ["made", "there"]


def test_several_processes_may_open_a_new_database_at_once(url: str) -> None:
    """One of them builds the tables, the others wait for it."""
    starting = [
        subprocess.Popen([sys.executable, "-c", OPEN, url], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=120)[1] for process in starting]
    assert [process.returncode for process in starting] == [0, 0, 0], errors


def test_several_threads_may_open_a_new_database_at_once(url: str) -> None:
    """As processes may; the tools of the migration share no state between them."""
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(Store.open, [url] * 4))
    for store in stores:
        assert store.catalog.everything().accounts == []
        store.close()


def test_a_database_of_a_newer_milepost_is_left_alone(url: str) -> None:
    """Its tables may be others."""
    with Store.open(url) as store, store._database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="version 9999, which a newer Milepost has made"):
        Store.open(url)


def test_the_newest_revision_is_the_migration_tools_head() -> None:
    """It is read without loading the tool."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "store/migrations"))
    assert [newest()] == ScriptDirectory.from_config(config).get_heads()


def test_a_database_that_is_up_to_date_needs_no_migration_tool(url: str) -> None:
    """The tool is loaded by whoever finds something to migrate."""
    code = OPEN + "; print('alembic' in sys.modules)"
    said = [
        subprocess.run([sys.executable, "-c", code, url], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said == ["True\n", "False\n"]


def test_a_database_that_is_up_to_date_is_opened_beside_a_writer(url: str) -> None:
    """Whoever only looks waits for nobody."""
    with Store.open(url) as store, store._database.write() as writer:
        writer.execute(tables.case_fields.insert(), {"name": "x", "type": "string"})
        with Store.open(url) as second:
            assert second.catalog.fields() == {}


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("milepost.db", "'milepost.db' is no address of a database; expected sqlite:///path/to/milepost.db or"),
        ("sqlite://", "'sqlite://' names no file"),
        ("sqlite:///:memory:", "'sqlite:///:memory:' names no file"),
        ("sqlite:////no/such/folder/milepost.db", "there is no folder /no/such/folder for the database"),
        (
            "sqlite:////proc",
            "'sqlite:////proc' names a folder; expected a file in it, such as sqlite:////proc/milepost.db",
        ),
        ("sqlite:////proc/x.db", "cannot open the database sqlite:////proc/x.db: unable to open database file"),
        ("mysql://root@127.0.0.1/x", "'mysql' is no database that Milepost knows; expected"),
        ("postgresql://nobody:secret@127.0.0.1:1/x", "cannot open the database postgresql"),
    ],
)
def test_an_address_that_leads_nowhere_says_so(address: str, says: str) -> None:
    """One clear message, without the password."""
    with pytest.raises(StoreError) as error:
        Store.open(address)
    assert str(error.value).startswith(says)
    assert "secret" not in str(error.value)


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    """It is not overwritten."""
    file = tmp_path / "notes.txt"
    file.write_text("These are notes, and no database at all.\n" * 40)
    with pytest.raises(StoreError, match="file is not a database"):
        Store.open(f"sqlite:///{file}")
    assert file.read_text().startswith("These are notes")


def test_sqlite_keeps_readers_and_a_writer_side_by_side(tmp_path: Path) -> None:
    """A reader does not wait for a writer that has not finished; foreign keys are kept."""
    with Store.open(f"sqlite:///{tmp_path / 'milepost.db'}") as store:
        with store._database.write() as writer:
            writer.execute(tables.case_fields.insert(), {"name": "x", "type": "string"})
            assert store.catalog.fields() == {}
            assert writer.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert list(store.catalog.fields()) == ["x"]
        row = {"id": "ann", "name": "", "retired": False, "account": "nobody", "definition": {}}
        with pytest.raises(IntegrityError), store._database.write() as writer:
            writer.execute(tables.contacts.insert(), row)


def test_opening_a_file_again_lets_go_of_no_lock(tmp_path: Path) -> None:
    """Else another process takes itself for the last user, and the log is gone from under the first."""
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    with Store.open(url) as first:
        first.catalog.apply(read_document({"accounts": [{"id": "acme"}]}), by="ann")
        with Store.open(url) as second:
            second.catalog.account("acme")
            subprocess.run([sys.executable, "-c", OPEN, url], check=True, cwd=ROOT, timeout=60)
            assert (tmp_path / "milepost.db-wal").exists()


def test_writers_take_turns(store: Store) -> None:
    """However many there are, none is turned away."""

    def write(number: int) -> bool:
        at = datetime(2025, 6, 11, tzinfo=UTC)
        return store.actions.record_task(f"c/{number % 20}", subject="s", assign_to="", body="", at=at)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(100))) == 20
    assert len(store.tasks.find()) == 20


def test_an_instant_without_a_zone_is_refused(store: Store) -> None:
    """Nobody could say which it is."""
    naive = datetime(2025, 6, 11)  # noqa: DTZ001 - that is the point
    with pytest.raises(StatementError, match="has no zone"):
        store.actions.record_task("c/1", subject="s", assign_to="", body="", at=naive)


# --- what happens to a database in use ---


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_a_deleted_file_is_noticed(tmp_path: Path, replaced: bool) -> None:  # noqa: FBT001
    """What is written to a file without a name would be lost without a word; none is made in its place."""
    file = tmp_path / "milepost.db"
    with Store.open(f"sqlite:///{file}") as store:
        store.catalog.apply(read_document({"accounts": [{"id": "acme"}]}), by="ann")
        file.rename(tmp_path / "elsewhere.db")
        if replaced:
            file.touch()
        for use in (
            store.catalog.everything,
            store.unsynchronised.entitlements,
            lambda: store.actions.record_action_done("c-1/p/m/1/t/1/email"),
        ):
            with pytest.raises(StoreError, match="was deleted or replaced while it was in use"):
                use()
        store._database._engine.dispose()  # a new connection would make a new file
        with pytest.raises(StoreError, match="was deleted or replaced while it was in use"):
            store.catalog.everything()
        assert file.exists() is replaced
        file.unlink(missing_ok=True)
        (tmp_path / "elsewhere.db").rename(file)
        assert store.catalog.account("acme").id == "acme"


def test_who_can_wait_only_a_moment_does(url: str) -> None:
    """A writer that is held up by another one gives up when its patience is over."""
    with Store.open(url) as store, Store.open(url) as other, store._database.write() as held:
        held.execute(text("CREATE TABLE held (x INTEGER)"))
        store._database.lock(held, 1)
        begun = time.monotonic()
        with pytest.raises(OperationalError), other._database.write(patience=0.2) as connection:
            other._database.lock(connection, 1)
        assert 0.1 < time.monotonic() - begun < 5


def test_what_was_applied_before_is_the_base_of_a_comparison(tmp_path: Path) -> None:
    """A database of the version that kept no files: what stands then is what its file is taken to have said."""
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    gold: dict[str, Any] = {"id": "gold", "account": "acme", "ends_on": "2099-12-31"}

    def file(**changed: Any) -> Catalog:
        allowance = {"unit": "visits", "cap": 4, "overage_price": "85.00 EUR"} | changed
        return Catalog.model_validate({"accounts": [{"id": "acme"}], "entitlements": [gold | {"allowance": allowance}]})

    def cap(store: Store) -> object:
        allowance = store.catalog.entitlement("gold").allowance
        return None if allowance is None or allowance.cap is None else int(allowance.cap)

    with Store.open(url) as store:
        store.catalog.apply(file(), by="ana")
        with store._database.write() as connection:
            config = Config()
            config.set_main_option("script_location", str(ROOT / "store" / "migrations"))
            config.attributes["connection"] = connection
            command.downgrade(config, "0006")
    with Store.open(url) as store:
        assert store.catalog.apply(file(), by="ana", consent=False).against == []
        amended = store.catalog.entitlement("gold").model_copy(
            update={"allowance": file(cap=6).entitlements[0].allowance}
        )
        store.catalog.apply(Catalog(entitlements=[amended]), by="ana", tell=None)
        said = store.catalog.apply(file(overage_price="90.00 EUR"), by="ana", consent=False)
        assert [(one.why, one.key, one.stands) for one in said.against] == [("amended", "allowance.cap", 6)]
        assert (said.asks, cap(store)) == (False, 6)
