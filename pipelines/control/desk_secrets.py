"""Secrets that the compliance desk shares with others: made once, kept beside the keyring, the owner's to read."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from anonymization.keyring import Secret
from pipelines.errors import ConfigurationError
from pipelines.settings import Settings

FIRST_CLIENT = "service"
NAMED = ("form", "status", "facebook", "sms_gateway")


@dataclass(frozen=True, slots=True)
class DeskSecrets:
    """clients: what each caller of the intake service signs with, by its name. form: signs the console's forms.

    status: makes confirmation codes. facebook and sms_gateway: what these gave us, empty until somebody enters it.
    """

    clients: Mapping[str, Secret] = field(hash=False)
    form: Secret
    status: Secret
    facebook: Secret
    sms_gateway: Secret


def open_desk_secrets(settings: Settings) -> DeskSecrets:
    """The secrets, made at the first call; ConfigurationError when the file is not what this module writes."""
    _create(settings.desk_secrets_file)
    try:
        record = json.loads(settings.desk_secrets_file.read_text(encoding="utf-8"))
        clients = {name: Secret(text) for name, text in record["clients"].items()}
        return DeskSecrets(clients, *(Secret(record[name]) for name in NAMED))
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        raise ConfigurationError(
            f"{settings.desk_secrets_file} does not hold the secrets of the desk", hint="restore it from its backup"
        ) from None


def write_desk_secrets(settings: Settings, changed: DeskSecrets) -> None:
    """Replace the secrets in one step."""
    with _written_beside(settings.desk_secrets_file, changed) as beside:
        beside.replace(settings.desk_secrets_file)


def _create(file: Path) -> None:
    if file.exists():
        return
    made = DeskSecrets({FIRST_CLIENT: new_secret()}, new_secret(), new_secret(), Secret(""), Secret(""))
    with _written_beside(file, made) as beside, suppress(FileExistsError):
        os.link(beside, file)  # and not over what somebody else has made meanwhile


def new_secret() -> Secret:
    """A secret that nobody guesses: 32 random bytes, as text that can be put into a configuration file."""
    return Secret(secrets.token_urlsafe(32))


@contextmanager
def _written_beside(file: Path, content: DeskSecrets) -> Iterator[Path]:
    """The secrets in a file of another name, on disk whole; gone afterwards, unless it was given the right one."""
    record = {name: getattr(content, name).reveal() for name in NAMED}
    record["clients"] = {name: secret.reveal() for name, secret in content.clients.items()}
    beside = file.with_name(f".{file.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(record, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)
