"""The SQL below sql/, of the marts and of what they share: read from its files and bound to its parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import duckdb

from pipelines.errors import ConfigurationError
from pipelines.warehouse.engine import open_engine

CHECK_HEADER = re.compile(r"^-- check: (\w+)\n", re.MULTILINE)
PARAMETER = re.compile(r"\$\w+")


def read_query(sql_directory: Path, table: str) -> str:
    """The one SELECT that makes a mart."""
    return _read_sql(sql_directory / "marts" / table / "query.sql")


def read_cells(sql_directory: Path, table: str) -> str:
    """The one SELECT that makes a mart's cells, before those of few people are merged."""
    return _read_sql(sql_directory / "marts" / table / "cells.sql")


def read_people(sql_directory: Path, name: str) -> str:
    """The one SELECT that makes a relation people.<name>."""
    return _read_sql(sql_directory / "people" / f"{name}.sql")


def read_checks(sql_directory: Path, table: str) -> dict[str, str]:
    """The assertions on a mart by name: SELECTs, each headed `-- check: <name>`, that must find no row."""
    _, *parts = CHECK_HEADER.split(_read_sql(sql_directory / "marts" / table / "checks.sql"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def read_rule(sql_directory: Path, name: str) -> str:
    """The one SELECT that tells something of a lake table's rows which holds for every mart."""
    return _read_sql(sql_directory / "lake" / f"{name}.sql")


def find_reads(sql_directory: Path, tables: Iterable[str]) -> dict[str, frozenset[str]]:
    """By mart the relations that its SELECTs name: its query, and its cells where it has such."""
    # An engine of its own, which knows no relation, reads the names alone and binds none.
    with open_engine(options={}) as parser:
        return {table: _find_names(parser, _read_selects(sql_directory, table)) for table in tables}


def _read_selects(sql_directory: Path, table: str) -> list[str]:
    has_cells = (sql_directory / "marts" / table / "cells.sql").exists()
    return [read_query(sql_directory, table), *([read_cells(sql_directory, table)] if has_cells else [])]


def _find_names(parser: duckdb.DuckDBPyConnection, queries: Iterable[str]) -> frozenset[str]:
    names = [parser.get_table_names(PARAMETER.sub("NULL", query), qualified=True) for query in queries]
    return frozenset[str]().union(*names)


def bind_select(
    engine: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Mapping[str, object],
    finish: Callable[[str], str] = str,
) -> duckdb.DuckDBPyRelation:
    """The rows of exactly one SELECT, given those named parameters that it asks for; ConfigurationError otherwise.

    finish: makes another SELECT of it, which reads it as a subquery.
    """
    statements = engine.extract_statements(sql)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise ConfigurationError("the SQL is not one single SELECT statement", hint="write exactly one SELECT")
    wanted = statements[0].named_parameters
    unknown = sorted(wanted - parameters.keys())
    if unknown:
        raise ConfigurationError(f"the SQL asks for unknown parameters: {', '.join(unknown)}", hint="remove them")
    return engine.sql(finish(sql), params={name: parameters[name] for name in wanted})


def _read_sql(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror})",
            hint="each mart needs its query.sql and checks.sql, people/ its relations",
        ) from None
