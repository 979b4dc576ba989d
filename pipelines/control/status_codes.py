"""Confirmation codes of requests, and other marks that only the holder of a secret can make."""

from __future__ import annotations

import base64
import hashlib
import hmac

from anonymization.keyring import Secret
from pipelines.control.desk_secrets import DeskSecrets

CODE_BYTES = 15  # 120 bits, 24 characters of base32


def make_code(secrets: DeskSecrets, request_id: str) -> str:
    """The confirmation code of a request: always the same, and nobody's to guess. Only its digest is stored."""
    return base64.b32encode(mark(secrets.status, "code", request_id)[:CODE_BYTES]).decode()


def digest_code(code: str) -> str:
    """So that who reads the ledger cannot open the status page; codes are long enough to need no key."""
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()


def mark(secret: Secret, purpose: str, text: str) -> bytes:
    """32 bytes that stand for a text, another mark for each purpose."""
    return hmac.digest(secret.reveal().encode(), f"{purpose}\n{text}".encode(), "sha256")
