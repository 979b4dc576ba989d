"""A source file as a stream of parsed chunks: usable rows on one side, rejected lines on the other, nothing between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from pipelines.contracts.model import Contract
from pipelines.ingestion.combined_log import parse_combined
from pipelines.ingestion.json_lines import parse_json_lines
from pipelines.ingestion.lines import split_lines
from pipelines.ingestion.readers import CHUNK_BYTES, Chunk, read_chunks
from pipelines.ingestion.reject import Reason, describe_rejects
from pipelines.ingestion.sources import SourceFile

# Outside of these the clock that wrote the line was wrong; its date would become a partition that never expires.
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ParsedLines:
    """One chunk after parsing: raw rows (the source's columns, line_number, event_date), rejects, and lines read.

    undeclared_count: fields of JSON objects that the contract does not name; they were dropped. duplicate_count: lines
    read that are neither rows nor rejects, for they came before.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    read_count: int
    undeclared_count: int = 0
    duplicate_count: int = 0


def parse_file(
    file: SourceFile, contract: Contract, timezone: str, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[ParsedLines]:
    """Every line of a file, parsed chunk by chunk; rows still hold identifiers and must not be stored."""
    for chunk in read_chunks(file.path, chunk_bytes, file.byte_limit):
        yield parse_chunk(chunk, file.format, contract, timezone)


def parse_chunk(chunk: Chunk, file_format: str, contract: Contract, timezone: str) -> ParsedLines:
    """One chunk's lines as rows and rejects; rows + rejects = lines, always."""
    lines = split_lines(chunk)
    numbered = lines.texts.to_frame("line").with_row_index("index")
    candidates = numbered.filter(~pl.col("index").is_in(list(lines.reasons)))
    undeclared_count = 0
    if file_format == "combined":
        rows, reasons = parse_combined(candidates["line"])
    else:
        rows, reasons, undeclared_count = parse_json_lines(candidates["line"], contract)
    judged = rows.with_columns(index=candidates["index"].cast(pl.Int64), reason=_reject_wrong_clocks(rows, reasons))
    rejected = judged.drop_nulls("reason").select("index", "reason").iter_rows()
    usable = judged.filter(pl.col("reason").is_null()).with_columns(line_number=pl.col("index") + chunk.first_line)
    return ParsedLines(
        rows=_add_event_date(usable.drop("index", "reason"), timezone),
        rejects=describe_rejects(lines.reasons | {index: Reason(reason) for index, reason in rejected}, chunk),
        read_count=len(lines.texts),
        undeclared_count=undeclared_count,
    )


def _reject_wrong_clocks(rows: pl.DataFrame, reasons: pl.Series) -> pl.Series:
    if "event_at" not in rows.columns:
        return reasons
    wrong = ~pl.col("event_at").is_between(EARLIEST, LATEST, closed="left")
    return rows.select(reason=pl.coalesce(reasons, pl.when(wrong).then(pl.lit(Reason.IMPOSSIBLE_TIME.value))))["reason"]


def _add_event_date(rows: pl.DataFrame, timezone: str) -> pl.DataFrame:
    if "event_at" not in rows.columns:
        return rows
    return rows.with_columns(event_date=pl.col("event_at").dt.convert_time_zone(timezone).dt.date())
