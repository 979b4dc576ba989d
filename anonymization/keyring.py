"""The keys that make pseudonyms: one purpose each, versioned; whoever holds the file reads and writes their text."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anonymization.errors import AnonymizationError, NoSuchKeyError

PURPOSES = ("usage", "satisfaction", "security", "search", "membership", "sealing")
SECRET_BYTES = 32
NONCE_BYTES = 12
KEY_ID = re.compile(r"[a-z_]+-([1-9][0-9]*)")
SECRET = re.compile(rf"(?:[0-9a-f]{{2}}){{{SECRET_BYTES},}}")


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One secret for one purpose. `secret` is hexadecimal text of 32 bytes or more; it never appears in a repr."""

    id: str
    purpose: str
    secret: str
    created_at: str

    def __post_init__(self) -> None:
        if not SECRET.fullmatch(self.secret):  # an empty key would make pseudonyms that anyone can make
            raise AnonymizationError(f"a key is not {SECRET_BYTES} bytes in lower-case hexadecimal")

    def __repr__(self) -> str:
        return f"Key({self.id})"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every live key, oldest first; the newest of a purpose makes new pseudonyms.

    retired: ids of destroyed keys. Rows may still name them, so no new key takes one.
    """

    keys: tuple[Key, ...]
    retired: tuple[str, ...] = ()

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
        issued = (*(key.id for key in self.keys), *self.retired)
        generations = [_generation(key_id) for key_id in issued if key_id.startswith(f"{purpose}-")]
        return replace(self, keys=(*self.keys, _new_key(purpose, max(generations, default=0) + 1, now)))

    def without(self, key_id: str) -> Keyring:
        """A keyring in which one key is gone, and with it the way from any identifier to its pseudonyms."""
        if all(key.id != key_id for key in self.keys):
            raise NoSuchKeyError(f"the keyring has no key {key_id}")
        return Keyring(tuple(key for key in self.keys if key.id != key_id), (*self.retired, key_id))


def new_keyring(now: datetime, purposes: Iterable[str] = PURPOSES) -> Keyring:
    """A keyring with one fresh key for each purpose."""
    return Keyring(tuple(_new_key(purpose, 1, now) for purpose in purposes))


def _new_key(purpose: str, generation: int, now: datetime) -> Key:
    return Key(f"{purpose}-{generation}", purpose, secrets.token_hex(SECRET_BYTES), now.isoformat())


def _generation(key_id: str) -> int:
    return int(key_id.rpartition("-")[2])


def dump_keyring(keyring: Keyring) -> str:
    """The keyring as JSON text."""
    document = {"version": 1, "keys": [asdict(key) for key in keyring.keys], "retired": keyring.retired}
    return json.dumps(document, indent=2)


def parse_keyring(text: str) -> Keyring:
    """The keyring in JSON text; AnonymizationError when it is not one."""
    keyring = _read_keyring(text)
    if keyring is None:
        raise AnonymizationError("the keyring file is not a keyring")
    issued = [*(key.id for key in keyring.keys), *keyring.retired]
    if len(set(issued)) < len(issued):
        raise AnonymizationError("the keyring holds two keys of one id")
    return keyring


def _read_keyring(text: str) -> Keyring | None:
    """None rather than an exception, since the parser's would carry the text, and with it every secret."""
    try:
        document = json.loads(text)
        keyring = Keyring(tuple(Key(**item) for item in document["keys"]), tuple(document.get("retired", ())))
        issued = [*(key.id for key in keyring.keys), *keyring.retired]
        return keyring if all(KEY_ID.fullmatch(key_id) for key_id in issued) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def seal(keyring: Keyring, content: bytes) -> bytes:
    """Encrypt and authenticate bytes under the current sealing key (AES-256-GCM, random nonce first)."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(keyring.current("sealing")).encrypt(nonce, content, None)


def unseal(keyring: Keyring, sealed: bytes) -> bytes:
    """The bytes that were sealed under any live sealing key; AnonymizationError when none opens them."""
    nonce, encrypted = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    candidates = reversed(keyring.live("sealing")) if len(nonce) == NONCE_BYTES else ()
    for key in candidates:
        try:
            return _cipher(key).decrypt(nonce, encrypted, None)
        except InvalidTag:
            continue
    raise AnonymizationError("no live sealing key opens this record")


def _cipher(key: Key) -> AESGCM:
    return AESGCM(bytes.fromhex(key.secret))
