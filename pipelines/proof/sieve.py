"""Many long patterns in one pass: every eighth byte starts a word, and words that no pattern holds are passed over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

WORD_BYTES = 8
# A pattern this long holds a whole word that starts at a multiple of eight, wherever the pattern itself starts.
SHORTEST_SIEVED = 2 * WORD_BYTES - 1
WORDS_AT_ONCE = 1 << 16
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying by it loses nothing and mixes the upper bits
NOT_ASCII = np.uint64(0x8080808080808080)
BITS_PER_ENTRY = 64
LEAST_BITS = 16


@dataclass(frozen=True, slots=True)
class Family:
    """Patterns of one form and length, one a row, and whose each is."""

    form: str
    patterns: Bytes
    owners: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layer:
    """An index of words, of either all patterns that are ASCII text or all others.

    entries: a word's mixed bits above, and below pattern * 8 + the word's place in it; sorted. present: one bit for
    each value of the uppermost mixed bits, set where an entry has them.
    """

    is_text: bool
    entries: Words
    present: Bytes
    present_bits: int

    def sift(self, words: Words) -> tuple[npt.NDArray[np.int64], Words]:
        """Places of the words that may be in a pattern, and these words mixed."""
        if self.is_text:  # in compressed bytes, hardly any word is
            texts = np.flatnonzero((words & NOT_ASCII) == 0)
            found, mixed = self._look_up(words[texts])
            return texts[found], mixed
        return self._look_up(words)

    def _look_up(self, words: Words) -> tuple[npt.NDArray[np.int64], Words]:
        mixed = words * SPREAD
        places = mixed >> np.uint64(64 - self.present_bits)
        bits = self.present[places >> np.uint64(3)] >> (places & np.uint64(7)).astype(np.uint8)
        found = np.flatnonzero(bits & np.uint8(1))
        return found, mixed[found]


@dataclass(frozen=True, slots=True)
class Sieve:
    """Patterns by family, numbered one family after the other, and the layers that tell which words they hold."""

    families: tuple[Family, ...]
    starts: tuple[int, ...]
    code_bits: int
    layers: tuple[Layer, ...]

    def find(self, data: bytes | memoryview) -> Iterator[tuple[int, int, int]]:
        """Every occurrence as (pattern, begin, end), overlapping ones included."""
        words = np.frombuffer(data, "<u8", count=len(data) // WORD_BYTES)
        for first in range(0, len(words), WORDS_AT_ONCE):
            for layer in self.layers:
                found, mixed = layer.sift(words[first : first + WORDS_AT_ONCE])
                if len(found):
                    yield from self._confirm(data, layer.entries, found + first, mixed)

    def describe(self, pattern: int) -> tuple[int, str]:
        """Whose a pattern is, and in which form."""
        family, row = self._locate(pattern)
        return int(family.owners[row]), family.form

    def _confirm(
        self, data: bytes | memoryview, entries: Words, words: npt.NDArray[np.int64], mixed: Words
    ) -> Iterator[tuple[int, int, int]]:
        low = np.uint64((1 << self.code_bits) - 1)
        firsts = np.minimum(np.searchsorted(entries, mixed & ~low), len(entries) - 1)
        for hit in np.flatnonzero(entries[firsts] & ~low == mixed & ~low).tolist():
            last = np.searchsorted(entries, mixed[hit] | low, side="right")
            for entry in entries[firsts[hit] : last].tolist():
                pattern, place = divmod(entry & int(low), WORD_BYTES)
                family, row = self._locate(pattern)
                begin = int(words[hit]) * WORD_BYTES - place
                end = begin + family.patterns.shape[1]
                if begin >= 0 and bytes(data[begin:end]) == family.patterns[row].tobytes():
                    yield pattern, begin, end

    def _locate(self, pattern: int) -> tuple[Family, int]:
        number = int(np.searchsorted(self.starts, pattern, side="right")) - 1
        return self.families[number], pattern - self.starts[number]


def build_sieve(families: Sequence[Family]) -> Sieve:
    """Index every pattern; each must be at least SHORTEST_SIEVED bytes long."""
    sizes = [len(family.patterns) for family in families]
    starts = tuple(np.cumsum([0, *sizes]).tolist())[:-1]
    code_bits = max(1, (sum(sizes) * WORD_BYTES).bit_length())
    numbered: dict[bool, list[Words]] = {}
    for family, start in zip(families, starts, strict=True):
        numbered.setdefault(is_text(family), []).append(list_entries(family.patterns, start, code_bits))
    return Sieve(tuple(families), starts, code_bits, tuple(build_layer(*kind) for kind in numbered.items()))


def is_text(family: Family) -> bool:
    return bool(family.patterns.max(initial=0) < 0x80)


def build_layer(of_text: bool, parts: Sequence[Words]) -> Layer:  # noqa: FBT001 - one of two kinds
    entries = np.concatenate(parts)
    entries.sort()
    present_bits = max(LEAST_BITS, (len(entries) * BITS_PER_ENTRY - 1).bit_length())
    return Layer(of_text, entries, mark_present(entries, present_bits), present_bits)


def list_entries(patterns: Bytes, start: int, code_bits: int) -> Words:
    """For each pattern the eight words that start at its first eight bytes, each with where it stands."""
    held = patterns[:, :SHORTEST_SIEVED]
    words = np.stack([held[:, place : place + WORD_BYTES] for place in range(WORD_BYTES)], axis=1)
    mixed = words.view("<u8").reshape(-1) * SPREAD
    codes = np.arange(start * WORD_BYTES, start * WORD_BYTES + len(mixed), dtype=np.uint64)
    return (mixed >> np.uint64(code_bits)) << np.uint64(code_bits) | codes


def mark_present(entries: Words, present_bits: int) -> Bytes:
    present = np.zeros(1 << (present_bits - 3), np.uint8)
    places = entries >> np.uint64(64 - present_bits)
    targets = places >> np.uint64(3)
    firsts = np.flatnonzero(np.diff(targets, prepend=~targets[:1]))
    marks = np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))
    present[targets[firsts]] = np.bitwise_or.reduceat(marks, firsts)
    return present
