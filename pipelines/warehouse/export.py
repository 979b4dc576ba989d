"""The published marts as Parquet files too, for whoever opens no DuckDB file: one of each mart, swapped in one step."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines.warehouse.directory import EXPORT_NAME, name_export, sync_to_disk
from pipelines.warehouse.engine import engine_errors, open_engine, quote_name, quote_text

BUILD_ID = b"build_id"


@contextmanager
def prepare_export(path: Path) -> Iterator[Path]:
    """A directory beside a closed warehouse file with <mart>.parquet of every mart, synced; gone afterwards.

    Each file is compressed with zstd, ordered by its columns, private, and says by which build it was made.
    """
    prepared = name_export(path.parent)
    prepared.mkdir(mode=0o700)
    try:
        with engine_errors("exporting the marts"), open_engine(str(path), read_only=True, options={}) as engine:
            for table in _list_marts(engine):
                _write_table(engine, table, prepared / f"{table}.parquet")
        sync_to_disk(prepared)
        yield prepared
    finally:
        shutil.rmtree(prepared, ignore_errors=True)


def swap_export(prepared: Path, directory: Path) -> None:
    """Move prepared files to parquet/ in the warehouse directory, each in one step; files of other marts go."""
    target = directory / EXPORT_NAME
    target.mkdir(mode=0o700, exist_ok=True)
    exported = {path.name for path in prepared.iterdir()}
    for name in sorted(exported):
        (prepared / name).replace(target / name)
    for path in target.glob("*.parquet"):
        if path.name not in exported:
            path.unlink()
    sync_to_disk(target)


def is_exported(path: Path) -> bool:
    """Whether the files in parquet/ are those of the published file, all of them; not so after a killed publication."""
    target = path.parent / EXPORT_NAME
    with engine_errors("comparing the exported marts"), open_engine(str(path), read_only=True, options={}) as engine:
        tables = _list_marts(engine)
        if {file.stem for file in target.glob("*.parquet")} != set(tables):
            return False
        stated = {_read_build(engine, target / f"{table}.parquet") for table in tables}
        return stated == {_build_id(engine)}


def _list_marts(engine: duckdb.DuckDBPyConnection) -> list[str]:
    return [table for (table,) in engine.sql('SELECT "table" FROM meta.tables ORDER BY ALL').fetchall()]


def _build_id(engine: duckdb.DuckDBPyConnection) -> str:
    [(build_id,)] = engine.sql("SELECT build_id FROM meta.build").fetchall()
    return str(build_id)


def _read_build(engine: duckdb.DuckDBPyConnection, path: Path) -> str | None:
    """The build that a file says it is of; None when it is no file of ours, or none that can be read."""
    try:
        metadata = engine.execute("SELECT key, value FROM parquet_kv_metadata(?)", [str(path)]).fetchall()
    except duckdb.Error:
        return None
    return next((value.decode() for key, value in metadata if key == BUILD_ID), None)


def _write_table(engine: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    metadata = f"{{{BUILD_ID.decode()}: {quote_text(_build_id(engine))}}}"
    engine.execute(
        f"COPY (FROM marts.{quote_name(table)} ORDER BY ALL) TO {quote_text(str(path))} "
        f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {metadata})"
    )
    path.chmod(0o600)
    sync_to_disk(path)
