"""DuckDB as the warehouse opens it: no extensions, no Python variables as tables, no engine text in our errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import duckdb

from pipelines.errors import ConfigurationError, DataQualityError, TokumeiError, TransientError

CLOSED = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


@contextmanager
def open_engine(
    database: str = ":memory:", *, timezone: str = "UTC", read_only: bool = False, options: Mapping[str, str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A closed-in DuckDB connection for one piece of work; its options cannot be changed from then on."""
    with duckdb.connect(database, read_only=read_only, config={**CLOSED, **options}) as engine:
        engine.execute(f"SET TimeZone = {quote_text(timezone)}")
        # Each query on a view of Parquet files asks for all their footers.
        engine.execute("SET parquet_metadata_cache = true")
        engine.execute("SET lock_configuration = true")
        yield engine


@contextmanager
def engine_errors(step: str) -> Iterator[None]:
    """Turn any DuckDB error into one of ours that names the step and the type only: the text can hold data values."""
    try:
        yield
    except duckdb.Error as error:
        raise _translate(error, step) from None


def quote_text(text: str) -> str:
    """A SQL text literal, for the statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _translate(error: duckdb.Error, step: str) -> TokumeiError:
    what = f"DuckDB failed while {step} ({type(error).__name__})"
    if isinstance(error, duckdb.OutOfMemoryException):
        return ConfigurationError(what, hint="raise TOKUMEI_MEMORY_LIMIT or free disk space for what it spills")
    if isinstance(error, duckdb.ProgrammingError | duckdb.NotSupportedError):
        return ConfigurationError(what, hint="see that SQL, data contracts and settings fit one another")
    if isinstance(error, duckdb.OperationalError):
        return TransientError(what, hint="see that the disk has space and the files can be read, then run it again")
    return DataQualityError(what, hint="compare the input with its contract; the published tables stay as they were")
