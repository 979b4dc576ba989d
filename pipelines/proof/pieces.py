"""What decoding hands to the search: windows of a byte stream, batches of separate values, or a failure."""

from __future__ import annotations

import sqlite3
import struct
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa
import zstandard

WINDOW_BYTES = 1 << 20

# Whatever the decoders of damaged content are known to raise; anything else is a defect of ours and must surface.
UNDECODABLE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
    zstandard.ZstdError,
    zipfile.BadZipFile,
    pa.ArrowException,
    sqlite3.Error,
)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a byte stream; its first `seen_bytes` were already part of the window before."""

    place: str
    data: bytes
    offset: int
    seen_bytes: int

    def owns(self, _begin: int, end: int) -> bool:
        """Whether the occurrence ends in the new bytes; otherwise the window before has reported it."""
        return end > self.seen_bytes

    def locate(self, begin: int) -> int | None:
        return self.offset + begin


@dataclass(frozen=True, slots=True)
class Values:
    """Separate values laid end to end: value i is bytes bounds[i] to bounds[i + 1], counted from `base`."""

    place: str
    data: bytes | memoryview
    bounds: Sequence[int]
    base: int = 0

    def owns(self, begin: int, end: int) -> bool:
        """Whether one single value holds the whole occurrence, rather than the seam between two."""
        after = bisect_right(self.bounds, self.base + begin)
        return 0 < after < len(self.bounds) and self.base + end <= self.bounds[after]

    def locate(self, _begin: int) -> int | None:
        return None  # a decoded value has no offset in its file


@dataclass(frozen=True, slots=True)
class Failure:
    """Content that could not be decoded; `unreachable` when its raw bytes may well hide what they hold."""

    place: str
    reason: str
    unreachable: bool = False


Piece = Window | Values | Failure


def join_places(outer: str, inner: str) -> str:
    return f"{outer} > {inner}" if outer else inner


def list_values(place: str, values: Sequence[bytes]) -> Values:
    return Values(place, b"".join(values), tuple(accumulate(map(len, values), initial=0)))


def attempt(place: str, pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pass the pieces on; when decoding breaks off, end with a Failure instead of the error."""
    try:
        yield from pieces
    except FileNotFoundError:
        raise
    except UNDECODABLE:
        yield Failure(place, "cannot be decoded")


def cut_windows(place: str, chunks: Iterable[bytes], overlap: int) -> Iterator[Window]:
    """Windows that share `overlap` bytes with the one before, so that nothing up to overlap + 1 long is cut in two."""
    offset = 0
    tail = b""
    for chunk in gather(chunks):
        data = tail + chunk
        yield Window(place, data, offset - len(tail), len(tail))
        offset += len(chunk)
        tail = data[max(0, len(data) - overlap) :]


def gather(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join small chunks up to the window size; what came before an error is passed on before the error is."""
    held = bytearray()
    try:
        for chunk in chunks:
            held += chunk
            if len(held) >= WINDOW_BYTES:
                yield bytes(held)
                held.clear()
    except UNDECODABLE:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)
