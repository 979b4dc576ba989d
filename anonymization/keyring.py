"""The keys that make pseudonyms: one purpose and one epoch each; whoever holds the file reads and writes their text.

An epoch is a generation, which a rotation begins, or a day: of visitors, whose key dies soon after it, or on which
quarantined lines expire, and their key with them.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anonymization.errors import AnonymizationError, NoSuchKeyError

PURPOSES = ("usage", "satisfaction", "security", "search", "membership", "sealing")
DAILY_PURPOSE, QUARANTINE_PURPOSE = "visitor", "quarantine"
SECRET_BYTES = 32
NONCE_BYTES = 12
KEY_ID = re.compile(r"[a-z_]+-([1-9][0-9]*)")
SECRET = re.compile(rf"(?:[0-9a-f]{{2}}){{{SECRET_BYTES},}}")


class Secret:
    """A text that stays in the process: it shows nothing, and can be neither pickled nor copied.

    Whatever would carry a key elsewhere fails for it: a serialised plan, a task's result, dataclasses.asdict.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text, other._text)

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret"

    def __reduce__(self) -> NoReturn:
        raise AnonymizationError("a key does not leave the process")


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One secret for one purpose and epoch: hexadecimal text of 32 bytes or more, which no representation shows."""

    id: str
    purpose: str
    _secret: Secret | str
    created_at: str

    def __post_init__(self) -> None:
        text = self.secret
        if not isinstance(text, str) or not SECRET.fullmatch(text):  # an empty key would make what anyone can make
            raise AnonymizationError(f"a key is not {SECRET_BYTES} bytes in lower-case hexadecimal")
        object.__setattr__(self, "_secret", Secret(text))

    @property
    def secret(self) -> str:
        return self._secret.reveal() if isinstance(self._secret, Secret) else self._secret

    @property
    def epoch(self) -> int:
        """The generation, or the day as YYYYMMDD."""
        return int(self.id.rpartition("-")[2])

    def derive(self, label: str) -> bytes:
        """32 bytes for another algorithm, which tell nothing of this key or of those with other labels."""
        return hmac.digest(self.secret.encode(), f"subkey\x1f{label}".encode(), "sha256")

    def __repr__(self) -> str:
        return f"Key({self.id})"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every live key, oldest first; the newest of a purpose makes new pseudonyms.

    retired: ids of destroyed keys. Rows may still name them, so no new key takes one.
    """

    keys: tuple[Key, ...]
    retired: tuple[str, ...] = ()

    @property
    def issued(self) -> tuple[str, ...]:
        """The id of every key that there is or was."""
        return (*(key.id for key in self.keys), *self.retired)

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
        generations = [int(key_id.rpartition("-")[2]) for key_id in self.issued if key_id.startswith(f"{purpose}-")]
        return replace(self, keys=(*self.keys, _make_key(f"{purpose}-{max(generations, default=0) + 1}", purpose, now)))

    def without(self, key_id: str) -> Keyring:
        """A keyring in which one key is gone, and with it the way from any identifier to its pseudonyms."""
        if all(key.id != key_id for key in self.keys):
            raise NoSuchKeyError(f"the keyring has no key {key_id}")
        return Keyring(tuple(key for key in self.keys if key.id != key_id), (*self.retired, key_id))

    def of_days(self, days: Iterable[date], purpose: str = DAILY_PURPOSE) -> dict[date, Key]:
        """The keys of those days that have one, for a purpose whose epochs are days."""
        keys = {key.id: key for key in self.keys}
        return {day: keys[name] for day in days if (name := name_day_key(day, purpose)) in keys}

    def with_days(self, days: Iterable[date], now: datetime, purpose: str = DAILY_PURPOSE) -> Keyring:
        """A keyring in which each day has a key, except days whose key was destroyed."""
        missing = sorted(day for day in set(days) if name_day_key(day, purpose) not in self.issued)
        made = (_make_key(name_day_key(day, purpose), purpose, now) for day in missing)
        return replace(self, keys=(*self.keys, *made))

    def without_days_before(self, oldest: date, purpose: str = DAILY_PURPOSE) -> Keyring:
        """A keyring in which the keys of earlier days are gone."""
        keyring = self
        for key in self.keys:
            if key.purpose == purpose and key.epoch < _number_day(oldest):
                keyring = keyring.without(key.id)
        return keyring


def new_keyring(now: datetime, purposes: Iterable[str] = PURPOSES) -> Keyring:
    """A keyring with one fresh key for each purpose."""
    return Keyring(tuple(_make_key(f"{purpose}-1", purpose, now) for purpose in purposes))


def name_day_key(day: date, purpose: str = DAILY_PURPOSE) -> str:
    """The id of a day's key."""
    return f"{purpose}-{_number_day(day)}"


def _number_day(day: date) -> int:
    return int(f"{day:%Y%m%d}")


def _make_key(key_id: str, purpose: str, now: datetime) -> Key:
    return Key(key_id, purpose, secrets.token_hex(SECRET_BYTES), now.isoformat())


def dump_keyring(keyring: Keyring) -> str:
    """The keyring as JSON text, with every secret."""
    keys = [
        {"id": key.id, "purpose": key.purpose, "secret": key.secret, "created_at": key.created_at}
        for key in keyring.keys
    ]
    return json.dumps({"version": 1, "keys": keys, "retired": keyring.retired}, indent=2)


def parse_keyring(text: str) -> Keyring:
    """The keyring in JSON text; AnonymizationError when it is not one."""
    keyring = _read_keyring(text)
    if keyring is None:
        raise AnonymizationError("the keyring file is not a keyring")
    if len(set(keyring.issued)) < len(keyring.issued):
        raise AnonymizationError("the keyring holds two keys of one id")
    return keyring


def _read_keyring(text: str) -> Keyring | None:
    """None rather than an exception, since the parser's would carry the text, and with it every secret."""
    try:
        document = json.loads(text)
        keyring = Keyring(tuple(map(_read_key, document["keys"])), tuple(document.get("retired", ())))
        return keyring if all(KEY_ID.fullmatch(key_id) for key_id in keyring.issued) else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_key(item: Mapping[str, str]) -> Key:
    return Key(item["id"], item["purpose"], item["secret"], item["created_at"])


def seal(keyring: Keyring, content: bytes) -> bytes:
    """Encrypt and authenticate bytes under the current sealing key (AES-256-GCM, random nonce first)."""
    return seal_under(keyring.current("sealing"), content)


def unseal(keyring: Keyring, sealed: bytes) -> bytes:
    """The bytes that were sealed under any live sealing key; AnonymizationError when none opens them."""
    for key in reversed(keyring.live("sealing")):
        content = unseal_under(key, sealed)
        if content is not None:
            return content
    raise AnonymizationError("no live sealing key opens this record")


def seal_under(key: Key, content: bytes, place: bytes = b"") -> bytes:
    """Encrypt and authenticate bytes under one key (AES-256-GCM, random nonce first), to be opened in their place."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, content, place)


def unseal_under(key: Key, sealed: bytes, place: bytes = b"") -> bytes | None:
    """The bytes that were sealed under this key for this place; None when they were not, or anybody touched them."""
    if len(sealed) < NONCE_BYTES:
        return None
    try:
        return _cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except InvalidTag:
        return None


def _cipher(key: Key) -> AESGCM:
    return AESGCM(bytes.fromhex(key.secret))
