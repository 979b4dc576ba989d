"""The keyring's life: made once, rotated by purpose, and its old keys destroyed."""

from __future__ import annotations

from datetime import UTC, datetime

from anonymization.errors import NoSuchKeyError
from anonymization.keyring import PURPOSES, new_keyring
from pipelines.control.keyring_file import read_keyring, write_keyring, write_secret
from pipelines.errors import ConfigurationError, MissingKeyError
from pipelines.proof.certificate import new_signing_key
from pipelines.settings import Settings

# Tombstones and sealed requests are stored under these and are not made anew, so their keys stay.
UNROTATED = ("membership", "sealing")


def make_keys(settings: Settings) -> bool:
    """Make keyring and signing key where they are missing; False when both were there."""
    made = False
    if not settings.keyring_file.exists():
        write_keyring(settings.keyring_file, new_keyring(datetime.now(UTC)))
        made = True
    if not settings.signing_key_file.exists():
        write_secret(settings.signing_key_file, new_signing_key())
        made = True
    return made


def rotate_key(settings: Settings, purpose: str) -> str:
    """Add a key for a purpose and return its id."""
    choices = [name for name in PURPOSES if name not in UNROTATED]
    if purpose not in choices:
        raise ConfigurationError(f"{purpose} has no key that rotates", hint=f"choose one of {', '.join(choices)}")
    keyring = read_keyring(settings.keyring_file).rotated(purpose, datetime.now(UTC))
    write_keyring(settings.keyring_file, keyring)
    return keyring.current(purpose).id


def destroy_key(settings: Settings, key_id: str) -> None:
    """Remove an old key for good; the current key of a purpose is refused."""
    keyring = read_keyring(settings.keyring_file)
    if any(keyring.current(purpose).id == key_id for purpose in PURPOSES):
        raise ConfigurationError(f"{key_id} is in use", hint="rotate its purpose first")
    try:
        write_keyring(settings.keyring_file, keyring.without(key_id))
    except NoSuchKeyError:
        raise MissingKeyError(f"there is no key {key_id}", hint="the keyring's file lists the ids") from None
