"""Secrets that Airflow's components share, and the passwords of its users: made once, the owner's to read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

ENGINEER = "engineer"
COMPLIANCE_OFFICER = "compliance-officer"
AUDITOR = "auditor"


def list_users(officers: Sequence[str]) -> dict[str, str]:
    """Airflow's role of each user: the engineer may do all, officers answer human tasks, the auditor reads.

    The user role may answer human tasks and start DAGs, and sees no pools, connections, variables or configuration.
    """
    return {AUDITOR: "viewer", **dict.fromkeys(officers, "user"), ENGINEER: "admin"}


def load_component_secrets(home: Path) -> dict[str, str]:
    """Return the environment variables that hold the secrets, creating them at the first call.

    Components that start together on an empty home each invent their own, and tasks then die with "Invalid auth token".
    """
    fresh = {
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
    }
    return _load_or_create(home / "secrets.json", fresh)


def load_passwords(home: Path, officers: Sequence[str] = (COMPLIANCE_OFFICER,)) -> dict[str, str]:
    """Return each user's password, creating those that are missing, in the file that SimpleAuthManager reads."""
    return _load_or_create(passwords_file(home), {user: secrets.token_urlsafe(18) for user in list_users(officers)})


def passwords_file(home: Path) -> Path:
    """Return where the passwords are, for a person to read."""
    return home / "passwords.json"


def _load_or_create(file: Path, fresh: Mapping[str, str]) -> dict[str, str]:
    """What the file holds, to which is added what it does not; the file is replaced whole."""
    stored: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if fresh.keys() <= stored.keys():
        return stored
    complete = {**fresh, **stored}
    beside = file.with_name(f".{file.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(complete, stream)
    beside.replace(file)
    return complete
