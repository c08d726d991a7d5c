"""What a person can set from outside: environment variables with the prefix ``MILEPOST_``.

How to reach Temporal is not here: that is the SDK's own configuration (``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``,
``TEMPORAL_API_KEY``, ``TEMPORAL_TLS*``, ``TEMPORAL_PROFILE``, and its file), read by `worker.connection`.
"""

from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.catalog.mailing import TimeZone
from domain.delivery.encryption import Encryption
from domain.errors import MilepostError

PREFIX = "MILEPOST_"

LogLevel = Literal["info", "warning", "error"]
LogFormat = Literal["text", "json"]

_WEB_ADDRESS = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"


class SettingsError(MilepostError):
    """An environment variable with a value that cannot be."""


def _user_data() -> Path:
    return platformdirs.user_data_path("milepost", appauthor=False)


def _user_cache() -> Path:
    return platformdirs.user_cache_path("milepost", appauthor=False)


class Settings(BaseSettings):
    """The settings of one process. Each field is the variable of its name in capitals, after ``MILEPOST_``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    data: Annotated[Path, Field(description="folder of what is kept between runs")] = Field(default_factory=_user_data)
    cache: Annotated[Path, Field(description="folder of what can be made again, such as a built server")] = Field(
        default_factory=_user_cache
    )
    database_url: Annotated[
        str | None, Field(description="SQLAlchemy URL; default: a SQLite file in the data folder")
    ] = None
    task_queue: Annotated[str, Field(min_length=1, description="the task queue of all of Milepost's workers")] = (
        "milepost"
    )
    build_id: Annotated[
        str | None,
        Field(description="version of this deployment; running cases then stay with the one that opened them"),
    ] = None
    cached_workflows: Annotated[
        int | None,
        Field(ge=0, description="how many cases and entitlements a worker keeps in memory; default: by its memory"),
    ] = None
    metrics: Annotated[
        str | None, Field(description="host:port at which a worker serves metrics for Prometheus; default: nowhere")
    ] = None
    log_level: Annotated[
        LogLevel, Field(description="from which level on `dev`, `worker` and `api` write their log")
    ] = "warning"
    log_format: Annotated[LogFormat, Field(description="of each entry of the log: a line, or a JSON object")] = "text"
    smtp_host: Annotated[
        str | None, Field(description="the mail server that mails are handed to; default: they go to the log of mail")
    ] = None
    smtp_port: Annotated[int | None, Field(ge=1, le=65535, description="its port; default: by the encryption")] = None
    smtp_encryption: Annotated[
        Encryption, Field(description="none, starttls (port 587) or tls (port 465); a server without it gets nothing")
    ] = Encryption.STARTTLS
    smtp_user: Annotated[str | None, Field(description="who logs in there; default: nobody does")] = None
    smtp_password: Annotated[SecretStr | None, Field(description="of that user")] = None
    smtp_password_file: Annotated[Path | None, Field(description="a file that holds the password instead")] = None
    smtp_sender: Annotated[
        str, Field(pattern=r"^[^\r\n@]*@[^\s@]+$", max_length=254, description="the address that mail comes from")
    ] = "milepost@localhost"
    smtp_timeout: Annotated[float, Field(gt=0, le=45, description="seconds for an attempt to hand a mail in")] = 30
    time_zone: Annotated[
        TimeZone | None,
        Field(description="your zone, in which commands read and show times; default: that of what they are about"),
    ] = None
    console_url: Annotated[
        str | None, Field(pattern=_WEB_ADDRESS, description="where people find the console, for links in mails")
    ] = None
    temporal_ui_url: Annotated[
        str | None, Field(pattern=_WEB_ADDRESS, description="where people find the Temporal UI, for links in mails")
    ] = None
    hook_hosts: Annotated[
        str,
        Field(description="hosts inside a network that outbound messages may go to: names, or name:port, by commas"),
    ] = ""
    delivery_pace: Annotated[
        float, Field(gt=0, description="divides the delays between attempts to deliver, for tests on a real wire")
    ] = 1
    feed_days: Annotated[int | None, Field(ge=1, description="days for which events of the feed are kept")] = None
    api_rate: Annotated[
        float, Field(gt=0, description="requests a second that one key may make of one process of the HTTP API")
    ] = 100
    api_url: Annotated[
        str | None,
        Field(pattern=_WEB_ADDRESS, description="where customers reach the HTTP API, for links to their pages"),
    ] = None
    oidc_issuer: Annotated[
        str | None, Field(pattern=_WEB_ADDRESS, description="whose tokens the HTTP API takes beside keys, by its `iss`")
    ] = None
    oidc_audience: Annotated[str, Field(min_length=1, description="the `aud` of these tokens")] = "milepost"
    oidc_jwks_url: Annotated[
        str | None, Field(pattern=_WEB_ADDRESS, description="where the issuer's keys are; default: as it says itself")
    ] = None
    oidc_scope_claim: Annotated[str, Field(description="the claim with the scopes, each as milepost:agent")] = "scope"
    oidc_accounts_claim: Annotated[
        str | None, Field(description="the claim with the accounts that a token is bound to; default: it is not bound")
    ] = None
    message_days: Annotated[
        int, Field(ge=1, description="days for which mails, messages and what receivers answered are kept as they were")
    ] = 30
    temporal_cli: Annotated[Path | None, Field(description="a `temporal` program to use for the embedded server")] = (
        None
    )

    @property
    def database(self) -> str:
        """The store's SQLAlchemy URL: what was set, else a SQLite file in the data folder."""
        return self.database_url or f"sqlite:///{self.data / 'milepost.db'}"


def get_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a variable has a value that cannot be; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{PREFIX}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"bad settings in the environment: {wrong}") from error
