"""Pseudonyms by the standard library: half of HMAC-SHA256 over domain, separator and a value's one spelling."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from tests.oracle.lines import WHITE_SPACE

SEPARATOR = "\x1f"
WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([0-9.]+)(?=:))(?::[0-9]{1,5})?")
LONGEST_ADDRESS = 100


@dataclass(frozen=True, slots=True)
class Keys:
    """The id and the text of the newest key of each purpose, and the text of each day's visitor key by key id."""

    newest: Mapping[str, tuple[str, str]]
    days: Mapping[str, str]


def read_keys(directory: Path) -> Keys:
    """The keys in an installation's directory of keys, as they are now."""
    keyring = _read_file(directory / "keyring.json")
    visitors = _read_file(directory / "visitor_keys.json")
    newest = {key["purpose"]: (key["id"], key["secret"]) for key in keyring}
    return Keys(newest, {key["id"]: key["secret"] for key in visitors})


def _read_file(path: Path) -> list[dict[str, str]]:
    return list(json.loads(path.read_text())["keys"]) if path.exists() else []


def pseudonymise(value: str | None, domain: str, secret: str) -> bytes | None:
    """16 bytes, or None where there is no identifier. Device ids are told apart whatever their case."""
    spelled = (value or "").strip(WHITE_SPACE)
    if not spelled:
        return None
    return _mac(f"{domain}{SEPARATOR}{spelled.lower() if domain == 'device' else spelled}", secret)


@lru_cache(maxsize=65_536)
def _mac(message: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest()[:16]


def find_visitor(row: Mapping[str, object], day: date, device: bytes | None, user: bytes | None, keys: Keys) -> object:
    """The device, else the member, else address and agent under the key of the day; None for a day without a key."""
    if device or user:
        return device or user
    secret = keys.days.get(f"visitor-{day:%Y%m%d}")
    if secret is None:
        return None
    who = (day.isoformat(), "usage", spell_address(str(row["client_ip"])), str(row["user_agent"] or ""))
    return pseudonymise(SEPARATOR.join(who), "visitor", secret)


@lru_cache(maxsize=65_536)
def spell_address(text: str) -> str:
    """The address's bytes in hexadecimal, empty for what is none; port, brackets and zone go, IPv4 leaves IPv6."""
    bare = text.strip()
    if len(bare) > LONGEST_ADDRESS:
        return ""
    enclosed = WITH_PORT.fullmatch(bare)
    inner = (enclosed[1] if enclosed[1] is not None else enclosed[2]) if enclosed else bare
    try:
        address = ipaddress.ip_address(inner.split("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.packed.hex()
