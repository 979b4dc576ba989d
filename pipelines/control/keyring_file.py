"""Keyrings in files, apart from the data: mode 0600, changed under a lock, replaced in one step, their history kept."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from anonymization.errors import AnonymizationError
from anonymization.keyring import Keyring, dump_keyring, parse_keyring
from pipelines.errors import ConfigurationError, MissingKeyError

LOCK_NAME, HISTORY_NAME = ".lock", "history.jsonl"


def read_keyring(path: Path) -> Keyring:
    """The keyring; MissingKeyError when there is none or it is damaged, ConfigurationError when others may read it."""
    try:
        mode = path.stat().st_mode & 0o777
        content = path.read_bytes()
    except FileNotFoundError:
        raise MissingKeyError(f"there is no keyring at {path}", hint="make one with `tokumei keys init`") from None
    except OSError as error:
        raise ConfigurationError(
            f"the keyring {path} cannot be read ({error.strerror})", hint="make it a file of your own, mode 600"
        ) from None
    if mode & 0o077:
        raise ConfigurationError(f"the keyring {path} has mode {mode:o}", hint="others may read it: set it to 600")
    return parse_content(content, str(path))


def parse_content(content: bytes, source: str) -> Keyring:
    """The keyring in what a source gave; MissingKeyError names the source of what is none."""
    try:
        return parse_keyring(content.decode())
    except AnonymizationError as error:
        reason = str(error)
    except (ValueError, TypeError):
        reason = "the keyring file is not a keyring"
    # Raised out here, so that no traceback can follow the context to an error that may quote the keyring.
    raise MissingKeyError(f"{source}: {reason}", hint="restore the keyring from its backup")


def write_keyring(path: Path, keyring: Keyring) -> None:
    """Replace the keyring's file as a whole."""
    write_secret(path, dump_keyring(keyring).encode())


def change_keyring(
    path: Path, change: Callable[[Keyring], Keyring], now: datetime, *, read: Callable[[Path], Keyring] = read_keyring
) -> Keyring:
    """Apply a change to the keyring as it is now, one process at a time, and enter in the history what it did."""
    with lock_keys(path.parent):
        keyring = read(path)
        changed = change(keyring)
        if changed != keyring:
            write_keyring(path, changed)
        record_history(path.parent, changed, now)
    return changed


@contextmanager
def lock_keys(directory: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep every other process from changing keys; only shared locks are held together. Waits for its turn."""
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def record_history(directory: Path, keyring: Keyring, now: datetime) -> None:
    """Append what the history does not tell yet: keys made and keys destroyed, by id, without secrets.

    The keyring is the truth: what a crash kept out of the history is entered by the next change.
    """
    known = {(entry["action"], entry["key_id"]) for entry in read_history(directory)}
    made = ((key.created_at, "created", key.id) for key in keyring.keys)
    gone = ((now.astimezone(UTC).isoformat(), "destroyed", key_id) for key_id in keyring.retired)
    entries = [
        {"at": at, "action": action, "key_id": key_id}
        for at, action, key_id in (*made, *gone)
        if (action, key_id) not in known
    ]
    if entries:
        _append_lines(directory / HISTORY_NAME, [json.dumps(entry) for entry in entries])


def read_history(directory: Path) -> tuple[Mapping[str, str], ...]:
    """Every entry, oldest first: at, action (created or destroyed), key_id. A line cut off by a crash is left out."""
    path = directory / HISTORY_NAME
    lines = path.read_text().splitlines() if path.exists() else []
    return tuple(json.loads(line) for line in lines if line.endswith("}"))


def _append_lines(path: Path, lines: list[str]) -> None:
    """Each line begins on a new one, so that a line cut off before it spoils no other."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.writelines(f"\n{line}" for line in lines)
        stream.flush()
        os.fsync(stream.fileno())


def write_secret(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 so that either the old or the new content exists, also after a crash."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)  # left by a crash; its mode may be anything
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    _sync_directory(path.parent)  # or a destroyed key could be back after a power cut


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
