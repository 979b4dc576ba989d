"""Values inside Parquet files for the independent scan: pages and dictionaries, statistics, and what footers say."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.proof.columns import lay_out, list_leaves
from pipelines.proof.pages import UnreadablePageError, list_values_of_chunk
from pipelines.proof.pieces import Piece, Values, attempt, join_places, list_values

BATCH_ROWS = 8192
DICTIONARY_BATCH_ROWS = 65536
LARGEST_CHUNK_BYTES = 1 << 27  # larger ones are read a batch at a time
TEXTS = ("STRING", "ENUM", "JSON")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of one row group: the open file, where it lies, and the reader that knows its metadata."""

    descriptor: int
    path: Path
    reader: pq.ParquetFile
    group: int
    number: int
    name: str


def read_parquet(path: Path, place: str) -> Iterator[Piece]:
    """Footer metadata and statistics, then each column of each row group; a broken one does not hide the others."""
    with pq.ParquetFile(path, pre_buffer=False) as reader:
        metadata, schema = reader.metadata, reader.schema_arrow
        yield list_values(join_places(place, "parquet metadata"), [*list_metadata(metadata, schema)])
        yield list_values(join_places(place, "parquet statistics"), [*list_statistics(metadata)])
        yield from read_columns(path, reader, place, list_value_columns(metadata))


def read_keys(path: Path, place: str) -> Iterator[Piece]:
    """Only the columns of bytes that are no text, as pseudonyms are stored."""
    with pq.ParquetFile(path, pre_buffer=False) as reader:
        columns = list_value_columns(reader.metadata)
        kinds = {number: reader.metadata.schema.column(number).logical_type.type for number in columns}
        yield from read_columns(path, reader, place, [number for number in columns if kinds[number] not in TEXTS])


def list_value_columns(metadata: pq.FileMetaData) -> list[int]:
    """The numbers of the stored columns whose values are texts or bytes."""
    kinds = (metadata.schema.column(number).physical_type for number in range(metadata.num_columns))
    return [number for number, kind in enumerate(kinds) if kind.endswith("BYTE_ARRAY")]


def read_columns(path: Path, reader: pq.ParquetFile, place: str, columns: Sequence[int]) -> Iterator[Piece]:
    metadata, names = reader.metadata, reader.schema_arrow.names
    with path.open("rb") as file:
        for number in columns:
            leaf = metadata.schema.column(number).path
            name = leaf if leaf in names else leaf.partition(".")[0]
            column = join_places(place, f"parquet column {name}")
            for group in range(metadata.num_row_groups):
                chunk = Chunk(file.fileno(), path, reader, group, number, name)
                yield from attempt(column, read_chunk(chunk, column))


def read_chunk(chunk: Chunk, place: str) -> Iterator[Values]:
    """The pages of a column chunk, or its values by a full reader where the pages alone do not tell them."""
    pages = list_value_pages(chunk)
    if pages is None:
        yield from read_values(chunk, place)
    else:
        yield from (Values(place, page, (0, len(page))) for page in pages)


def list_value_pages(chunk: Chunk) -> list[bytes] | None:
    """The unpacked pages that hold values; None when these are not laid out one after the other."""
    described = chunk.reader.metadata.row_group(chunk.group).column(chunk.number)
    sizes = (described.total_compressed_size, described.total_uncompressed_size)
    if described.physical_type != "BYTE_ARRAY" or max(sizes) > LARGEST_CHUNK_BYTES:
        return None
    begin = min(described.dictionary_page_offset or described.data_page_offset, described.data_page_offset)
    try:
        content = memoryview(os.pread(chunk.descriptor, described.total_compressed_size, begin))
        return [bytes(page) for page in list_values_of_chunk(content, described.compression, described.num_values)]
    except (UnreadablePageError, LookupError, TypeError, OSError, pa.ArrowException):
        return None


def read_values(chunk: Chunk, place: str) -> Iterator[Values]:
    """A chunk's dictionary, which may hold entries that no row refers to, and all values that it does not hold."""
    try:
        is_whole = yield from read_dictionary(chunk, place)
    except (pa.ArrowException, OSError):
        is_whole = False  # not every encoding can be read so
    if is_whole:
        return
    for batch in chunk.reader.iter_batches(batch_size=BATCH_ROWS, row_groups=[chunk.group], columns=[chunk.name]):
        for column in batch.columns:
            yield from (lay_out(place, leaf) for leaf in list_leaves(column))


def read_dictionary(chunk: Chunk, place: str) -> Generator[Values, None, bool]:
    """The dictionary of a chunk that has one; returns whether it holds every value."""
    dictionary: pa.Array[Any] | None = None
    metadata, columns = chunk.reader.metadata, [chunk.name]
    with pq.ParquetFile(chunk.path, metadata=metadata, read_dictionary=columns, pre_buffer=False) as encoded:
        for batch in encoded.iter_batches(DICTIONARY_BATCH_ROWS, row_groups=[chunk.group], columns=columns):
            column = batch.column(0)
            if not isinstance(column, pa.DictionaryArray):
                return False
            if dictionary is None:
                dictionary = column.dictionary
                yield lay_out(place, dictionary)
            elif not dictionary.equals(column.dictionary):
                return False  # the writer gave the dictionary up: from here on rows hold values
    return True


def list_metadata(metadata: pq.FileMetaData, schema: pa.Schema) -> Iterator[bytes]:
    for pairs in (metadata.metadata, schema.metadata, *(field.metadata for field in schema)):
        for key, value in (pairs or {}).items():
            yield key
            yield value


def list_statistics(metadata: pq.FileMetaData) -> Iterator[bytes]:
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            statistics = metadata.row_group(group).column(column).statistics
            if statistics is not None and statistics.has_min_max:
                yield from (raw for raw in (statistics.min_raw, statistics.max_raw) if isinstance(raw, bytes))
