"""Values inside SQLite and DuckDB files, decoded column by column for the independent scan."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import duckdb

from pipelines.proof.columns import lay_out, list_leaves
from pipelines.proof.pieces import Failure, Piece, Values, attempt, join_places, list_values

BATCH_ROWS = 8192
SQLITE_BATCH_ROWS = 256
DUCKDB_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "temp_directory": "",
    "memory_limit": "1GB",
    "threads": "1",  # a scan that spills would leave traces
}
DUCKDB_NATIVE = ("BLOB", "BIT", "STRUCT", "MAP", "UNION", "VARIANT")


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
    """All columns of all tables; a database that is locked or damaged is unreachable, for its blocks are compressed.

    So is what lies in blocks that are free: no table leads to them, and their bytes as they are may tell nothing.
    """
    shown = join_places(place, "duckdb")
    try:
        with closing(duckdb.connect(str(path), read_only=True, config=DUCKDB_CONFIG)) as database:
            if free := count_free_blocks(database):
                yield Failure(shown, f"{free} free blocks may hold what was deleted", unreachable=True)
            for schema, table, columns in list_duckdb_tables(database):
                yield from read_duckdb_table(database, schema, table, columns, place)
    except duckdb.Error as error:
        if not path.exists():
            raise FileNotFoundError from None
        reason = "locked or unreadable as a database"
        yield Failure(shown, f"{reason} ({type(error).__name__})", unreachable=True)


def count_free_blocks(database: duckdb.DuckDBPyConnection) -> int:
    [(count,)] = database.sql("SELECT free_blocks FROM pragma_database_size()").fetchall()
    return int(count)


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
