"""Where the keyring comes from: a file, an environment variable, or the command of a key management service."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from anonymization.keyring import Keyring
from pipelines.control.keyring_file import parse_content, read_keyring
from pipelines.errors import ConfigurationError, MissingKeyError
from pipelines.settings import Settings

COMMAND_SECONDS = 60


def open_keyring(settings: Settings) -> Keyring:
    """The keyring of the installation; MissingKeyError when its source gives none, never with what it gave instead."""
    kind, _, place = settings.keyring_source.partition(":")
    if kind == "env" and place:
        return parse_content(_read_variable(place), f"the variable {place}")
    if kind == "command" and place:
        return parse_content(_run_command(place), "the keyring's command")
    return read_keyring(find_keyring_file(settings))


def is_kept_in_file(settings: Settings) -> bool:
    """Whether the keyring is a file, which this program may change."""
    return settings.keyring_source.partition(":")[0] == "file"


def find_keyring_file(settings: Settings) -> Path:
    """The file of the keyring; ConfigurationError when it is none, or nobody knows what it is."""
    kind, _, place = settings.keyring_source.partition(":")
    if kind == "file":
        return Path(place).absolute() if place else settings.keyring_file
    if kind in {"env", "command"} and place:
        raise ConfigurationError(
            "this keyring is no file of ours", hint="change it where TOKUMEI_KEYRING_SOURCE points"
        )
    raise ConfigurationError(
        "TOKUMEI_KEYRING_SOURCE names no source of keys", hint="set it to file, file:PATH, env:VARIABLE or command:LINE"
    )


def _read_variable(name: str) -> bytes:
    if name not in os.environ:
        raise MissingKeyError(f"the variable {name} is not set", hint="set it to the keyring's text")
    return os.environb[os.fsencode(name)]


def _run_command(line: str) -> bytes:
    """What a command prints. Its error output is kept back, since nobody knows what stands in it."""
    try:
        done = subprocess.run(shlex.split(line), capture_output=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        done = None  # the exception would keep what was printed so far
    if done is None or done.returncode:
        outcome = "cannot be run, or takes too long" if done is None else f"exited with {done.returncode}"
        raise MissingKeyError(f"the keyring's command {outcome}", hint="run it by hand, and mend it")
    return done.stdout
