"""What recipients of exports are told of a deletion: signed as certificates are, under a type of its own."""

from __future__ import annotations

from pathlib import Path

from pipelines.proof.certificate import KEY_SET, keep_public_key
from pipelines.proof.publication import lock
from pipelines.proof.signature import read_signing_key, sign

NOTICE_TYPE = "tokumei-notice"


def sign_notice(payload: bytes, signing_key_pem: bytes, directory: Path) -> bytes:
    """The payload as a compact JWS, once its key is among the published ones; ConfigurationError for a wrong key."""
    key = read_signing_key(signing_key_pem)
    with lock(directory):
        keep_public_key(key, directory / KEY_SET)
    return sign(payload, key, NOTICE_TYPE)
