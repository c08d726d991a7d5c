from pathlib import Path

import pytest

from worker.means import mail_in_words, means_of
from worker.memory import cached_workflows_for, memory_of_this_process
from worker.settings import Settings, SettingsError, get_settings
from worker.telemetry import tell_operators


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


@pytest.mark.parametrize(
    ("gigabytes", "cached"), [(0.25, 500), (0.5, 771), (1, 1542), (2, 3084), (8, 12336), (64, 20_000)]
)
def test_the_default_cache_follows_memory(gigabytes: float, cached: int) -> None:
    """A quarter of it, at 170 KB a workflow, within bounds."""
    assert cached_workflows_for(int(gigabytes * 1024**3)) == cached


def test_memory_is_that_of_the_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where that has less than its machine; a limit that is none does not count."""
    limit, none = tmp_path / "memory.max", tmp_path / "limit_in_bytes"
    limit.write_text(f"{256 * 1024**2}\n")
    none.write_text("max\n")
    monkeypatch.setattr("worker.memory._LIMITS", (str(limit), str(none), str(tmp_path / "nothing")))
    assert memory_of_this_process() == 256 * 1024**2


def test_metrics_that_cannot_be_served_are_a_bad_setting() -> None:
    """The message names the variable."""
    with pytest.raises(SettingsError, match="MILEPOST_METRICS: no metrics can be served at 'nowhere'"):
        tell_operators(Settings(metrics="nowhere"))


def test_mail_goes_to_the_log_unless_a_server_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """And `dev` says which."""
    monkeypatch.delenv("MILEPOST_SMTP_HOST", raising=False)
    assert means_of(get_settings()).mail is None
    assert mail_in_words(get_settings()) == "to the log of sent mail alone; set MILEPOST_SMTP_HOST to send it"


def test_a_mail_server_is_set_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The port follows the encryption; the password may lie in a file, and is shown nowhere."""
    (tmp_path / "password").write_text("hunter2\n")
    monkeypatch.setenv("MILEPOST_SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("MILEPOST_SMTP_SENDER", "Milepost <sla@example.org>")
    monkeypatch.setenv("MILEPOST_SMTP_ENCRYPTION", "tls")
    monkeypatch.setenv("MILEPOST_SMTP_PASSWORD_FILE", str(tmp_path / "password"))
    with pytest.raises(SettingsError, match="MILEPOST_SMTP_PASSWORD is set, but nobody logs in"):
        means_of(get_settings())
    monkeypatch.setenv("MILEPOST_SMTP_USER", "milepost")
    means = means_of(get_settings())
    assert means.mail is not None
    assert (means.mail.port, means.mail.password, means.mail.domain) == (465, "hunter2", "example.org")
    assert "hunter2" not in f"{get_settings()!r} {means!r} {mail_in_words(get_settings())}"
    assert mail_in_words(get_settings()) == "by mail.example.org:465 (tls), from Milepost <sla@example.org>"
    monkeypatch.setenv("MILEPOST_SMTP_PASSWORD_FILE", str(tmp_path / "nothing"))
    with pytest.raises(SettingsError, match="MILEPOST_SMTP_PASSWORD_FILE: the password can't be read"):
        means_of(get_settings())
    monkeypatch.setenv("MILEPOST_SMTP_ENCRYPTION", "maybe")
    with pytest.raises(SettingsError, match="MILEPOST_SMTP_ENCRYPTION"):
        get_settings()
