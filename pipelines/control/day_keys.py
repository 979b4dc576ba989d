"""Keys of one day each: those that tell nameless visitors apart on it, and those that seal the lines that expire on it.

Made when needed, destroyed on schedule. They are always files of this installation, whatever the keyring's source, and
not for backups: a key that can be restored was not destroyed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from anonymization.keyring import DAILY_PURPOSE, QUARANTINE_PURPOSE, Key, Keyring
from pipelines.control.keyring_file import change_keyring, read_keyring
from pipelines.settings import Settings

KEPT_DAYS = 3
DAYS_AHEAD = 1  # clocks of servers differ
DAY_PURPOSES = (DAILY_PURPOSE, QUARANTINE_PURPOSE)
NO_KEYS = Keyring(())


def find_day_keys(settings: Settings, purpose: str) -> Path:
    """The file of a purpose whose epochs are days."""
    return settings.keyring_file.with_name(f"{purpose}_keys.json")


def open_visitor_keys(
    settings: Settings, days: Iterable[date], now: datetime, kept_days: int = KEPT_DAYS
) -> dict[date, Key]:
    """The keys of those days that may have one: from kept_days ago until tomorrow. now: in the service's time zone.

    Made where they are missing. Any other day has none, and neither has a day whose key was destroyed.
    """
    oldest, newest = now.date() - timedelta(days=kept_days), now.date() + timedelta(days=DAYS_AHEAD)
    return _open_keys(settings, DAILY_PURPOSE, [day for day in days if oldest <= day <= newest], oldest, now)


def open_quarantine_key(settings: Settings, expires_on: date, now: datetime) -> Key:
    """The key of the lines that expire on a day to come, made where it is missing. now: in the service's time zone."""
    return _open_keys(settings, QUARANTINE_PURPOSE, [expires_on], now.date(), now)[expires_on]


def read_quarantine_keys(settings: Settings, now: datetime) -> dict[str, Key]:
    """Every key of the quarantine, by id, whose day is not over."""
    keyring = _read_if_any(find_day_keys(settings, QUARANTINE_PURPOSE))
    return {key.id: key for key in keyring.without_days_before(now.date(), QUARANTINE_PURPOSE).keys}


def destroy_overdue_keys(settings: Settings, now: datetime, kept_days: int = KEPT_DAYS) -> tuple[str, ...]:
    """Destroy the visitor keys of days more than kept_days ago; returns their ids."""
    return _destroy_keys(settings, DAILY_PURPOSE, now.date() - timedelta(days=kept_days), now)


def destroy_expired_keys(settings: Settings, now: datetime) -> tuple[str, ...]:
    """Destroy the quarantine's keys of days that are over; returns their ids."""
    return _destroy_keys(settings, QUARANTINE_PURPOSE, now.date(), now)


def _open_keys(settings: Settings, purpose: str, days: Sequence[date], oldest: date, now: datetime) -> dict[date, Key]:
    """The keys of days, made where they are missing; those before the oldest go on that occasion."""

    def renew(found: Keyring) -> Keyring:
        return found.without_days_before(oldest, purpose).with_days(days, now.astimezone(UTC), purpose)

    path = find_day_keys(settings, purpose)
    keyring = _read_if_any(path)
    if renew(keyring) != keyring:
        keyring = change_keyring(path, renew, now, read=_read_if_any)
    return keyring.of_days(days, purpose)


def _destroy_keys(settings: Settings, purpose: str, oldest: date, now: datetime) -> tuple[str, ...]:
    path = find_day_keys(settings, purpose)
    before = _read_if_any(path)
    if before.without_days_before(oldest, purpose) == before:
        return ()
    after = change_keyring(path, lambda found: found.without_days_before(oldest, purpose), now, read=_read_if_any)
    return tuple(key_id for key_id in after.retired if key_id not in before.retired)


def _read_if_any(path: Path) -> Keyring:
    return read_keyring(path) if path.exists() else NO_KEYS
