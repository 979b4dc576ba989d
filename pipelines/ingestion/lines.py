"""Chunks to text lines, each kept or rejected; what every format has in common before its own parser looks."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field

import polars as pl

from pipelines.ingestion.readers import Chunk
from pipelines.ingestion.reject import Reason

MAXIMUM_LINE_BYTES = 64 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Lines:
    """A chunk's lines in order, without line ends, the unusable ones empty; reasons by index within the chunk."""

    texts: pl.Series
    reasons: dict[int, Reason] = field(hash=False)


def split_lines(chunk: Chunk) -> Lines:
    """Every line of a chunk; empty, overlong, NUL-bearing and non-UTF-8 lines are rejected.

    A line ends at a line feed, with or without a carriage return before it, or at the end of the file.
    """
    data = chunk.data if chunk.byte_offset else chunk.data.removeprefix(BYTE_ORDER_MARK)
    lines = _split_clean(data)
    return _split_carefully(data) if lines is None else lines


def cut_line() -> Lines:
    """The line at which a file is cut off: one, of which nothing is used, whatever came of it."""
    return Lines(pl.Series("line", [""]), {0: Reason.FILE_CUT_OFF})


def _split_clean(data: bytes) -> Lines | None:
    """The fast way, for text that is valid throughout; None when any line needs a closer look."""
    if b"\x00" in data or not _is_utf8(data):
        return None
    texts = pl.scan_lines(data, name="line").collect()["line"]
    if len(texts) != data.count(b"\n") + (not data.endswith(b"\n")):
        return None
    lengths = texts.str.len_bytes()
    if (lengths > MAXIMUM_LINE_BYTES).any():
        return None
    return Lines(texts, dict.fromkeys((lengths == 0).arg_true().to_list(), Reason.EMPTY_LINE))


def _is_utf8(data: bytes) -> bool:
    """Block by block, for a string of a whole chunk would take four times its bytes."""
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), BLOCK_BYTES):
            decoder.decode(data[start : start + BLOCK_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _split_carefully(data: bytes) -> Lines:
    inspected = [inspect_line(line.removesuffix(b"\r")) for line in data.removesuffix(b"\n").split(b"\n")]
    texts = pl.Series("line", [text for text, _ in inspected], dtype=pl.String)
    return Lines(texts, {index: reason for index, (_, reason) in enumerate(inspected) if reason})


def inspect_line(line: bytes) -> tuple[str, Reason | None]:
    """A line's text, or an empty text and why it cannot be used."""
    if not line:
        return "", Reason.EMPTY_LINE
    if b"\x00" in line:
        return "", Reason.NUL_BYTE
    if len(line) > MAXIMUM_LINE_BYTES:
        return "", Reason.LINE_TOO_LONG
    try:
        return line.decode(), None
    except UnicodeDecodeError:
        return "", Reason.INVALID_UTF8
