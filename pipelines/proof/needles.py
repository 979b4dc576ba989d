"""What the independent scan looks for: each identifier in every form that stored bytes are known to give it."""

from __future__ import annotations

import hashlib
import json
import re
from array import array
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, quote_plus
from uuid import UUID

from ahocorasick_rs import BytesAhoCorasick

from pipelines.errors import ConfigurationError

SHORTEST_DERIVED = 7
SHORTEST_BASE64 = 10
PLUS_ONE = bytes((byte + 1) % 256 for byte in range(256))
INVERTED = bytes(255 - byte for byte in range(256))
URL_SAFE = bytes.maketrans(b"+/", b"-_")
PERCENT_STYLES = (
    partial(quote, safe="/"),
    partial(quote, safe=""),
    partial(quote, safe="!'()*"),  # encodeURIComponent of browsers
    partial(quote_plus, safe=""),
)


@dataclass(frozen=True, slots=True)
class Needles:
    """The search automaton, and for each of its patterns whose it is and in which form."""

    automaton: BytesAhoCorasick
    owners: array[int]
    forms: tuple[str, ...]
    identifier_count: int
    longest: int

    def find(self, data: bytes | memoryview) -> list[tuple[int, int, int]]:
        """Every occurrence as (pattern, begin, end), overlapping ones included."""
        found: list[tuple[int, int, int]] = self.automaton.find_matches_as_indexes(data, overlapping=True)
        return found


def build_needles(identifiers: Iterable[str | bytes]) -> Needles:
    """Build the automaton once for all identifiers and all their forms.

    A pattern that two identifiers share is reported as the first one's. Raises ConfigurationError for no identifiers
    at all, or an empty one: a search for nothing would prove nothing.
    """
    patterns: dict[bytes, tuple[int, str]] = {}
    position = 0
    for position, identifier in enumerate(identifiers, start=1):
        if not identifier:
            raise ConfigurationError(f"identifier {position} is empty", hint="give one identifier a line")
        for form, pattern in list_forms(identifier):
            patterns.setdefault(pattern, (position, form))
    if not patterns:
        raise ConfigurationError("no identifier to search for", hint="give at least one identifier")
    return Needles(
        automaton=BytesAhoCorasick(patterns),
        owners=array("L", (owner for owner, _ in patterns.values())),
        forms=tuple(form for _, form in patterns.values()),
        identifier_count=position,
        longest=max(map(len, patterns)),
    )


def list_forms(identifier: str | bytes) -> Iterator[tuple[str, bytes]]:
    """The identifier itself, then each derived form that is long enough to mean something."""
    derived: Iterator[tuple[str, bytes]]
    if isinstance(identifier, str):
        yield "utf-8", encode_text(identifier)
        derived = list_text_forms(identifier)
    else:
        yield "raw bytes", identifier
        derived = list_binary_forms(identifier)
    yield from ((form, pattern) for form, pattern in derived if len(pattern) >= SHORTEST_DERIVED)


def encode_text(text: str) -> bytes:
    # A lone surrogate would otherwise raise an error that quotes the identifier.
    return text.encode("utf-8", "surrogatepass")


def list_text_forms(text: str) -> Iterator[tuple[str, bytes]]:
    data = encode_text(text)
    yield "utf-16", text.encode("utf-16-le", "surrogatepass")
    yield from list_percent_forms(data)
    yield from list_json_forms(text)
    yield from list_encoded_forms(data)
    for name in ("md5", "sha1", "sha256"):
        yield name, hashlib.new(name, data, usedforsecurity=False).hexdigest().encode()
    yield from list_sort_keys(data.translate(PLUS_ONE))  # text is spilled with every byte one higher
    if re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text):
        yield "uuid bytes", UUID(text).bytes


def list_binary_forms(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield from list_encoded_forms(data)
    yield "sort key", data.translate(PLUS_ONE)
    yield from list_sort_keys(re.sub(rb"[\x00\x01]", b"\x01\\g<0>", data))  # and a blob with its 0 and 1 escaped
    if len(data) == 16:
        dashed = str(UUID(bytes=data)).encode()
        yield "uuid", dashed
        yield "uuid", dashed.upper()


def list_sort_keys(ascending: bytes) -> Iterator[tuple[str, bytes]]:
    """How DuckDB writes a value into the sorted runs that it spills; for a descending order all bits are inverted."""
    yield "sort key", ascending
    yield "sort key", ascending.translate(INVERTED)


def list_encoded_forms(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "hex", data.hex().encode()
    yield "hex", data.hex().upper().encode()
    for shift in range(3):
        encoded = b64encode(bytes(shift) + data)
        # Only characters whose six bits all come from the identifier are the same whatever stands around it.
        stable = encoded[-(-8 * shift // 6) : 8 * (shift + len(data)) // 6]
        if len(stable) >= SHORTEST_BASE64:
            yield "base64", stable
            yield "base64url", stable.translate(URL_SAFE)


def list_percent_forms(data: bytes) -> Iterator[tuple[str, bytes]]:
    for encode in PERCENT_STYLES:
        encoded = encode(data)
        yield "percent", encoded.encode()
        yield "percent", re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), encoded).encode()


def list_json_forms(text: str) -> Iterator[tuple[str, bytes]]:
    escaped = json.dumps(text)[1:-1]
    yield "json", escaped.encode()
    yield "json", re.sub(r"(?<=\\u)[0-9a-f]{4}", lambda digits: digits[0].upper(), escaped).encode()
    yield "json", encode_text(json.dumps(text, ensure_ascii=False)[1:-1])
