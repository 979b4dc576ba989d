"""A file without some of its records: every other byte as it was and in its order, compressed as it was."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

import polars as pl
import pyarrow as pa

from pipelines.contracts.formats import FIRST_LINE, Format
from pipelines.contracts.model import Contract
from pipelines.control.contents import Extent
from pipelines.ingestion.headers import chunk_content
from pipelines.ingestion.landing import LandedPath
from pipelines.ingestion.parse import parse_chunk, read_headed_chunks
from pipelines.ingestion.readers import LINE_END, MAGIC_BYTES, Chunk, Decompressed
from pipelines.ingestion.records import QUOTE, find_records
from pipelines.ingestion.sources import SourceFile, require_format

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# What follows the last byte of content; without it a file is cut off, which one that was so must stay.
GZIP_END, ZSTD_END = 8, 3


@dataclass(frozen=True, slots=True)
class Cut:
    """One record: where it begins and ends in the decompressed file, its first line from 1, and how many it has."""

    start: int
    end: int
    first_line: int
    line_count: int


def find_cuts(
    file: SourceFile, contract: Contract, timezone: str, keep: Callable[[pl.DataFrame], pl.DataFrame]
) -> Iterator[Cut]:
    """Every record whose row is not kept, in the file's order; keep: of a chunk's raw rows, those that stay.

    Records that cannot be parsed stay. DataQualityError as parsing raises it.
    """
    declared = require_format(file)
    for chunk, header in read_headed_chunks(file, declared):
        rows = parse_chunk(chunk, declared, contract, timezone, header).rows
        gone = rows.join(keep(rows), on="line_number", how="anti")["line_number"]
        if len(gone):
            yield from _locate_records(chunk, declared, set(gone))


def _locate_records(chunk: Chunk, declared: Format, numbers: set[int]) -> Iterator[Cut]:
    skipped = len(chunk.data) - len(chunk_content(chunk))
    for line, start, end in _list_records(chunk_content(chunk), declared):
        if chunk.first_line + line in numbers:
            offset = chunk.byte_offset + skipped
            line_count = chunk_content(chunk).count(LINE_END, start, end)
            yield Cut(offset + start, offset + end, chunk.first_line + line, max(line_count, 1))


def _list_records(data: bytes, declared: Format) -> Iterator[tuple[int, int, int]]:
    """The index of the first line of each record, and where the record begins and ends; as parsing divides them."""
    is_csv = declared.kind == "delimited" and (declared.header == FIRST_LINE or isinstance(declared.header, tuple))
    if is_csv and QUOTE in data:
        yield from ((record.line, record.start, record.end) for record in find_records(data, declared.delimiter))
        return
    start = 0
    for index, line in enumerate(data.split(LINE_END)):
        yield index, start, start + len(line) + 1
        start += len(line) + 1


def move_extents(extents: Iterable[Extent], cuts: Sequence[Cut], path: LandedPath) -> list[Extent]:
    """Beginnings of a file as they are without its cuts; path: where the file without them lies."""
    moved = []
    for extent in extents:
        gone = [cut for cut in cuts if cut.start < extent.byte_count]
        byte_count = extent.byte_count - sum(min(cut.end, extent.byte_count) - cut.start for cut in gone)
        line_count = extent.line_count - sum(cut.line_count for cut in gone if cut.first_line <= extent.line_count)
        if gone and byte_count:
            digest = digest_copy(path, byte_count).digest
            # Under a name that is no content's own, for what begins with itself would not count as known.
            name = hashlib.sha256(f"beginning {digest}".encode()).hexdigest()
            moved.append(Extent(name, digest, byte_count, line_count, is_open=False))
    return moved


@dataclass(frozen=True, slots=True)
class Copy:
    """What a file decompresses to: SHA-256, and whether it is cut off."""

    digest: str
    is_cut_off: bool


def write_without(path: LandedPath, cuts: Sequence[Cut], sink: IO[bytes]) -> Copy:
    """Write a file's content without its cuts, compressed as the file is; returns what must read back."""
    digest = hashlib.sha256()
    with path.open("rb") as raw:
        head = raw.peek(MAGIC_BYTES)[:MAGIC_BYTES]
    buffered = _Tail(sink)
    with Decompressed(path) as stream:
        with _compress(head, buffered) as compressed:
            for piece in _leave_out(stream, cuts):
                digest.update(piece)
                compressed.write(piece)
        buffered.finish(drop=_end_length(head) if stream.cut_off else 0)
    return Copy(digest.hexdigest(), stream.cut_off)


def digest_copy(path: LandedPath, byte_limit: int | None = None) -> Copy:
    """What a file decompresses to, or as much of it."""
    digest = hashlib.sha256()
    with Decompressed(path, byte_limit) as stream:
        while block := stream.read_block():
            digest.update(block)
    return Copy(digest.hexdigest(), stream.cut_off)


def _leave_out(stream: Decompressed, cuts: Sequence[Cut]) -> Iterator[bytes]:
    offset, waiting = 0, list(reversed(cuts))
    while block := stream.read_block():
        end = offset + len(block)
        while waiting and waiting[-1].start < end:
            cut = waiting[-1]
            if cut.start > offset:
                yield block[: cut.start - offset]
            block, offset = block[min(cut.end, end) - offset :], min(cut.end, end)
            if cut.end > end:
                break
            waiting.pop()
        yield block
        offset = end


class _Tail(io.RawIOBase):
    """Passes on what is written but for the last few bytes, which may have to be dropped."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink, self._kept = sink, b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        """Keep as much as the end of a compressed content may be."""
        held = self._kept + bytes(cast("bytes", data))
        self._kept = held[-GZIP_END:]
        self._sink.write(held[:-GZIP_END])
        return len(held) - len(self._kept)

    def finish(self, drop: int) -> None:
        self._sink.write(self._kept[: len(self._kept) - drop])


@contextmanager
def _compress(head: bytes, sink: _Tail) -> Iterator[IO[bytes]]:
    if head.startswith(GZIP):
        with gzip.GzipFile(filename="", mode="wb", fileobj=cast("IO[bytes]", sink), mtime=0) as packed:
            yield cast("IO[bytes]", packed)
    elif _end_length(head):
        with pa.CompressedOutputStream(pa.PythonFile(sink, mode="w"), "zstd") as frames:
            yield cast("IO[bytes]", frames)
            frames.flush()  # so that after it comes an empty block alone
    else:
        yield cast("IO[bytes]", sink)


def _end_length(head: bytes) -> int:
    if head.startswith(GZIP):
        return GZIP_END
    is_skippable = head[1:] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F
    return ZSTD_END if head.startswith(ZSTD) or is_skippable else 0
