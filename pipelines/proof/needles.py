"""What the independent scan looks for: each identifier in every form that stored bytes are known to give it."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, quote_plus
from uuid import UUID

import numpy as np
from ahocorasick_rs import BytesAhoCorasick

from pipelines.errors import ConfigurationError
from pipelines.proof.pseudonym_forms import PSEUDONYM_BYTES, spell_pseudonyms
from pipelines.proof.sieve import SHORTEST_SIEVED, Family, Sieve, build_sieve

SHORTEST_DERIVED = 7
SHORTEST_BASE64 = 10
PLUS_ONE = bytes((byte + 1) % 256 for byte in range(256))
INVERTED = bytes(255 - byte for byte in range(256))
TO_ESCAPE = re.compile(rb"[\x00\x01]")
URL_SAFE = bytes.maketrans(b"+/", b"-_")
PERCENT_STYLES = (
    partial(quote, safe="/"),
    partial(quote, safe=""),
    partial(quote, safe="!'()*"),  # encodeURIComponent of browsers
    partial(quote_plus, safe=""),
)


@dataclass(frozen=True, slots=True)
class Needles:
    """All patterns: short ones in an automaton, long ones in a sieve, whose patterns are numbered after the others."""

    automaton: BytesAhoCorasick | None
    short: Sequence[tuple[int, str]]
    sieve: Sieve
    identifier_count: int
    longest: int

    def find(self, data: bytes | memoryview) -> list[tuple[int, int, int]]:
        """Every occurrence as (pattern, begin, end), overlapping ones included.

        A pattern that two identifiers share is reported once, as the first one's.
        """
        found = self.automaton.find_matches_as_indexes(data, overlapping=True) if self.automaton else []
        sieved = sorted(self.sieve.find(data), key=lambda hit: self.sieve.describe(hit[0]))
        once = {(begin, end): pattern for pattern, begin, end in reversed(sieved)}
        return [*found, *((len(self.short) + pattern, begin, end) for (begin, end), pattern in once.items())]

    def describe(self, pattern: int) -> tuple[int, str]:
        """Whose a pattern is, by position in the input from 1, and in which form."""
        return self.short[pattern] if pattern < len(self.short) else self.sieve.describe(pattern - len(self.short))


def build_needles(identifiers: Iterable[str | bytes]) -> Needles:
    """Build the search once for all identifiers and all their forms.

    Raises ConfigurationError for no identifiers at all, or an empty one: a search for nothing would prove nothing.
    """
    given = list(identifiers)
    if not given:
        raise ConfigurationError("no identifier to search for", hint="give at least one identifier")
    if not all(given):
        position = next(position for position, identifier in enumerate(given, start=1) if not identifier)
        raise ConfigurationError(f"identifier {position} is empty", hint="give one identifier a line")
    patterns = list_patterns(given)
    short = {pattern: owned for pattern, owned in patterns.items() if len(pattern) < SHORTEST_SIEVED}
    families = [*spell_all_pseudonyms(given), *gather_families(patterns)]
    return Needles(
        automaton=BytesAhoCorasick(short) if short else None,
        short=tuple(short.values()),
        sieve=build_sieve(families),
        identifier_count=len(given),
        longest=max([*map(len, patterns), *(family.patterns.shape[1] for family in families)]),
    )


def list_patterns(identifiers: Sequence[str | bytes]) -> dict[bytes, tuple[int, str]]:
    """Every pattern that is not spelled for all pseudonyms at once, with its first owner and its form."""
    patterns: dict[bytes, tuple[int, str]] = {}
    for position, identifier in enumerate(identifiers, start=1):
        forms = list_sort_forms(identifier) if is_pseudonym(identifier) else list_forms(identifier)
        for form, pattern in forms:
            patterns.setdefault(pattern, (position, form))
    return patterns


def is_pseudonym(identifier: str | bytes) -> bool:
    return isinstance(identifier, bytes) and len(identifier) == PSEUDONYM_BYTES


def list_sort_forms(identifier: str | bytes) -> Iterator[tuple[str, bytes]]:
    """The sort keys of a pseudonym whose zeros and ones have to be escaped."""
    if isinstance(identifier, bytes) and TO_ESCAPE.search(identifier):
        yield from list_escaped_forms(identifier)


def spell_all_pseudonyms(identifiers: Sequence[str | bytes]) -> list[Family]:
    found = [
        (position, each)
        for position, each in enumerate(identifiers, start=1)
        if isinstance(each, bytes) and is_pseudonym(each)
    ]
    owners = np.array([position for position, _ in found], np.int64)
    rows = np.frombuffer(b"".join(each for _, each in found), np.uint8).reshape(-1, PSEUDONYM_BYTES)
    return [Family(form, spelled, owners) for form, spelled in spell_pseudonyms(rows)] if found else []


def gather_families(patterns: Mapping[bytes, tuple[int, str]]) -> Iterator[Family]:
    """The long patterns, those of one form and length together."""
    groups: dict[tuple[str, int], list[tuple[bytes, int]]] = {}
    for pattern, (owner, form) in patterns.items():
        if len(pattern) >= SHORTEST_SIEVED:
            groups.setdefault((form, len(pattern)), []).append((pattern, owner))
    for (form, length), members in groups.items():
        rows = np.frombuffer(b"".join(pattern for pattern, _ in members), np.uint8).reshape(-1, length)
        yield Family(form, rows, np.array([owner for _, owner in members], np.int64))


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
    yield from list_escaped_forms(data)
    if len(data) == 16:
        dashed = str(UUID(bytes=data)).encode()
        yield "uuid", dashed
        yield "uuid", dashed.upper()


def list_escaped_forms(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The sort keys of a blob, in which 0 and 1 are escaped."""
    yield from list_sort_keys(TO_ESCAPE.sub(b"\x01\\g<0>", data))


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
