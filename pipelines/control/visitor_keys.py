"""The keys under which visitors without a name are told apart for a day: made when needed, destroyed on schedule.

They are always a file of this installation, whatever the keyring's source, and not for backups: a key that can be
restored was not destroyed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from anonymization.keyring import Key, Keyring
from pipelines.control.keyring_file import change_keyring, read_keyring
from pipelines.settings import Settings

KEPT_DAYS = 3
DAYS_AHEAD = 1  # clocks of servers differ
NO_KEYS = Keyring(())


def open_visitor_keys(
    settings: Settings, days: Iterable[date], now: datetime, kept_days: int = KEPT_DAYS
) -> dict[date, Key]:
    """The keys of those days that may have one: from kept_days ago until tomorrow. now: in the service's time zone.

    Made where they are missing. Any other day has none, and neither has a day whose key was destroyed.
    """
    oldest, newest = now.date() - timedelta(days=kept_days), now.date() + timedelta(days=DAYS_AHEAD)
    wanted = [day for day in days if oldest <= day <= newest]
    path = find_visitor_keys(settings)
    keyring = _read_if_any(path)
    if _renew(keyring, wanted, oldest, now) != keyring:
        keyring = change_keyring(path, lambda found: _renew(found, wanted, oldest, now), now, read=_read_if_any)
    return keyring.of_days(wanted)


def destroy_overdue_keys(settings: Settings, now: datetime, kept_days: int = KEPT_DAYS) -> tuple[str, ...]:
    """Destroy the keys of days more than kept_days ago; returns their ids."""
    path, oldest = find_visitor_keys(settings), now.date() - timedelta(days=kept_days)
    before = _read_if_any(path)
    if before.without_days_before(oldest) == before:
        return ()
    after = change_keyring(path, lambda found: found.without_days_before(oldest), now, read=_read_if_any)
    return tuple(key_id for key_id in after.retired if key_id not in before.retired)


def find_visitor_keys(settings: Settings) -> Path:
    """The file of the visitor keys."""
    return settings.keyring_file.with_name("visitor_keys.json")


def _renew(keyring: Keyring, days: Iterable[date], oldest: date, now: datetime) -> Keyring:
    return keyring.without_days_before(oldest).with_days(days, now.astimezone(UTC))


def _read_if_any(path: Path) -> Keyring:
    return read_keyring(path) if path.exists() else NO_KEYS
