"""Chunks to text lines, each kept or rejected; what every format has in common before its own parser looks."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from pipelines.ingestion.readers import Chunk
from pipelines.ingestion.reject import Reason

MAXIMUM_LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Lines:
    """A chunk's lines in order, the rejected ones empty; reasons by index within the chunk."""

    texts: pl.Series
    reasons: dict[int, Reason] = field(hash=False)


def split_lines(chunk: Chunk) -> Lines:
    """Every line of a chunk without its line end; empty, overlong, NUL-bearing and non-UTF-8 lines are rejected."""
    if not chunk.data:
        return Lines(pl.Series("line", [""], dtype=pl.String), {0: Reason.FILE_CUT_OFF})
    lines = _split_clean(chunk.data)
    if lines is None:
        lines = _split_carefully(chunk.data)
    if chunk.cut_off:
        lines.reasons[len(lines.texts) - 1] = Reason.FILE_CUT_OFF
    return lines


def _split_clean(data: bytes) -> Lines | None:
    """The fast way, for text that is valid throughout; None when any line needs a closer look."""
    if b"\x00" in data or not _is_utf8(data):
        return None
    texts = pl.scan_lines(data.removeprefix(b"\xef\xbb\xbf"), name="line").collect()["line"]
    if len(texts) != data.count(b"\n") + (not data.endswith(b"\n")):
        return None
    lengths = texts.str.len_bytes()
    if (lengths.max() or 0) > MAXIMUM_LINE_BYTES:
        return None
    return Lines(texts, dict.fromkeys((lengths == 0).arg_true().to_list(), Reason.EMPTY_LINE))


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _split_carefully(data: bytes) -> Lines:
    raw = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if raw[-1] == b"":
        raw.pop()
    texts, reasons = [], {}
    for index, line in enumerate(raw):
        text, reason = _inspect(line.removesuffix(b"\r"))
        texts.append(text)
        if reason:
            reasons[index] = reason
    return Lines(pl.Series("line", texts, dtype=pl.String), reasons)


def _inspect(line: bytes) -> tuple[str, Reason | None]:
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
