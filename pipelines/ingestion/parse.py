"""A source file as a stream of parsed chunks: usable rows on one side, rejected lines on the other, nothing between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.model import Contract
from pipelines.ingestion.combined_log import parse_combined
from pipelines.ingestion.json_lines import parse_json_lines
from pipelines.ingestion.lines import split_lines
from pipelines.ingestion.readers import CHUNK_BYTES, Chunk, read_chunks
from pipelines.ingestion.reject import Reason, describe_rejects
from pipelines.ingestion.sources import SourceFile


@dataclass(frozen=True, slots=True)
class ParsedLines:
    """One chunk after parsing: raw rows (the source's columns, line_number, event_date), rejects, and lines read."""

    rows: pl.DataFrame
    rejects: pl.DataFrame
    read_count: int


def parse_file(file: SourceFile, contract: Contract, timezone: str, chunk_bytes: int = CHUNK_BYTES) -> Iterator[ParsedLines]:
    """Every line of a file, parsed chunk by chunk; rows still hold identifiers and must not be stored."""
    for chunk in read_chunks(file.path, chunk_bytes):
        yield parse_chunk(chunk, file.format, contract, timezone)


def parse_chunk(chunk: Chunk, file_format: str, contract: Contract, timezone: str) -> ParsedLines:
    """One chunk's lines as rows and rejects; rows + rejects = lines, always."""
    lines = split_lines(chunk)
    numbered = lines.texts.to_frame("line").with_row_index("index")
    candidates = numbered.filter(~pl.col("index").is_in(list(lines.reasons)))
    if file_format == "combined":
        rows, reasons = parse_combined(candidates["line"])
    else:
        rows, reasons = parse_json_lines(candidates["line"], contract)
    rejected = candidates.select("index").with_columns(reasons.alias("reason")).drop_nulls("reason")
    all_reasons = lines.reasons | {index: Reason(reason) for index, reason in rejected.iter_rows()}
    usable = rows.with_columns(line_number=candidates["index"].cast(pl.Int64) + chunk.first_line).filter(reasons.is_null())
    return ParsedLines(
        rows=_add_event_date(usable, timezone),
        rejects=describe_rejects(all_reasons, chunk.data, chunk.first_line, chunk.byte_offset),
        read_count=len(lines.texts),
    )


def _add_event_date(rows: pl.DataFrame, timezone: str) -> pl.DataFrame:
    if "event_at" not in rows.columns:
        return rows
    return rows.with_columns(event_date=pl.col("event_at").dt.convert_time_zone(timezone).dt.date())
