"""The parts of a store are loaded when they are first asked for."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from store import Store
from store.store import _PARTS

ROOT = Path(__file__).parents[2]


def test_every_part_that_is_declared_is_there(store: Store) -> None:
    """Each is of the type that is said of it."""
    declared = {name: kind for name, kind in Store.__annotations__.items() if not name.startswith("_")}
    assert {name: type(getattr(store, name)).__name__ for name in _PARTS} == declared


def test_opening_loads_none(tmp_path: Path) -> None:
    """A command pays for those that it uses."""
    code = (
        "import sys; from store import Store; store = Store.open(sys.argv[1]); store.leases; "
        "print([one for one in ('store.leases', 'store.intake', 'store.catalog.applying') if one in sys.modules])"
    )
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    Store.open(url).close()
    done = subprocess.run([sys.executable, "-c", code, url], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['store.leases']"


def test_threads_that_ask_at_once_get_the_same(store: Store) -> None:
    """What a part remembers is remembered once."""
    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(lambda _: store.cases, range(32))))) == 1


def test_an_unknown_part_is_no_attribute(store: Store) -> None:
    with pytest.raises(AttributeError, match="a store has no 'cupboard'"):
        store.cupboard  # noqa: B018  asking for it is the test
