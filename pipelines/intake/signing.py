"""Who sent a request: clients sign method, path, time, nonce and body; Facebook signs its payload."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from anonymization.keyring import Secret
from pipelines.control.intake import TIMESTAMP_SECONDS

CLIENT, TIMESTAMP, NONCE, SIGNATURE, IDEMPOTENCY_KEY = (
    "x-tokumei-client",
    "x-tokumei-timestamp",
    "x-tokumei-nonce",
    "x-tokumei-signature",
    "idempotency-key",
)
PATTERNS: Mapping[str, str] = {
    CLIENT: r"^[a-z][a-z0-9-]{0,63}$",
    TIMESTAMP: r"^[0-9]{1,12}$",
    NONCE: r"^[A-Za-z0-9_-]{16,128}$",
    SIGNATURE: r"^v1=[0-9a-f]{64}$",
    IDEMPOTENCY_KEY: r"^[\x21-\x7e]{1,128}$",
}
NOBODYS_SECRET = Secret("compared with where a client is not known, so that this takes as long")
FACEBOOK_ALGORITHM = "HMAC-SHA256"
FACEBOOK_MAXIMUM_AGE = timedelta(hours=1)
FACEBOOK_USER = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)


class SignatureRefusedError(Exception):
    """Why a signed request is not believed: signature, timestamp or payload."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Signed:
    """The headers of a request whose signature holds."""

    client_id: str
    nonce: str = field(repr=False)
    idempotency_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it arrived. headers: by their names in small letters."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def sign(secret: Secret, sent: Sent) -> str:
    """The signature header's value: v1= and the HMAC-SHA256 of six lines, in hexadecimal."""
    timestamp, nonce = sent.headers.get(TIMESTAMP, ""), sent.headers.get(NONCE, "")
    lines = ("v1", sent.method, sent.path, timestamp, nonce, hashlib.sha256(sent.body).hexdigest())
    return "v1=" + hmac.digest(secret.reveal().encode(), "\n".join(lines).encode(), "sha256").hex()


def require_signed(sent: Sent, clients: Mapping[str, Secret], now: datetime) -> Signed:
    """The signed headers of a request; SignatureRefusedError, which tells a stranger the same whatever is wrong."""
    given = {name: sent.headers.get(name, "") for name in PATTERNS}
    if not all(re.fullmatch(pattern, given[name]) for name, pattern in PATTERNS.items()):
        raise SignatureRefusedError("signature")
    signature = sign(clients.get(given[CLIENT], NOBODYS_SECRET), sent)
    is_right = hmac.compare_digest(signature.encode(), given[SIGNATURE].encode())
    if not is_right or given[CLIENT] not in clients:
        raise SignatureRefusedError("signature")
    if abs(now.timestamp() - int(given[TIMESTAMP])) > TIMESTAMP_SECONDS:
        raise SignatureRefusedError("timestamp")
    return Signed(given[CLIENT], given[NONCE], given[IDEMPOTENCY_KEY])


def read_facebook_request(signed_request: str, secret: Secret, now: datetime) -> str:
    """The id of the user whom a signed request of Facebook's is about; SignatureRefusedError for any other text."""
    signature, separator, payload = signed_request.partition(".")
    digest = hmac.digest(secret.reveal().encode(), payload.encode(errors="replace"), "sha256")
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    if not hmac.compare_digest(expected, signature.rstrip("=").encode(errors="replace")) or not separator:
        raise SignatureRefusedError("signature")
    record = _read_payload(payload)
    if str(record.get("algorithm")).upper() != FACEBOOK_ALGORITHM:
        raise SignatureRefusedError("signature")
    _require_recent(record.get("issued_at"), now)
    user = record.get("user_id")
    if isinstance(user, bool) or not FACEBOOK_USER.fullmatch(str(user)) or not isinstance(user, str | int):
        raise SignatureRefusedError("payload")
    return str(user)


def _read_payload(payload: str) -> Mapping[str, Any]:
    try:
        content = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
        record = json.loads(content)
    except (binascii.Error, ValueError, RecursionError):
        raise SignatureRefusedError("payload") from None
    if not isinstance(record, dict):
        raise SignatureRefusedError("payload")
    return record


def _require_recent(issued_at: object, now: datetime) -> None:
    if issued_at is None:
        return
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
        raise SignatureRefusedError("payload")
    oldest, newest = now.timestamp() - FACEBOOK_MAXIMUM_AGE.total_seconds(), now.timestamp() + TIMESTAMP_SECONDS
    if not oldest <= issued_at <= newest:
        raise SignatureRefusedError("timestamp")
