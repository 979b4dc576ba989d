"""The keys that make pseudonyms: one purpose each, versioned, read from and written to text by whoever holds the file."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anonymization.errors import AnonymizationError, NoSuchKeyError

PURPOSES = ("usage", "satisfaction", "security", "search", "membership", "sealing")
SECRET_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One secret for one purpose. `secret` is hexadecimal text of 32 bytes; it never appears in a repr."""

    id: str
    purpose: str
    secret: str
    created_at: str

    def __repr__(self) -> str:
        return f"Key({self.id})"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every live key, oldest first; the newest of a purpose makes new pseudonyms."""

    keys: tuple[Key, ...]

    def live(self, purpose: str) -> tuple[Key, ...]:
        """All keys of a purpose, under any of which pseudonyms may be stored."""
        found = tuple(key for key in self.keys if key.purpose == purpose)
        if not found:
            raise NoSuchKeyError(f"the keyring has no key for the purpose {purpose}")
        return found

    def current(self, purpose: str) -> Key:
        """The key under which new pseudonyms are made."""
        return self.live(purpose)[-1]

    def rotated(self, purpose: str, now: datetime) -> Keyring:
        """A keyring with one more key for a purpose."""
        generation = sum(key.purpose == purpose for key in self.keys) + 1
        return Keyring((*self.keys, _new_key(purpose, generation, now)))

    def without(self, key_id: str) -> Keyring:
        """A keyring in which one key is gone, and with it the way from any identifier to its pseudonyms."""
        if all(key.id != key_id for key in self.keys):
            raise NoSuchKeyError(f"the keyring has no key {key_id}")
        return Keyring(tuple(key for key in self.keys if key.id != key_id))


def new_keyring(now: datetime, purposes: Iterable[str] = PURPOSES) -> Keyring:
    """A keyring with one fresh key for each purpose."""
    return Keyring(tuple(_new_key(purpose, 1, now) for purpose in purposes))


def _new_key(purpose: str, generation: int, now: datetime) -> Key:
    return Key(f"{purpose}-{generation}", purpose, secrets.token_hex(SECRET_BYTES), now.isoformat())


def dump_keyring(keyring: Keyring) -> str:
    """The keyring as JSON text."""
    return json.dumps({"version": 1, "keys": [asdict(key) for key in keyring.keys]}, indent=2)


def parse_keyring(text: str) -> Keyring:
    """The keyring in JSON text; AnonymizationError when it is not one."""
    try:
        keyring = Keyring(tuple(Key(**item) for item in json.loads(text)["keys"]))
    except (ValueError, KeyError, TypeError):
        raise AnonymizationError("the keyring file is not a keyring") from None
    if any(len(bytes.fromhex(key.secret)) < SECRET_BYTES for key in keyring.keys):
        raise AnonymizationError(f"the keyring holds a key under {SECRET_BYTES} bytes")
    return keyring


def seal(keyring: Keyring, content: bytes) -> bytes:
    """Encrypt and authenticate bytes under the current sealing key (AES-256-GCM, random nonce first)."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(bytes.fromhex(keyring.current("sealing").secret)).encrypt(nonce, content, None)


def unseal(keyring: Keyring, sealed: bytes) -> bytes:
    """The bytes that were sealed under any live sealing key; AnonymizationError when none opens them."""
    for key in reversed(keyring.live("sealing")):
        try:
            return AESGCM(bytes.fromhex(key.secret)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except InvalidTag:
            continue
    raise AnonymizationError("no live sealing key opens this record")
