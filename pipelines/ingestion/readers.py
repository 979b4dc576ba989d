"""Files as chunks of whole lines: flat memory, exact line numbers, and what was decoded of a damaged file is kept."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of a file. first_line counts from 1; cut_off: the last line is what a damaged end left of one."""

    data: bytes
    first_line: int
    byte_offset: int
    cut_off: bool = False


class Decompressed:
    """A file's content block by block, compression told by its first bytes; `cut_off` once a damaged end was met."""

    def __init__(self, path: Path) -> None:
        self.cut_off = False
        self._raw: IO[bytes] = path.open("rb")
        self._stream: gzip.GzipFile | IO[bytes] = self._raw
        if self._raw.peek(2)[:2] == GZIP_MAGIC:  # type: ignore[attr-defined]
            self._stream = gzip.GzipFile(fileobj=self._raw)

    def read_block(self) -> bytes:
        """The next bytes, empty at the end; damage ends the file early instead of raising."""
        try:
            if isinstance(self._stream, gzip.GzipFile):
                return self._stream.read1(BLOCK_BYTES)
            return self._stream.read(BLOCK_BYTES)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            self.cut_off = True
            return b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stream.close()
        self._raw.close()


def read_chunks(path: Path, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Line-aligned chunks of at least chunk_bytes, in order; a file without content gives none."""
    pending, line, offset = bytearray(), 1, 0
    with Decompressed(path) as stream:
        while block := stream.read_block():
            pending += block
            if len(pending) < chunk_bytes:
                continue
            end = pending.rfind(b"\n") + 1
            if end:
                data = bytes(pending[:end])
                del pending[:end]
                yield Chunk(data, line, offset)
                line, offset = line + data.count(b"\n"), offset + len(data)
        if pending or stream.cut_off:
            yield Chunk(bytes(pending), line, offset, stream.cut_off)
