"""Rejected lines sealed until they expire, where the source's contract asks for it, and opened again to be replayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from anonymization.keyring import Key, seal_under, unseal_under
from pipelines.contracts.derive import polars_schema
from pipelines.contracts.formats import get_format
from pipelines.contracts.model import Contract
from pipelines.ingestion.enrich import Batch
from pipelines.ingestion.lines import BYTE_ORDER_MARK
from pipelines.ingestion.parse import ParsedLines, parse_chunk
from pipelines.ingestion.readers import LINE_END, Chunk

QUARANTINE = "quarantined_lines"
PLACE = ("source", "file_id", "line_number")


def seal_rejects(
    rejects: pl.DataFrame, table: Contract, batch: Batch, received_date: date, expiry: tuple[date, Key]
) -> pl.DataFrame:
    """Rows of quarantined_lines for those rejects of a chunk that were kept, sealed under the key of their last day."""
    expires_on, key = expiry
    kept = rejects.filter(pl.col("line").is_not_null()).with_columns(
        source=pl.lit(batch.source), file_id=pl.lit(batch.file_id)
    )
    sealed = [seal_under(key, row["line"], _name_place(row)) for row in kept.iter_rows(named=True)]
    rows = kept.with_columns(
        pl.Series("sealed_line", sealed, dtype=pl.Binary),
        expires_on=pl.lit(expires_on),
        received_date=pl.lit(received_date),
        file_format=pl.lit(batch.file_format),
        key_id=pl.lit(key.id),
        replay_id=pl.lit(None, dtype=pl.String),
    )
    return rows.select(pl.col(name).cast(kind) for name, kind in polars_schema(table).items())


def open_lines(rows: pl.DataFrame, keys: Mapping[str, Key]) -> pl.DataFrame:
    """Rows of quarantined_lines with their raw `line`; those whose key is gone are left out."""
    lines = [_open_line(row, keys.get(row["key_id"])) for row in rows.iter_rows(named=True)]
    return rows.with_columns(pl.Series("line", lines, dtype=pl.Binary)).drop_nulls("line")


def parse_opened(opened: pl.DataFrame, contract: Contract, timezone: str) -> Iterator[tuple[str, str, ParsedLines]]:
    """File id, format and parsed lines of each file that opened lines of one source came from.

    Each line is parsed by the contract as it is now, and keeps the number that it had in its file. Those of a format
    that the contract no longer declares are left alone.
    """
    for (file_id, file_format), lines in opened.sort("line_number").group_by(
        "file_id", "file_format", maintain_order=True
    ):
        declared = get_format(contract, str(file_format))
        if declared is None:
            continue
        data = LINE_END.join(_bare_line(row) for row in lines.iter_rows(named=True))
        # Not at the beginning of a file: a byte order mark there was taken off its own line already.
        parsed = parse_chunk(Chunk(data, first_line=0, byte_offset=1), declared, contract, timezone)
        yield str(file_id), str(file_format), _renumber(parsed, lines["line_number"])


def _renumber(parsed: ParsedLines, numbers: pl.Series) -> ParsedLines:
    rows, rejects = (
        frame.with_columns(line_number=numbers.gather(frame["line_number"])) for frame in (parsed.rows, parsed.rejects)
    )
    return replace(parsed, rows=rows, rejects=rejects)


def _bare_line(row: Mapping[str, Any]) -> bytes:
    line: bytes = row["line"]
    return line if row["byte_offset"] else line.removeprefix(BYTE_ORDER_MARK)


def _open_line(row: Mapping[str, Any], key: Key | None) -> bytes | None:
    return unseal_under(key, row["sealed_line"], _name_place(row)) if key else None


def _name_place(row: Mapping[str, Any]) -> bytes:
    """Where a line belongs: sealed together with it, so that it opens nowhere else."""
    return "\x1f".join(str(row[name]) for name in PLACE).encode()
