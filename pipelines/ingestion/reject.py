"""Lines that cannot be used: a typed reason, the place, and a shape that shows the form but nothing of the content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

import numpy as np
import polars as pl

from pipelines.ingestion.readers import Chunk

SHAPE_LENGTH = 64
MASKS = ((re.compile(r"[A-Za-z]+"), "a"), (re.compile(r"[0-9]+"), "9"), (re.compile(r"[^\x20-\x7e]+"), "?"))
REJECT_SCHEMA = pl.Schema(
    {
        "line_number": pl.Int64(),
        "byte_offset": pl.Int64(),
        "reason": pl.String(),
        "shape": pl.String(),
        "byte_count": pl.Int64(),
        "line": pl.Binary(),
    },
)
# What no fix of a contract can ever read: nothing, too much, and the beginning of a line whose rest is lost.
UNREADABLE = frozenset({"empty_line", "line_too_long", "file_cut_off"})


class Reason(StrEnum):
    """Why a line was rejected."""

    EMPTY_LINE = "empty_line"
    INVALID_UTF8 = "invalid_utf8"
    NUL_BYTE = "nul_byte"
    LINE_TOO_LONG = "line_too_long"
    FILE_CUT_OFF = "file_cut_off"
    MALFORMED_LINE = "malformed_line"
    MALFORMED_REQUEST = "malformed_request"
    UNBALANCED_QUOTES = "unbalanced_quotes"
    WRONG_FIELD_COUNT = "wrong_field_count"
    MALFORMED_JSON = "malformed_json"
    NOT_AN_OBJECT = "not_an_object"
    IMPOSSIBLE_TIME = "impossible_time"
    IMPOSSIBLE_DATE = "impossible_date"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"


def describe_rejects(reasons: Mapping[int, Reason], chunk: Chunk, *, keeps_lines: bool = False) -> pl.DataFrame:
    """One row for each rejected line of a chunk, by index within it; columns as in REJECT_SCHEMA.

    line: its raw bytes, when a quarantine keeps them; null otherwise, and for what no fix could ever read.
    """
    if not reasons:
        return pl.DataFrame(schema=REJECT_SCHEMA)
    rows, ends = [], np.flatnonzero(np.frombuffer(chunk.data, np.uint8) == ord("\n"))
    for index in sorted(reasons):
        start, reason = int(ends[index - 1]) + 1 if index else 0, reasons[index].value
        line = chunk.data[start : int(ends[index]) if index < len(ends) else None]
        kept = line if keeps_lines and reason not in UNREADABLE else None
        rows.append((chunk.first_line + index, chunk.byte_offset + start, reason, mask_shape(line), len(line), kept))
    return pl.DataFrame(rows, schema=REJECT_SCHEMA, orient="row")


def count_cut_off(rejects: pl.DataFrame) -> int:
    """How many rejects are where a file was cut off: at most the last one of a file."""
    return rejects.filter(reason=Reason.FILE_CUT_OFF.value).height


def mask_shape(line: bytes) -> str:
    """The form of a line's beginning: letters as a, digits as 9, anything outside ASCII as ?, runs shortened to one."""
    shape = line[: 4 * SHAPE_LENGTH].decode("latin-1")
    for pattern, mask in MASKS:
        shape = pattern.sub(mask, shape)
    return shape[:SHAPE_LENGTH]
