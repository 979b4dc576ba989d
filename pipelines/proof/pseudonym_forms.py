"""The forms of sixteen-byte pseudonyms, all pseudonyms at once: thousands of subjects have a million of them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import numpy as np

from pipelines.proof.sieve import Bytes

PSEUDONYM_BYTES = 16
DASHED = (8, 12, 16, 20)  # hexadecimal digits before each dash of a UUID
LOWER_DIGITS, UPPER_DIGITS = (
    np.frombuffer("".join(spell % byte for byte in range(256)).encode(), np.uint8).reshape(256, 2)
    for spell in ("%02x", "%02X")
)
URL_SAFE = np.arange(256, dtype=np.uint8)
URL_SAFE[[ord("+"), ord("/")]] = ord("-"), ord("_")


def spell_pseudonyms(pseudonyms: Bytes) -> Iterator[tuple[str, Bytes]]:
    """Each form that every pseudonym has, one a row: what `list_forms` lists, but for keys of blobs with 0 or 1."""
    yield "raw bytes", pseudonyms
    for digits in (LOWER_DIGITS, UPPER_DIGITS):
        spelled = digits[pseudonyms].reshape(len(pseudonyms), 2 * PSEUDONYM_BYTES)
        yield "hex", spelled
        yield "uuid", np.insert(spelled, DASHED, ord("-"), axis=1)
    for shift in range(3):
        encoded = encode_base64(pseudonyms, shift)
        yield "base64", encoded
        yield "base64url", URL_SAFE[encoded]
    yield "sort key", pseudonyms + np.uint8(1)
    yield "sort key", ~pseudonyms


def encode_base64(pseudonyms: Bytes, shift: int) -> Bytes:
    """Those characters that are the same whatever stands around a pseudonym at this place within three bytes."""
    padded = np.zeros((len(pseudonyms), 18), np.uint8)
    padded[:, shift : shift + PSEUDONYM_BYTES] = pseudonyms
    characters = np.frombuffer(b64encode(padded.tobytes()), np.uint8).reshape(len(pseudonyms), 24)
    return characters[:, -(-8 * shift // 6) : 8 * (shift + PSEUDONYM_BYTES) // 6]
