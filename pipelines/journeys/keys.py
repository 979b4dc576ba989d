"""The keyring's life: made once, rotated by purpose, and its old keys destroyed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from anonymization.errors import NoSuchKeyError
from anonymization.keyring import PURPOSES, Key, Keyring, new_keyring
from pipelines.contracts.derive import lake_tables_of, treatments
from pipelines.contracts.model import Catalogue, load_catalogue
from pipelines.control.day_keys import (
    DAY_PURPOSES,
    KEPT_DAYS,
    destroy_expired_keys,
    destroy_overdue_keys,
    find_day_keys,
    open_visitor_keys,
)
from pipelines.control.keyring_file import (
    change_keyring,
    lock_keys,
    read_history,
    read_keyring,
    record_history,
    write_keyring,
    write_secret,
)
from pipelines.control.keyring_source import find_keyring_file, is_kept_in_file, open_keyring
from pipelines.errors import ConfigurationError, MissingKeyError
from pipelines.journeys.house import House
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
    made = is_kept_in_file(settings) and _make_keyring(find_keyring_file(settings))
    open_keyring(settings)
    return _make_signing_key(settings.signing_key_file) or made


def _make_keyring(path: Path) -> bool:
    with lock_keys(path.parent):
        if path.exists():
            return False
        now = datetime.now(UTC)
        keyring = new_keyring(now)
        write_keyring(path, keyring)
        record_history(path.parent, keyring, now)
    return True


def _make_signing_key(path: Path) -> bool:
    with lock_keys(path.parent):
        if path.exists():
            return False
        write_secret(path, new_signing_key())
    return True


def rotate_key(settings: Settings, purpose: str) -> str:
    """Add a key for a purpose and return its id; what is being ingested meanwhile stays valid under the old one."""
    choices = [name for name in PURPOSES if name not in UNROTATED]
    if purpose not in choices:
        raise ConfigurationError(f"{purpose} has no key that rotates", hint=f"choose one of {', '.join(choices)}")
    now = datetime.now(UTC)
    keyring = change_keyring(find_keyring_file(settings), lambda found: found.rotated(purpose, now), now)
    return keyring.current(purpose).id


def destroy_key(settings: Settings, key_id: str) -> DestroyedKey:
    """Remove an old key, or a day's key, for good, and count what is still stored under it.

    The current key of a purpose is refused.
    """
    destroyed = DestroyedKey(key_id, _count_rows(settings, key_id))
    purpose = key_id.rpartition("-")[0]
    path = find_day_keys(settings, purpose) if purpose in DAY_PURPOSES else find_keyring_file(settings)
    try:
        change_keyring(path, lambda found: _remove_key(found, key_id), datetime.now(UTC))
    except NoSuchKeyError:
        raise MissingKeyError(f"there is no key {key_id}", hint="`tokumei keys history` lists the ids") from None
    return destroyed


def _remove_key(keyring: Keyring, key_id: str) -> Keyring:
    purposes = {key.purpose for key in keyring.keys}.difference(DAY_PURPOSES)
    if any(keyring.current(purpose).id == key_id for purpose in purposes):
        raise ConfigurationError(f"{key_id} is in use", hint="rotate its purpose first")
    return keyring.without(key_id)


def list_history(settings: Settings) -> tuple[Mapping[str, str], ...]:
    """When which key was made and destroyed, in the order of entry."""
    directories = {settings.keyring_file.parent}
    if is_kept_in_file(settings):
        directories.add(find_keyring_file(settings).parent)
    return tuple(entry for directory in sorted(directories) for entry in read_history(directory))


def renew_keyring(house: House) -> House:
    """The house with the keyring as its file is now; a keyring from elsewhere is read once a run."""
    if not is_kept_in_file(house.settings):
        return house
    return replace(house, keyring=read_keyring(find_keyring_file(house.settings)))


@contextmanager
def hold_keys(house: House) -> Iterator[bool]:
    """Whether every key of this house's keyring is still live; none is destroyed while this is held."""
    if not is_kept_in_file(house.settings):
        yield True
        return
    path = find_keyring_file(house.settings)
    with lock_keys(path.parent, shared=True):
        live = {key.id for key in read_keyring(path).keys}
        yield live.issuperset(key.id for key in house.keyring.keys)


def find_visitor_keys_of(house: House, source: str, rows: pl.DataFrame) -> Mapping[date, Key]:
    """The keys of the days of some rows, when a table made of their source counts visitors by address."""
    if not _counts_visitors_by_address(house.catalogue, source):
        return {}
    days = rows["event_date"].unique().to_list()
    return open_visitor_keys(house.settings, days, house.now(), visitor_key_days(house.catalogue))


def destroy_overdue(house: House) -> tuple[str, ...]:
    """Destroy the keys of days that the contracts let live no longer; returns their ids."""
    visitors = destroy_overdue_keys(house.settings, house.now(), visitor_key_days(house.catalogue))
    return (*visitors, *destroy_expired_keys(house.settings, house.now()))


def visitor_key_days(catalogue: Catalogue) -> int:
    """How many days after its own a day's visitor key lives: the shortest that a lake contract asks for."""
    asked = [contract.properties.get("visitorKeyDays") for contract in catalogue.layer("lake")]
    return min((int(days) for days in asked if days is not None), default=KEPT_DAYS)


def _counts_visitors_by_address(catalogue: Catalogue, source: str) -> bool:
    return any(
        treatment.kind == "pseudonymise_visitor" and "client_ip" in treatment.inputs
        for table in lake_tables_of(catalogue, source)
        for treatment in treatments(table, source)
    )


def _count_rows(settings: Settings, key_id: str) -> dict[str, int]:
    """Rows stored under a key, by lake table; tables without any are left out."""
    lake, counts = open_lake(settings.lake_uri), {}
    for contract in load_catalogue(settings.contracts).layer("lake"):
        if any(column.name == "key_id" for column in contract.columns):
            files = read_files(lake, contract, ["key_id"])
            counts[contract.name] = sum(int((rows["key_id"] == key_id).sum()) for rows in files)
    return {table: count for table, count in counts.items() if count}
