"""Delimited fields under a header: CSV, whose records may hold line ends, and logs whose remarks name the fields."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.formats import FIRST_LINE, Format
from pipelines.contracts.model import Contract
from pipelines.ingestion.headers import REMARK, Header, chunk_content, follow_header, read_header, require_fields
from pipelines.ingestion.lines import inspect_line, split_lines
from pipelines.ingestion.readers import Chunk
from pipelines.ingestion.records import QUOTE, find_records
from pipelines.ingestion.reject import Reason
from pipelines.ingestion.values import ABSENT, read_values


@dataclass(frozen=True, slots=True)
class Records:
    """Records of a chunk in order: the index of the line that each begins at, and its text without the line end.

    reasons: why other records cannot be used at all, by line.
    """

    lines: pl.Series
    texts: pl.Series
    reasons: dict[int, Reason] = field(hash=False)

    def take(self, keep: pl.Series) -> Records:
        """Some of them, without the reasons."""
        return Records(self.lines.filter(keep), self.texts.filter(keep), {})


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the source's columns, the line each begins at and the reason against it; and reasons of other lines."""

    rows: pl.DataFrame
    lines: pl.Series
    reasons: pl.Series
    failed: dict[int, Reason] = field(hash=False)
    undeclared_count: int = 0


def read_delimited(chunk: Chunk, header: Header | None, declared: Format, contract: Contract) -> Table:
    """Every record of a chunk; header: the one in force before it. DataQualityError when a header does not do."""
    is_csv = declared.header == FIRST_LINE or isinstance(declared.header, tuple)
    is_quoted = is_csv and QUOTE in chunk.data
    records = _find_quoted(chunk, declared) if is_quoted else _find_plain(chunk)
    sections = list(_cut_sections(records, chunk, header, declared))
    tables = [_read_section(each, names, declared, contract, is_quoted=is_quoted) for each, names in sections]
    tables.append(_no_rows(contract, records.reasons))
    return Table(
        rows=pl.concat(table.rows for table in tables),
        lines=pl.concat(table.lines for table in tables),
        reasons=pl.concat(table.reasons for table in tables),
        failed={line: reason for table in tables for line, reason in table.failed.items()},
        undeclared_count=sum(table.undeclared_count for table in tables),
    )


def _no_rows(contract: Contract, failed: dict[int, Reason]) -> Table:
    empty = pl.DataFrame(schema=polars_schema(contract))
    return Table(empty, pl.Series(dtype=pl.Int64), pl.Series(dtype=pl.String), failed)


def _find_plain(chunk: Chunk) -> Records:
    """Records that are lines."""
    lines = split_lines(chunk)
    places = pl.int_range(len(lines.texts), eager=True)
    usable = ~places.is_in(list(lines.reasons))
    return Records(places.filter(usable), lines.texts.filter(usable), lines.reasons)


def _find_quoted(chunk: Chunk, declared: Format) -> Records:
    data, reasons = chunk_content(chunk), {}
    places, texts = [], []
    for record in find_records(data, declared.delimiter):
        text, reason = inspect_line(data[record.start : record.end].removesuffix(b"\n").removesuffix(b"\r"))
        if reason is None and record.is_sound:
            places.append(record.line)
            texts.append(text)
        else:
            reasons[record.line] = reason or Reason.UNBALANCED_QUOTES
    return Records(pl.Series(places, dtype=pl.Int64), pl.Series(texts, dtype=pl.String), reasons)


def _cut_sections(
    records: Records, chunk: Chunk, header: Header | None, declared: Format
) -> Iterator[tuple[Records, Header | None]]:
    """The records under each header, the header lines themselves and other remarks left out."""
    if isinstance(declared.header, tuple) or (declared.header == FIRST_LINE and header):
        yield records.take(records.lines >= 0), follow_header(header, chunk, declared)
    elif declared.header == FIRST_LINE:
        records.reasons.pop(0, None)
        yield records.take(records.lines > 0), follow_header(None, chunk, declared)
    else:
        is_record = ~records.texts.str.starts_with(REMARK)
        names_fields = records.texts.str.starts_with(str(declared.header))
        number = names_fields.cum_sum()
        headers = [header, *(read_header(text.encode(), declared) for text in records.texts.filter(names_fields))]
        for place, each in enumerate(headers):
            inside = is_record & (number == place)
            if inside.any():
                yield records.take(inside), each


def _read_section(
    records: Records, header: Header | None, declared: Format, contract: Contract, *, is_quoted: bool
) -> Table:
    names = require_fields(header, declared, contract)
    if is_quoted:
        cells, reasons = _split_quoted(records.texts, len(names), declared.delimiter)
    else:
        cells, reasons = _split_plain(records.texts, len(names), declared.delimiter)
    fits = reasons.is_null()
    kept, failed = records.take(fits), records.take(~fits)
    texts = _name_cells([cell.filter(fits) for cell in cells], names, declared)
    fields = {each.column: each for each in declared.fields if each.column in texts.columns}
    rows, judged = read_values(texts, fields, contract, declared.timezone, Reason.WRONG_TYPE)
    known = {key for each in declared.fields for key in each.keys}
    why = map(Reason, reasons.drop_nulls())
    return Table(
        rows,
        kept.lines,
        judged,
        dict(zip(failed.lines, why, strict=True)),
        judged.null_count() * len(set(names) - known),
    )


def _split_plain(texts: pl.Series, count: int, delimiter: str) -> tuple[list[pl.Series], pl.Series]:
    *cells, beyond = texts.str.split_exact(delimiter, count).struct.unnest().get_columns()
    is_wrong = cells[-1].is_null() | beyond.is_not_null()
    return cells, pl.select(pl.when(is_wrong).then(pl.lit(Reason.WRONG_FIELD_COUNT.value))).to_series()


def _split_quoted(texts: pl.Series, count: int, delimiter: str) -> tuple[list[pl.Series], pl.Series]:
    rows, reasons = [], []
    for text in texts:
        try:
            row = next(csv.reader([text], delimiter=delimiter, strict=True))
            reason = None if len(row) == count else Reason.WRONG_FIELD_COUNT.value
        except csv.Error:  # a carriage return alone, which is neither a line end nor content
            row, reason = [], Reason.MALFORMED_LINE.value
        rows.append(row if reason is None else [None] * count)
        reasons.append(reason)
    frame = pl.DataFrame(rows, schema={str(place): pl.String for place in range(count)}, orient="row")
    return frame.get_columns(), pl.Series(reasons, dtype=pl.String)


def _name_cells(cells: Sequence[pl.Series], names: Sequence[str], declared: Format) -> pl.DataFrame:
    """The text of each column whose field the header names; an empty one is nothing."""
    found = pl.DataFrame([cell.alias(name) for name, cell in dict(zip(names, cells, strict=True)).items()])
    texts = {}
    for each in declared.fields:
        if each.keys[0] in names:
            present = [pl.when(~pl.col(key).is_in(["", ABSENT])).then(pl.col(key)) for key in each.keys if key in names]
            joined = pl.concat_str(present, separator="?" if each.column == "url" else "T")
            texts[each.column] = pl.coalesce(joined, present[0])
    return found.select(**texts)
