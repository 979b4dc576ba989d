"""From one file to everything it holds: raw bytes first, then each layer that its magic bytes announce."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipelines.proof.parquet import read_keys, read_parquet
from pipelines.proof.pieces import Failure, Piece, attempt, cut_windows, join_places
from pipelines.proof.spill import SpilledBlockError, find_slot_bytes, unpack_slots
from pipelines.proof.streams import decode_gzip, decode_zstd, read_file, read_member
from pipelines.proof.tables import read_duckdb, read_sqlite

DEEPEST_NESTING = 6
LARGEST_NESTED_BYTES = 1 << 28
RAW = "bytes"
PARQUET = b"PAR1"


@dataclass(frozen=True, slots=True)
class Content:
    """A byte stream that can be read again; `path` when it is a file as it lies, `place` when it lies inside one."""

    chunks: Callable[[], Iterator[bytes]]
    path: Path | None = None
    place: str = ""
    depth: int = 0

    def nest(self, layer: str, chunks: Callable[[], Iterator[bytes]]) -> Content:
        return Content(chunks, place=join_places(self.place, layer), depth=self.depth + 1)


class NestedTooLargeError(Exception):
    """Content that needs random access and lies inside a compressed file is larger than what is held in memory."""


def walk_file(path: Path, overlap: int) -> Iterator[Piece]:
    """Every piece of one file, raw and decoded; raises OSError only where the file itself cannot be read."""
    content = Content(partial(read_file, path), path)
    yield from walk(content, overlap)
    if slot_bytes := find_slot_bytes(path):
        spilled = content.nest("spilled blocks", partial(unpack_slots, path, slot_bytes))
        try:
            yield from walk(spilled, overlap)
        except SpilledBlockError:
            yield Failure(spilled.place, "cannot be unpacked", unreachable=True)


def walk_keys(path: Path, overlap: int) -> Iterator[Piece]:
    """Of a Parquet file only what its key columns hold, and every piece of any other file, or of a damaged one."""
    if not next(read_file(path), b"").startswith(PARQUET):
        yield from walk_file(path, overlap)
        return
    for piece in attempt(RAW, read_keys(path, "")):
        if isinstance(piece, Failure):
            yield from walk_file(path, overlap)
            return
        yield piece


def walk(content: Content, overlap: int) -> Iterator[Piece]:
    decode: Decoder | None = None
    for window in cut_windows(content.place or RAW, content.chunks(), overlap):
        decode = detect(window.data) if window.offset + window.seen_bytes == 0 else decode
        yield window
    if decode is None:
        return
    place = content.place or RAW
    if content.depth == DEEPEST_NESTING:
        yield Failure(place, "nested too deep to decode", unreachable=True)
        return
    try:
        yield from attempt(place, decode(content, overlap))
    except NestedTooLargeError:
        yield Failure(place, f"more than {LARGEST_NESTED_BYTES} bytes to decode in memory", unreachable=True)


def detect(head: bytes) -> Decoder | None:
    """The decoder for the format whose magic bytes these are; a suffix is never believed."""
    return next((decode for offset, magic, decode in DECODERS if head.startswith(magic, offset)), None)


def walk_compressed(
    layer: str, decompress: Callable[[Iterable[bytes]], Iterator[bytes]], content: Content, overlap: int
) -> Iterator[Piece]:
    return walk(content.nest(layer, lambda: decompress(content.chunks())), overlap)


def walk_zip(content: Content, overlap: int) -> Iterator[Piece]:
    with locate(content) as path, zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            inner = content.nest(f"zip member {member.filename}", partial(read_member, archive, member))
            if member.flag_bits & 1:
                yield Failure(inner.place, "encrypted", unreachable=True)
            else:
                yield from attempt(inner.place, walk(inner, overlap))


def walk_table(read: Callable[[Path, str], Iterator[Piece]], content: Content, _overlap: int) -> Iterator[Piece]:
    with locate(content) as path:
        yield from read(path, content.place)


def refuse_encrypted(content: Content, _overlap: int) -> Iterator[Piece]:
    yield Failure(content.place or RAW, "encrypted", unreachable=True)


@contextmanager
def locate(content: Content) -> Iterator[Path]:
    """A path with random access to the content; nested content is held in memory, for it must not touch a disk."""
    if content.path is not None:
        yield content.path
        return
    descriptor = os.memfd_create("tokumei-scan")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            for chunk in content.chunks():
                if file.tell() + len(chunk) > LARGEST_NESTED_BYTES:
                    raise NestedTooLargeError
                file.write(chunk)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


Decoder = Callable[[Content, int], Iterator[Piece]]

DECODERS: tuple[tuple[int, bytes, Decoder], ...] = (
    (0, b"\x1f\x8b\x08", partial(walk_compressed, "gzip", decode_gzip)),
    (0, b"\x28\xb5\x2f\xfd", partial(walk_compressed, "zstd", decode_zstd)),
    (0, b"PK\x03\x04", walk_zip),
    (0, PARQUET, partial(walk_table, read_parquet)),
    (0, b"PARE", refuse_encrypted),
    (0, b"SQLite format 3\0", partial(walk_table, read_sqlite)),
    (8, b"DUCK", partial(walk_table, read_duckdb)),
)
