"""Chunks to text lines, each kept or rejected; what every format has in common before its own parser looks."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from pipelines.ingestion.readers import Chunk, count_line_ends
from pipelines.ingestion.reject import Reason

MAXIMUM_LINE_BYTES = 64 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLOCK_BYTES = 64 * 1024


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
    readable, reasons = _blank_unreadable(data)
    texts = pl.scan_lines(readable, name="line").collect()["line"]
    if len(texts) != count_line_ends(data) + (not data.endswith(b"\n")):
        return _split_carefully(data)
    lengths = texts.str.len_bytes()
    found = dict.fromkeys((lengths == 0).arg_true().to_list(), Reason.EMPTY_LINE) | reasons
    is_long = lengths > MAXIMUM_LINE_BYTES
    if is_long.any():
        texts = texts.set(is_long, "")
        found |= dict.fromkeys(is_long.arg_true().to_list(), Reason.LINE_TOO_LONG)
    return Lines(texts, found)


def cut_line() -> Lines:
    """The line at which a file is cut off: one, of which nothing is used, whatever came of it."""
    return Lines(pl.Series("line", [""]), {0: Reason.FILE_CUT_OFF})


def _blank_unreadable(data: bytes) -> tuple[bytes, dict[int, Reason]]:
    """The data with every line emptied that is no text, and why, by index."""
    kept, reasons = [], dict[int, Reason]()
    index = taken = 0
    while (position := _find_unreadable(data, taken)) is not None:
        start, end = data.rfind(b"\n", 0, position) + 1, data.find(b"\n", position)
        end = len(data) if end < 0 else end
        kept.append(data[taken:start])
        index += kept[-1].count(b"\n")
        _, reason = inspect_line(data[start:end].removesuffix(b"\r"))
        reasons[index] = reason or Reason.INVALID_UTF8
        taken = end
    return (b"".join((*kept, data[taken:])) if reasons else data), reasons


def _find_unreadable(data: bytes, start: int) -> int | None:
    """The first byte from start on that is NUL or no UTF-8; None when all is text.

    Block by block, for a string of a whole chunk would take four times its bytes.
    """
    while start < len(data):
        end = data.find(b"\n", start + BLOCK_BYTES) + 1 or len(data)
        block = data[start:end]
        null = block.find(b"\x00")
        try:
            block.decode()
        except UnicodeDecodeError as error:
            return start + (error.start if null < 0 else min(null, error.start))
        if null >= 0:
            return start + null
        start = end
    return None


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
