"""A source file as a stream of parsed chunks: usable rows on one side, rejected lines on the other, nothing between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.formats import FIRST_LINE, Format
from pipelines.contracts.model import Contract
from pipelines.ingestion.client_address import resolve_clients
from pipelines.ingestion.delimited import Table, read_delimited
from pipelines.ingestion.headers import Header, follow_header
from pipelines.ingestion.json_lines import read_json_lines
from pipelines.ingestion.lines import cut_line, split_lines
from pipelines.ingestion.readers import CHUNK_BYTES, Chunk, find_line_end, read_chunks
from pipelines.ingestion.records import find_record_end
from pipelines.ingestion.reject import Reason, describe_rejects
from pipelines.ingestion.sources import SourceFile, require_format
from pipelines.ingestion.text_line import read_text_lines

# Outside of these the clock that wrote the line was wrong; its date would become a partition that never expires.
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ParsedLines:
    """One chunk after parsing: raw rows (the source's columns, line_number, event_date), rejects, and records read.

    A record is a line, or in CSV the lines that its quotes hold together; it has its first line's number. Header lines
    are none. undeclared_count: fields that no column is read from; they were dropped. duplicate_count: records read
    that are neither rows nor rejects, for they came before.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    read_count: int
    undeclared_count: int = 0
    duplicate_count: int = 0


def parse_file(
    file: SourceFile, contract: Contract, timezone: str, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[ParsedLines]:
    """Every record of a file, parsed chunk by chunk; rows still hold identifiers and must not be stored."""
    declared = require_format(file)
    for chunk, header in read_headed_chunks(file, declared, chunk_bytes):
        yield parse_chunk(chunk, declared, contract, timezone, header)


def read_headed_chunks(
    file: SourceFile, declared: Format, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[tuple[Chunk, Header | None]]:
    """Each chunk with the header in force before it: all that parse_chunk needs, wherever it runs."""
    is_csv = declared.header == FIRST_LINE or isinstance(declared.header, tuple)
    find_end = partial(find_record_end, delimiter=declared.delimiter) if is_csv else find_line_end
    header = None
    for chunk in read_chunks(file.path, chunk_bytes, find_end, file.byte_limit):
        yield chunk, header
        header = follow_header(header, chunk, declared)


def parse_chunk(
    chunk: Chunk, declared: Format, contract: Contract, timezone: str, header: Header | None = None
) -> ParsedLines:
    """One chunk's records as rows and rejects; rows + rejects = records, always."""
    table = _read_chunk(chunk, declared, contract, header)
    reasons = _reject_wrong_clocks(table.rows, table.reasons)
    judged = table.rows.with_columns(index=table.lines, reason=reasons)
    rejected = judged.drop_nulls("reason").select("index", "reason").iter_rows()
    usable = judged.filter(pl.col("reason").is_null()).with_columns(line_number=pl.col("index") + chunk.first_line)
    clients = resolve_clients(usable.drop("index", "reason"), contract.properties.get("trustedProxies", ()))
    return ParsedLines(
        rows=_add_event_date(clients, timezone),
        rejects=describe_rejects(
            table.failed | {index: Reason(reason) for index, reason in rejected},
            chunk,
            keeps_lines="quarantine" in contract.properties and not declared.needs_header,
        ),
        read_count=len(table.lines) + len(table.failed),
        undeclared_count=table.undeclared_count,
    )


def _read_chunk(chunk: Chunk, declared: Format, contract: Contract, header: Header | None) -> Table:
    if chunk.is_cut_off:
        nothing = pl.Series("index", dtype=pl.Int64), pl.Series("reason", dtype=pl.String)
        return Table(pl.DataFrame(schema=polars_schema(contract)), *nothing, cut_line().reasons)
    if declared.kind == "delimited":
        return read_delimited(chunk, header, declared, contract)
    lines = split_lines(chunk)
    numbered = lines.texts.to_frame("line").with_row_index("index")
    candidates = numbered.filter(~pl.col("index").is_in(list(lines.reasons))) if lines.reasons else numbered
    undeclared_count = 0
    if declared.kind == "text":
        rows, reasons = read_text_lines(candidates["line"], declared, contract)
    else:
        rows, reasons, undeclared_count = read_json_lines(candidates["line"], declared, contract)
    return Table(rows, candidates["index"].cast(pl.Int64), reasons, lines.reasons, undeclared_count)


def _reject_wrong_clocks(rows: pl.DataFrame, reasons: pl.Series) -> pl.Series:
    if "event_at" not in rows.columns:
        return reasons
    wrong = ~pl.col("event_at").is_between(EARLIEST, LATEST, closed="left")
    return rows.select(reason=pl.coalesce(reasons, pl.when(wrong).then(pl.lit(Reason.IMPOSSIBLE_TIME.value))))["reason"]


def _add_event_date(rows: pl.DataFrame, timezone: str) -> pl.DataFrame:
    if "event_at" not in rows.columns:
        return rows
    return rows.with_columns(event_date=pl.col("event_at").dt.convert_time_zone(timezone).dt.date())
