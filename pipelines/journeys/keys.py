"""The keyring's life: made once, rotated by purpose, and its old keys destroyed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from anonymization.errors import NoSuchKeyError
from anonymization.keyring import PURPOSES, new_keyring
from pipelines.contracts.model import load_catalogue
from pipelines.control.keyring_file import read_keyring, write_keyring, write_secret
from pipelines.errors import ConfigurationError, MissingKeyError
from pipelines.lake.layout import open_lake, read_files
from pipelines.proof.certificate import new_signing_key
from pipelines.settings import Settings

# Tombstones and sealed requests are stored under these and are not made anew, so their keys stay.
UNROTATED = ("membership", "sealing")


@dataclass(frozen=True, slots=True)
class DestroyedKey:
    """A key that is gone, and the rows by table that stay stored under it, out of reach of any deletion request."""

    key_id: str
    row_counts: Mapping[str, int] = field(hash=False)

    @property
    def message(self) -> str:
        """One sentence for whoever destroyed it."""
        if not self.row_counts:
            return f"{self.key_id} is destroyed; nothing is stored under it"
        listed = ", ".join(f"{count} rows of {table}" for table, count in self.row_counts.items())
        return (
            f"{self.key_id} is destroyed; {listed} stay stored under it, and no deletion request reaches them any more"
        )


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


def destroy_key(settings: Settings, key_id: str) -> DestroyedKey:
    """Remove an old key for good, and count what is still stored under it; the current key of a purpose is refused."""
    keyring = read_keyring(settings.keyring_file)
    if any(keyring.current(purpose).id == key_id for purpose in PURPOSES):
        raise ConfigurationError(f"{key_id} is in use", hint="rotate its purpose first")
    try:
        remaining = keyring.without(key_id)
    except NoSuchKeyError:
        raise MissingKeyError(f"there is no key {key_id}", hint="the keyring's file lists the ids") from None
    destroyed = DestroyedKey(key_id, _count_rows(settings, key_id))
    write_keyring(settings.keyring_file, remaining)
    return destroyed


def _count_rows(settings: Settings, key_id: str) -> dict[str, int]:
    """Rows stored under a key, by lake table; tables without any are left out."""
    lake, counts = open_lake(settings.lake_uri), {}
    for contract in load_catalogue(settings.contracts).layer("lake"):
        if any(column.name == "key_id" for column in contract.columns):
            files = read_files(lake, contract, ["key_id"])
            counts[contract.name] = sum(int((rows["key_id"] == key_id).sum()) for rows in files)
    return {table: count for table, count in counts.items() if count}
