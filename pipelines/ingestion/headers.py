"""What a file of delimited fields says of itself before its records: a header line, or remarks that name the fields."""

from __future__ import annotations

import csv
from dataclasses import dataclass

from pipelines.contracts.formats import FIRST_LINE, Format
from pipelines.contracts.model import Contract
from pipelines.contracts.shapes import repeated
from pipelines.errors import DataQualityError
from pipelines.ingestion.lines import BYTE_ORDER_MARK
from pipelines.ingestion.readers import LINE_END, Chunk
from pipelines.ingestion.records import find_records

REMARK = "#"


@dataclass(frozen=True, slots=True)
class Header:
    """The names of a file's fields in order: what later chunks must know, and small enough to send with each."""

    names: tuple[str, ...]


def follow_header(header: Header | None, chunk: Chunk, declared: Format) -> Header | None:
    """The header in force after a chunk, by the one in force before; DataQualityError for one that cannot be read."""
    if isinstance(declared.header, tuple):
        return Header(declared.header)
    data = chunk_content(chunk)
    if declared.header == FIRST_LINE:
        return header or read_header(data[: next(find_records(data, declared.delimiter)).end], declared)
    if not declared.header:
        return None
    beginning = declared.header.encode()
    place = data.rfind(LINE_END + beginning) + 1
    if not place and not data.startswith(beginning):
        return header
    return read_header(data[place:].partition(LINE_END)[0], declared)


def chunk_content(chunk: Chunk) -> bytes:
    """A chunk's bytes without the mark that some programs put at the beginning of a file."""
    return chunk.data if chunk.byte_offset else chunk.data.removeprefix(BYTE_ORDER_MARK)


def read_header(line: bytes, declared: Format) -> Header:
    """The header that a line holds; remarks separate the names by spaces, whatever separates the values."""
    try:
        text = line.decode().rstrip("\r\n")
        if declared.header != FIRST_LINE:
            return Header(tuple(text.removeprefix(str(declared.header)).split()))
        return Header(
            tuple(name.strip() for name in next(csv.reader([text], delimiter=declared.delimiter, strict=True)))
        )
    except (UnicodeDecodeError, csv.Error, StopIteration):
        raise DataQualityError("its header cannot be read", hint="mend the first line of the file") from None


def require_fields(header: Header | None, declared: Format, contract: Contract) -> tuple[str, ...]:
    """The names of a header under which every required column is found; else DataQualityError."""
    if header is None:
        raise DataQualityError(
            f"{contract.name}: records come before a line {declared.header}", hint="deliver the file with its header"
        )
    required = {column.name for column in contract.columns if column.required}
    for field in declared.fields:
        if field.column in required and field.keys[0] not in header.names:
            raise DataQualityError(
                f"{contract.name}: the header has no field {field.keys[0]}, from which {field.column} is read",
                hint="mend the header, or the keys of this format in the source's contract",
            )
    for name in repeated(header.names):
        if any(name in field.keys for field in declared.fields):
            raise DataQualityError(f"{contract.name}: the header has two fields {name}", hint="rename one of them")
    return header.names
