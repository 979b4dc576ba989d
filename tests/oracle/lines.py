"""A file's lines one by one, as bytes, and what is wrong with one before any format looks at it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

LONGEST, BLOCK_BYTES = 64 * 1024, 1024 * 1024
# Unicode's white space, which does not have Python's information separators among it.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
CONTROLS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))


class RejectedLineError(Exception):
    """A line cannot be used; its argument is the reason."""


def open_content(path: Path) -> BinaryIO | gzip.GzipFile:
    """A file's content, whatever its name says of compression."""
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if is_gzip else path.open("rb")


def digest(path: Path) -> str:
    """SHA-256 of the content, in hexadecimal."""
    known = hashlib.sha256()
    with open_content(path) as stream:
        while block := stream.read(BLOCK_BYTES):
            known.update(block)
    return known.hexdigest()


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Line numbers from 1, and lines without their ends; a byte order mark belongs to no line."""
    with open_content(path) as stream:
        for number, line in enumerate(stream, start=1):
            bare = line[:-1] if line.endswith(b"\n") else line
            yield number, bare.removeprefix(b"\xef\xbb\xbf") if number == 1 else bare


def decode_line(line: bytes) -> str:
    """The text of a line; RejectedLineError where it is none."""
    bare = line[:-1] if line.endswith(b"\r") else line
    if not bare:
        raise RejectedLineError("empty_line")
    if 0 in bare:
        raise RejectedLineError("nul_byte")
    if len(bare) > LONGEST:
        raise RejectedLineError("line_too_long")
    try:
        return bare.decode("utf-8")
    except UnicodeDecodeError:
        raise RejectedLineError("invalid_utf8") from None
