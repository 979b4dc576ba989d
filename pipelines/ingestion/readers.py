"""Files as chunks of whole lines: flat memory, exact line numbers, and no file taken for whole that is not."""

from __future__ import annotations

import gzip
import io
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import pyarrow as pa

from pipelines.errors import DataQualityError
from pipelines.ingestion.landing import LandedPath

LINE_END = b"\n"
GZIP_MAGIC = re.compile(rb"\x1f\x8b")
ZSTD_MAGIC = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)  # a frame, or one to skip
MAGIC_BYTES = 4
BLOCK_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 32 * 1024 * 1024
LONGEST_LINE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of a file, at least one. first_line counts from 1, byte_offset from 0 in the decompressed file."""

    data: bytes
    first_line: int
    byte_offset: int


class Decompressed:
    """A file's content block by block, compression told by its first bytes; `cut_off` once a damaged end was met.

    byte_limit: where to end, within the content.
    """

    def __init__(self, path: LandedPath, byte_limit: int | None = None) -> None:
        self.cut_off = False
        self._left = sys.maxsize if byte_limit is None else byte_limit
        self._raw = path.open("rb")
        self._read = _choose_reader(self._raw)

    def read_block(self) -> bytes:
        """The next bytes, empty at the end; damage ends the file early instead of raising."""
        try:
            return self._take(self._read(min(BLOCK_BYTES, self._left)))
        except (EOFError, gzip.BadGzipFile, zlib.error):
            self.cut_off = True
        except OSError as error:
            if error.errno is not None:
                raise  # the disk's word, not that of pyarrow's decompression
            self.cut_off = True
        return b""

    def _take(self, block: bytes) -> bytes:
        self._left -= len(block)
        return block

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()


def _choose_reader(raw: io.BufferedReader) -> Callable[[int], bytes]:
    """Reads the next bytes, at most so many; several gzip members or zstd frames in a row are one content."""
    head = raw.peek(MAGIC_BYTES)
    if GZIP_MAGIC.match(head):
        return gzip.GzipFile(fileobj=raw).read1
    if ZSTD_MAGIC.match(head):
        # Unlike zstandard's reader, this one tells a frame that was cut off from one that ended.
        return pa.CompressedInputStream(raw, "zstd").read
    return raw.read1


def read_chunks(path: LandedPath, chunk_bytes: int = CHUNK_BYTES, byte_limit: int | None = None) -> Iterator[Chunk]:
    """Line-aligned chunks of at least chunk_bytes, in order; a file without content gives none.

    DataQualityError for a line beyond LONGEST_LINE_BYTES, and, once all whole lines are read, for a damaged end.
    """
    pending, line, offset = bytearray(), 1, 0
    with Decompressed(path, byte_limit) as stream:
        while block := stream.read_block():
            pending += block
            if len(pending) < chunk_bytes:
                continue
            end = pending.rfind(LINE_END) + 1
            if end:
                data = bytes(pending[:end])
                del pending[:end]
                yield Chunk(data, line, offset)
                line, offset = line + data.count(LINE_END), offset + len(data)
            elif len(pending) > LONGEST_LINE_BYTES:
                raise DataQualityError(
                    f"line {line} is longer than {LONGEST_LINE_BYTES} bytes",
                    hint="this is no log of lines; move it out of landing",
                )
        if stream.cut_off:
            raise DataQualityError(
                f"its compressed content is damaged or cut off, at line {line + pending.count(LINE_END)}",
                hint="deliver it whole; to keep only what can be read, decompress it first",
            )
    if pending:
        yield Chunk(bytes(pending), line, offset)
