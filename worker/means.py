"""What a worker sends actions with, as the settings say."""

from __future__ import annotations

from activities.delivery.http import HookSender
from activities.delivery.means import Means
from activities.delivery.smtp import MailServer
from domain.delivery.encryption import Encryption
from worker.settings import PREFIX, Settings, SettingsError

_PORTS = {Encryption.NONE: 25, Encryption.STARTTLS: 587, Encryption.TLS: 465}


def means_of(settings: Settings) -> Means:
    """The ways out of a worker.

    Raises:
        SettingsError: the file with the password can't be read, or a password is given without a user.
    """
    hosts = [host.strip() for host in settings.hook_hosts.split(",") if host.strip()]
    return Means(
        mail=_mail_server(settings),
        hooks=HookSender(hosts),
        pace=settings.delivery_pace,
        console=settings.console_url,
        temporal_ui=settings.temporal_ui_url,
    )


def mail_in_words(settings: Settings) -> str:
    """Where mail goes, in a line for people."""
    if settings.smtp_host is None:
        return f"to the log of sent mail alone; set {PREFIX}SMTP_HOST to send it"
    return f"by {settings.smtp_host}:{_port(settings)} ({settings.smtp_encryption}), from {settings.smtp_sender}"


def _mail_server(settings: Settings) -> MailServer | None:
    if settings.smtp_host is None:
        return None
    password = _password(settings)
    if password is not None and settings.smtp_user is None:
        raise SettingsError(f"{PREFIX}SMTP_PASSWORD is set, but nobody logs in; set {PREFIX}SMTP_USER too")
    return MailServer(
        host=settings.smtp_host,
        port=_port(settings),
        sender=settings.smtp_sender,
        encryption=settings.smtp_encryption,
        user=settings.smtp_user,
        password=password,
        gives_up_after=settings.smtp_timeout,
    )


def _port(settings: Settings) -> int:
    return settings.smtp_port or _PORTS[settings.smtp_encryption]


def _password(settings: Settings) -> str | None:
    if settings.smtp_password is not None:
        return settings.smtp_password.get_secret_value()
    if settings.smtp_password_file is None:
        return None
    try:
        return settings.smtp_password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{PREFIX}SMTP_PASSWORD_FILE: the password can't be read: {error}") from None
