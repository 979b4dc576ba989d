"""Byte streams of the independent scan: files, and what gzip, zstd and zip hold, in flat memory."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

from pipelines.proof.pieces import WINDOW_BYTES

GZIP_FORMAT = 16 + zlib.MAX_WBITS
# One zstd input slice may decode to 128 KiB for every four bytes: this bounds a hostile one at 32 MiB.
ZSTD_SLICE_BYTES = 1 << 10


def read_file(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(WINDOW_BYTES):
            yield chunk


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as file:
        while chunk := file.read(WINDOW_BYTES):
            yield chunk


def decode_gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """All members of a gzip stream, zero padding between them skipped; EOFError after the last byte of a cut one."""
    decoder = zlib.decompressobj(GZIP_FORMAT)
    between_members = True
    for chunk in chunks:
        rest = chunk
        while rest := (rest.lstrip(b"\0") if between_members else rest):
            yield decoder.decompress(rest, WINDOW_BYTES)
            between_members = decoder.eof
            rest = decoder.unused_data if between_members else decoder.unconsumed_tail
            if between_members:
                decoder = zlib.decompressobj(GZIP_FORMAT)
    yield decoder.flush()
    if not between_members and not decoder.eof:
        raise EOFError


def decode_zstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """All frames of a zstd stream; EOFError after the last byte of a cut one."""
    decoder = zstandard.ZstdDecompressor().decompressobj()
    between_frames = True
    for chunk in chunks:
        for begin in range(0, len(chunk), ZSTD_SLICE_BYTES):
            rest = chunk[begin : begin + ZSTD_SLICE_BYTES]
            while rest:
                yield decoder.decompress(rest)
                between_frames = decoder.eof
                rest = decoder.unused_data if between_frames else b""
                if between_frames:
                    decoder = zstandard.ZstdDecompressor().decompressobj()
    if not between_frames:
        raise EOFError
