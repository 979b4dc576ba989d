"""The secrets that the intake service shares with its callers, entered and renewed; it reads them at each request."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from anonymization.keyring import Secret
from pipelines.control.desk_secrets import DeskSecrets, new_secret, open_desk_secrets, write_desk_secrets
from pipelines.control.keyring_file import lock_keys
from pipelines.errors import ConfigurationError
from pipelines.journeys.intake import RESERVED_CLIENTS
from pipelines.settings import Settings

CLIENT_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
APP_SECRET = re.compile(r"[\x21-\x7e]{16,256}")


def make_client_secret(settings: Settings, name: str, *, renew: bool) -> Secret:
    """A new secret for a client; ConfigurationError when it has one already and is not to get another."""
    if not CLIENT_NAME.fullmatch(name) or name in RESERVED_CLIENTS:
        raise ConfigurationError("this is no name of a client", hint="use up to 64 of a-z, 0-9 and -, such as service")
    secret = new_secret()

    def add(found: DeskSecrets) -> DeskSecrets:
        if name in found.clients and not renew:
            raise ConfigurationError(
                f"client {name} has a secret", hint="--renew replaces it; the old one is void then"
            )
        return replace(found, clients={**found.clients, name: secret})

    _change(settings, add)
    return secret


def keep_facebook_secret(settings: Settings, text: str) -> None:
    """Keep what Facebook signs its callbacks with."""
    if not APP_SECRET.fullmatch(text.strip()):
        raise ConfigurationError("stdin holds no app secret", hint="pass the app secret of Facebook's dashboard, alone")
    _change(settings, lambda found: replace(found, facebook=Secret(text.strip())))


def _change(settings: Settings, change: Callable[[DeskSecrets], DeskSecrets]) -> None:
    with lock_keys(settings.desk_secrets_file.parent):
        write_desk_secrets(settings, change(open_desk_secrets(settings)))
