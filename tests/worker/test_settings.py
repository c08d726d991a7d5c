from pathlib import Path

import pytest

from worker.settings import get_settings


def test_nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything has a default: the store is a SQLite file in the user's data folder."""
    for name in ("DATA", "CACHE", "DATABASE_URL", "TASK_QUEUE", "TEMPORAL_CLI"):
        monkeypatch.delenv(f"MILEPOST_{name}", raising=False)
    settings = get_settings()
    assert settings.task_queue == "milepost"
    assert settings.database == f"sqlite:///{settings.data}/milepost.db"


def test_set_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MILEPOST_CACHE", str(tmp_path))
    monkeypatch.setenv("MILEPOST_DATABASE_URL", "postgresql+psycopg://somewhere/milepost")
    monkeypatch.setenv("MILEPOST_TASK_QUEUE", "")
    settings = get_settings()
    assert settings.cache == tmp_path
    assert settings.database == "postgresql+psycopg://somewhere/milepost"
    assert settings.task_queue == "milepost", "an empty variable is one that is not set"
