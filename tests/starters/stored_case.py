"""A store with one case, found by the environment, for tests of the command line without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.planning import Planner
from domain.messages.cases import CaseIntake
from starters.files.catalogs import apply_files
from store import Store
from tests.recorded import RecordedCase


def store_a_case(folder: Path, monkeypatch: pytest.MonkeyPatch, catalog: str, *, hours_ago: int) -> None:
    """Apply a catalog, and record INC1 of acme up to now.

    Args:
        folder: where the store is.
        monkeypatch: tells the commands of it.
        catalog: YAML; it declares acme.
        hours_ago: when the case was opened.
    """
    url = f"sqlite:///{folder / 'milepost.db'}"
    monkeypatch.setenv("MILEPOST_DATA", str(folder))
    monkeypatch.setenv("MILEPOST_DATABASE_URL", url)
    (file := folder / "catalog.yaml").write_text(catalog)
    with Store.open(url) as store:
        apply_files(store, [file], by="test")
        now = datetime.now(UTC)
        at = now - timedelta(hours=hours_ago)
        plan = Planner(store).plan(CaseIntake(case_id="INC1", account="acme"), at, entitlement=None, account="acme")
        RecordedCase(store, plan, "INC1", {}, at, account="acme").advance(now)
