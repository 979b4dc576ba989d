"""Files as chunks of whole lines: flat memory, exact line numbers, and no file taken for whole that is not."""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa

from pipelines.errors import DataQualityError
from pipelines.ingestion.landing import LandedPath

LINE_END = b"\n"
MAGIC_BYTES = 4
PIECE_BYTES = 4096  # what an error takes away with it
ZSTD_CUT_OFF = "Truncated"  # in the words of pyarrow, which has no other way to tell
BLOCK_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 32 * 1024 * 1024
LONGEST_LINE_BYTES = 32 * 1024 * 1024
Read = Callable[[int], bytes]  # the next bytes, at most so many; empty at the end


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of a file, at least one. first_line counts from 1, byte_offset from 0 in the decompressed file.

    is_cut_off: this is no whole line but what came of the one at which a file was cut off, perhaps nothing.
    """

    data: bytes
    first_line: int
    byte_offset: int
    is_cut_off: bool = False


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins like this is read as gzip or zstd."""
    return any(magic.match(head) for magic, _ in DECOMPRESSORS)


class Decompressed:
    """A file's content block by block, compression told by its first bytes. byte_limit: where to end, within it.

    cut_off, once the end was met: decoding stopped early, and what came before is the file's beginning.
    contradicted, once the end was met: the file's own checksum or framing denies what was decoded.
    """

    def __init__(self, path: LandedPath, byte_limit: int | None = None) -> None:
        self.cut_off = self.contradicted = False
        self._left = sys.maxsize if byte_limit is None else byte_limit
        self._raw = path.open("rb")
        self._read = _choose_reader(self._raw)

    def read_block(self) -> bytes:
        """The next bytes, empty at the end; damage ends the file early instead of raising."""
        try:
            return self._take(self._read(min(BLOCK_BYTES, self._left)))
        except (EOFError, zlib.error):
            self.cut_off = True
        except gzip.BadGzipFile:
            self.contradicted = True
        except OSError as error:
            if error.errno is not None:
                raise  # the disk's word, not that of pyarrow's decompression
            self.cut_off = ZSTD_CUT_OFF in str(error)
            self.contradicted = not self.cut_off
        return b""

    def _take(self, block: bytes) -> bytes:
        self._left -= len(block)
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()


class Frames:
    """The content of zstd frames; where it ends early, all but its last few bytes are given before the error is raised.

    By pyarrow: unlike zstandard's reader, it tells a frame that was cut off from one that ended.
    """

    def __init__(self, raw: io.BufferedReader) -> None:
        self._stream = pa.CompressedInputStream(raw, "zstd")
        self._error: OSError | None = None

    def read(self, count: int) -> bytes:
        """The next bytes, at most so many; empty at the end."""
        if self._error:
            raise self._error
        pieces: list[bytes] = []
        try:
            while count and (piece := self._stream.read(min(count, PIECE_BYTES))):
                pieces.append(piece)
                count -= len(piece)
        except OSError as error:
            self._error = error
            if not pieces:
                raise
        return b"".join(pieces)


def find_line_end(data: bytes | bytearray) -> int:
    """Where the last whole line ends; 0 where there is none."""
    return data.rfind(LINE_END) + 1


def count_line_ends(data: bytes | bytearray) -> int:
    """How many lines end in the data; by numpy, which counts single bytes several times as fast as bytes do."""
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == LINE_END[0]))


def _choose_reader(raw: io.BufferedReader) -> Read:
    """How the content is read; several gzip members or zstd frames in a row are one content."""
    head = raw.peek(MAGIC_BYTES)
    return next((open_reader(raw) for magic, open_reader in DECOMPRESSORS if magic.match(head)), raw.read1)


# By the bytes that a file begins with. A zstd frame may also be one to skip.
DECOMPRESSORS: tuple[tuple[re.Pattern[bytes], Callable[[io.BufferedReader], Read]], ...] = (
    (re.compile(rb"\x1f\x8b"), lambda raw: gzip.GzipFile(fileobj=raw).read1),
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL), lambda raw: Frames(raw).read),
)


def read_chunks(
    path: LandedPath,
    chunk_bytes: int = CHUNK_BYTES,
    find_end: Callable[[bytes | bytearray], int] = find_line_end,
    byte_limit: int | None = None,
) -> Iterator[Chunk]:
    """Line-aligned chunks of at least chunk_bytes, in order; a file without content gives none.

    find_end: where a chunk may end, for records that hold line ends. A file that is cut off gives its whole lines, and
    last what came of the next one. DataQualityError for a line beyond LONGEST_LINE_BYTES, and at the end for content
    that its own checksum denies, since any line of it may be wrong.
    """
    pending, line, offset = bytearray(), 1, 0
    with Decompressed(path, byte_limit) as stream:
        while block := stream.read_block():
            pending += block
            if len(pending) < chunk_bytes:
                continue
            end = find_end(pending)
            if end:
                data = bytes(pending[:end])
                del pending[:end]
                yield Chunk(data, line, offset)
                line, offset = line + count_line_ends(data), offset + len(data)
            elif len(pending) > LONGEST_LINE_BYTES:
                raise DataQualityError(
                    f"line {line} is longer than {LONGEST_LINE_BYTES} bytes",
                    hint="this is no log of lines; move it out of landing",
                )
        if stream.contradicted:
            raise DataQualityError(
                f"its compressed content is damaged, before line {line + pending.count(LINE_END)}",
                hint="deliver it again; to take what it decodes to as it is, decompress it first",
            )
    yield from _split_rest(Chunk(bytes(pending), line, offset, stream.cut_off))


def _split_rest(rest: Chunk) -> Iterator[Chunk]:
    """The last chunk of a whole file; of one that is cut off, its whole lines and the broken one apart."""
    end = rest.data.rfind(LINE_END) + 1 if rest.is_cut_off else len(rest.data)
    if end:
        yield replace(rest, data=rest.data[:end], is_cut_off=False)
    if rest.is_cut_off:
        line = rest.first_line + rest.data.count(LINE_END)
        yield Chunk(rest.data[end:], line, rest.byte_offset + end, is_cut_off=True)
