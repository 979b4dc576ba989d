"""Values inside Parquet, SQLite and DuckDB files, decoded column by column for the independent scan."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.proof.pieces import Failure, Piece, Values, attempt, join_places, list_values

BATCH_ROWS = 8192
DICTIONARY_BATCH_ROWS = 65536
SQLITE_BATCH_ROWS = 256
DUCKDB_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "temp_directory": "",
    "memory_limit": "1GB",
    "threads": "1",  # a scan that spills would leave traces
}
LISTS = (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray, pa.ListViewArray, pa.LargeListViewArray)
DUCKDB_NATIVE = ("BLOB", "BIT", "STRUCT", "MAP", "UNION", "VARIANT")


def read_parquet(path: Path, place: str) -> Iterator[Piece]:
    """Footer metadata and statistics, then each column of each row group; a broken one does not hide the others."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        metadata, schema = file.metadata, file.schema_arrow
        yield list_values(join_places(place, "parquet metadata"), [*list_metadata(metadata, schema)])
        yield list_values(join_places(place, "parquet statistics"), [*list_statistics(metadata)])
        flat = [leaf.path for leaf in list_text_leaves(metadata) if leaf.path in schema.names]
        with pq.ParquetFile(path, metadata=metadata, read_dictionary=flat, pre_buffer=False) as encoded:
            for name in dict.fromkeys(schema.names):
                column = join_places(place, f"parquet column {name}")
                for group in range(metadata.num_row_groups):
                    yield from attempt(column, read_parquet_column(encoded, file, name, group, column))


def list_text_leaves(metadata: pq.FileMetaData) -> Iterator[pq.ColumnSchema]:
    leaves = map(metadata.schema.column, range(metadata.num_columns))
    return (leaf for leaf in leaves if leaf.physical_type == "BYTE_ARRAY")


def read_parquet_column(
    encoded: pq.ParquetFile, plain: pq.ParquetFile, name: str, group: int, place: str
) -> Iterator[Values]:
    """A chunk's dictionary, which may hold entries that no row refers to, and all values that it does not hold."""
    dictionary: pa.Array[Any] | None = None
    for batch in encoded.iter_batches(batch_size=DICTIONARY_BATCH_ROWS, row_groups=[group], columns=[name]):
        column = batch.column(0)
        if not isinstance(column, pa.DictionaryArray):
            break
        if dictionary is None:
            dictionary = column.dictionary
            yield lay_out(place, dictionary)
        elif not dictionary.equals(column.dictionary):
            break  # the writer gave the dictionary up: from here on rows hold values
    else:
        return
    for batch in plain.iter_batches(batch_size=BATCH_ROWS, row_groups=[group], columns=[name]):
        for column in batch.columns:
            yield from (lay_out(place, leaf) for leaf in list_leaves(column))


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


def list_leaves(array: pa.Array[Any]) -> Iterator[pa.Array[Any]]:
    """Every text or binary array inside an Arrow array of any nesting; other types hold no identifier in bytes."""
    if isinstance(array, pa.ExtensionArray):
        yield from list_leaves(array.storage)
    elif isinstance(array, pa.DictionaryArray):
        yield from list_leaves(array.dictionary)
    elif isinstance(array, pa.MapArray):
        yield from list_leaves(array.keys)
        yield from list_leaves(array.items)
    elif isinstance(array, pa.StructArray | pa.UnionArray):
        for child in range(array.type.num_fields):
            yield from list_leaves(array.field(child))
    elif isinstance(array, pa.RunEndEncodedArray):
        yield from list_leaves(array.values)
    elif isinstance(array, LISTS):
        yield from list_leaves(array.flatten())
    elif holds_bytes(array.type):
        yield array


def holds_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return bool(text or binary or types.is_fixed_size_binary(kind))


def lay_out(place: str, array: pa.Array[Any]) -> Values:
    """The array's own data buffer with its offsets, nothing copied a value at a time."""
    large: Any = array.cast(pa.large_binary())
    _, offsets, data = large.buffers()
    if data is None or not len(large):
        return list_values(place, [])
    bounds = memoryview(offsets).cast("q")[large.offset : large.offset + len(large) + 1]
    return Values(place, memoryview(data).cast("B")[bounds[0] : bounds[-1]], bounds, bounds[0])


def read_sqlite(path: Path, place: str) -> Iterator[Piece]:
    """All text and blob values of all tables, and the schema itself.

    A database in use is opened as one more reader, so that its write-ahead log is seen too; any other as immutable.
    """
    in_use = all(path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-shm"))
    options = "mode=ro" if in_use else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"file:{quote(str(path))}?{options}", uri=True)) as database:
        database.text_factory = bytes
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for table in ("sqlite_master", *(name.decode() for (name,) in names)):
            shown = join_places(place, f"sqlite table {table}")
            yield from attempt(shown, read_sqlite_table(database, table, shown))


def read_sqlite_table(database: sqlite3.Connection, table: str, place: str) -> Iterator[Values]:
    cursor = database.execute(f"SELECT * FROM {quote_name(table)}")  # noqa: S608 - a name cannot be a parameter
    columns = [description[0] for description in cursor.description]
    while rows := cursor.fetchmany(SQLITE_BATCH_ROWS):
        for name, cells in zip(columns, zip(*rows, strict=True), strict=True):
            yield list_values(f"{place} column {name}", [cell for cell in cells if isinstance(cell, bytes)])


def read_duckdb(path: Path, place: str) -> Iterator[Piece]:
    """All columns of all tables; a database that is locked or damaged is unreachable, for its blocks are compressed."""
    try:
        with closing(duckdb.connect(str(path), read_only=True, config=DUCKDB_CONFIG)) as database:
            for schema, table, columns in list_duckdb_tables(database):
                yield from read_duckdb_table(database, schema, table, columns, place)
    except duckdb.Error as error:
        if not path.exists():
            raise FileNotFoundError from None
        reason = "locked or unreadable as a database"
        yield Failure(join_places(place, "duckdb"), f"{reason} ({type(error).__name__})", unreachable=True)


def list_duckdb_tables(database: duckdb.DuckDBPyConnection) -> list[tuple[str, str, list[tuple[str, str]]]]:
    rows: list[tuple[str, str, str, str]] = database.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "SEMI JOIN duckdb_tables() USING (database_oid, schema_oid, table_oid) "
        "WHERE database_name = current_database() ORDER BY schema_name, table_name, column_index"
    ).fetchall()
    tables: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for schema, table, column, kind in rows:
        tables.setdefault((schema, table), []).append((column, kind))
    return [(schema, table, columns) for (schema, table), columns in tables.items()]


def read_duckdb_table(
    database: duckdb.DuckDBPyConnection, schema: str, table: str, columns: Iterable[tuple[str, str]], place: str
) -> Iterator[Values]:
    names = [name for name, _ in columns]
    selected = ", ".join(select_column(name, kind) for name, kind in columns)
    source = f"{quote_name(schema)}.{quote_name(table)}"
    relation = database.sql(f"SELECT {selected} FROM {source}")  # noqa: S608 - names cannot be parameters
    for batch in relation.to_arrow_reader(BATCH_ROWS):
        for name, column in zip(names, batch.columns, strict=True):
            for leaf in list_leaves(column):
                yield lay_out(join_places(place, f"duckdb {schema}.{table}.{name}"), leaf)


def select_column(name: str, kind: str) -> str:
    native = kind.startswith(DUCKDB_NATIVE) or kind.endswith("]")
    return quote_name(name) if native else f"CAST({quote_name(name)} AS VARCHAR)"


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
