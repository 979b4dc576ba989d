"""The keyring's file, apart from the data: mode 0600, replaced in one step, never written anywhere else."""

from __future__ import annotations

import os
from pathlib import Path

from anonymization.errors import AnonymizationError
from anonymization.keyring import Keyring, dump_keyring, parse_keyring
from pipelines.errors import ConfigurationError, MissingKeyError


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
    return _parse(content, path)


def _parse(content: bytes, path: Path) -> Keyring:
    try:
        return parse_keyring(content.decode())
    except AnonymizationError as error:
        reason = str(error)
    except (ValueError, TypeError):
        reason = "the keyring file is not a keyring"
    # Raised out here, so that no traceback can follow the context to an error that may quote the file.
    raise MissingKeyError(f"{path}: {reason}", hint="restore the keyring from its backup")


def write_keyring(path: Path, keyring: Keyring) -> None:
    """Replace the keyring's file as a whole."""
    write_secret(path, dump_keyring(keyring).encode())


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
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
