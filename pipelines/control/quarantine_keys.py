"""The keys that seal quarantined lines: one for each day on which lines expire, destroyed once that day is over.

They are always a file of this installation and not for backups, as the visitor keys are.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from anonymization.keyring import QUARANTINE_PURPOSE, Key, Keyring
from pipelines.control.keyring_file import change_keyring, read_keyring
from pipelines.settings import Settings

NO_KEYS = Keyring(())


def open_quarantine_key(settings: Settings, expires_on: date, now: datetime) -> Key:
    """The key of the lines that expire on a day to come, made where it is missing. now: in the service's time zone."""
    path = find_quarantine_keys(settings)
    keyring = _read_if_any(path)
    if _renew(keyring, expires_on, now) != keyring:
        keyring = change_keyring(path, lambda found: _renew(found, expires_on, now), now, read=_read_if_any)
    return keyring.of_days([expires_on], QUARANTINE_PURPOSE)[expires_on]


def read_quarantine_keys(settings: Settings, now: datetime) -> dict[str, Key]:
    """Every key, by id, whose day is not over."""
    live = _read_if_any(find_quarantine_keys(settings)).without_days_before(now.date(), QUARANTINE_PURPOSE)
    return {key.id: key for key in live.keys}


def destroy_expired_keys(settings: Settings, now: datetime) -> tuple[str, ...]:
    """Destroy the keys of days that are over; returns their ids."""
    path, today = find_quarantine_keys(settings), now.date()
    before = _read_if_any(path)
    if before.without_days_before(today, QUARANTINE_PURPOSE) == before:
        return ()
    after = change_keyring(
        path, lambda found: found.without_days_before(today, QUARANTINE_PURPOSE), now, read=_read_if_any
    )
    return tuple(key_id for key_id in after.retired if key_id not in before.retired)


def find_quarantine_keys(settings: Settings) -> Path:
    """The file of the quarantine's keys."""
    return settings.keyring_file.with_name("quarantine_keys.json")


def _renew(keyring: Keyring, expires_on: date, now: datetime) -> Keyring:
    kept = keyring.without_days_before(now.date(), QUARANTINE_PURPOSE)
    return kept.with_days([expires_on], now.astimezone(UTC), QUARANTINE_PURPOSE)


def _read_if_any(path: Path) -> Keyring:
    return read_keyring(path) if path.exists() else NO_KEYS
