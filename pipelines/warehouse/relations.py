"""What the marts are made from, as typed relations `lake.<table>` and `control.<facts>` that SQL can read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date

import duckdb
import polars as pl

from pipelines.contracts.derive import duckdb_schema
from pipelines.contracts.model import Catalogue
from pipelines.errors import ConfigurationError
from pipelines.warehouse.engine import quote_name, quote_text

Inputs = Mapping[str, Sequence[str] | pl.DataFrame]

RESTRICTIONS = "control.restrictions"  # who is left out of which purpose; holds no days of its own
# The tables that people are in, of which sql/people/ shows who may be counted.
PEOPLE_TABLES = frozenset({"lake.page_views", "lake.device_events", "lake.survey_responses", "lake.security_events"})
# Of what is not by days of events: else event_date.
DATE_COLUMNS = {"control.source_files": "received_date", "control.deletion_facts": "month"}
SOURCE_FILES = {
    "received_date": "DATE",
    "source": "VARCHAR",
    "state": "VARCHAR",
    "read_count": "BIGINT",
    "accepted_count": "BIGINT",
    "rejected_count": "BIGINT",
    "duplicate_count": "BIGINT",
    "suppressed_count": "BIGINT",
    "late_count": "BIGINT",
    "undeclared_count": "BIGINT",
}
DELETION_FACTS = {
    "month": "DATE",
    "fact": "VARCHAR",
    "days": "DOUBLE",
    "row_count": "BIGINT",
    "expected_count": "BIGINT",
    "absent_count": "BIGINT",
}
LEDGER_SCHEMAS = {
    "control.source_files": SOURCE_FILES,
    "control.deletion_facts": DELETION_FACTS,
    RESTRICTIONS: {"purpose": "VARCHAR", "pseudonym": "BLOB"},
}


def create_relations(
    engine: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    inputs: Inputs,
    days: Mapping[str, Collection[date]] | None = None,
) -> None:
    """Make every input readable under its own name, with the column names and types of its contract.

    Parquet files stay where they are and are read as needed; the values of the columns that name their hive-style
    partition directories come from the path, and a column that a file lacks is null. A frame becomes a table in memory.
    days: by input all days of events that will be read of it, where these are known; then the files of others are left
    out, for DuckDB looks into each whenever a query names the input. Without restrictions nobody is restricted.
    """
    engine.execute("CREATE SCHEMA lake; CREATE SCHEMA control")
    nobody: Inputs = {RESTRICTIONS: []}
    for name, source in {**nobody, **inputs}.items():
        schema = _schema_of(catalogue, name)
        wanted = None if days is None else days.get(name)
        chosen = source if isinstance(source, pl.DataFrame) else _choose_files(name, source, wanted)
        if not len(chosen):
            _create_nothing(engine, name, schema)
        elif isinstance(chosen, pl.DataFrame):
            _create_table(engine, name, schema, chosen)
        else:
            _create_view(engine, name, schema, chosen)


def digest_restricted(inputs: Inputs) -> str:
    """SHA-256 of who is restricted in these inputs, in hexadecimal: the same for the same set, whatever its order."""
    source = inputs.get(RESTRICTIONS)
    rows = source.select("purpose", "pseudonym").unique().rows() if isinstance(source, pl.DataFrame) else []
    return hashlib.sha256(b"".join(sorted(purpose.encode() + value for purpose, value in rows))).hexdigest()


def _choose_files(name: str, files: Sequence[str], days: Collection[date] | None) -> Sequence[str]:
    if days is None or name in DATE_COLUMNS:
        return files
    return [path for path in files if _day_of(name, path) in days]


def note_days(engine: duckdb.DuckDBPyConnection, inputs: Inputs) -> None:
    """Make known to `find_dates` on which days each input has rows; no file is opened for that."""
    engine.execute("CREATE SCHEMA days")
    for name, source in inputs.items():
        if name == RESTRICTIONS:
            continue
        found = pl.DataFrame({"day": sorted(list_days(name, source))}, schema={"day": pl.Date()})
        _create_table(engine, _days_of(name), {"day": "DATE"}, found)


def list_days(name: str, source: Sequence[str] | pl.DataFrame) -> frozenset[date]:
    """The days of one input, of a frame by its rows, of Parquet files by the directories that they lie in."""
    if isinstance(source, pl.DataFrame):
        return frozenset(source[DATE_COLUMNS.get(name, "event_date")].drop_nulls().unique())
    return frozenset(_day_of(name, path) for path in source)


def _day_of(name: str, path: str) -> date:
    column = DATE_COLUMNS.get(name, "event_date")
    _, found, rest = path.rpartition(f"/{column}=")
    if not found:
        raise ConfigurationError(
            f"a file of {name} lies in no directory {column}=<day>", hint=f"partition the table by {column}"
        )
    return date.fromisoformat(rest.partition("/")[0])


def find_dates(engine: duckdb.DuckDBPyConnection, name: str, among: Iterable[date] | None = None) -> set[date]:
    """The service days that have rows in one input, or those of the days given that do; none of restrictions.

    `note_days` comes first.
    """
    if name == RESTRICTIONS:
        return set()
    found = {day for (day,) in engine.table(_days_of(name)).fetchall()}
    return found if among is None else found.intersection(among)


def _days_of(name: str) -> str:
    return f"days.{name.replace('.', '_')}"


def _schema_of(catalogue: Catalogue, name: str) -> dict[str, str]:
    if name in LEDGER_SCHEMAS:
        return LEDGER_SCHEMAS[name]
    layer, _, table = name.partition(".")
    if layer != "lake":
        raise ConfigurationError(
            f"{name} is no input of marts", hint=f"pass lake.<table>, {' or '.join(LEDGER_SCHEMAS)}"
        )
    return duckdb_schema(catalogue.get("lake", table))


def _create_nothing(engine: duckdb.DuckDBPyConnection, name: str, schema: Mapping[str, str]) -> None:
    """A relation that DuckDB knows to be empty, so that to leave out nobody takes no reading of who is there."""
    engine.execute(f"CREATE VIEW {name} AS SELECT {_cast_columns(schema, lambda _: 'NULL')} WHERE false")


def _create_table(engine: duckdb.DuckDBPyConnection, name: str, schema: Mapping[str, str], frame: pl.DataFrame) -> None:
    columns = ", ".join(f"{quote_name(column)} {kind}" for column, kind in schema.items())
    engine.execute(f"CREATE TABLE {name} ({columns})")
    engine.register("incoming", frame.select(schema.keys()))
    engine.table("incoming").insert_into(name)
    engine.unregister("incoming")


def _create_view(engine: duckdb.DuckDBPyConnection, name: str, schema: Mapping[str, str], files: Sequence[str]) -> None:
    paths = ", ".join(quote_text(path) for path in files)
    stored = f"FROM read_parquet([{paths}], hive_partitioning = true, union_by_name = true)"
    # A column that came with a later version of the contract is in no older file, and may be in none yet.
    declared = f"SELECT {_cast_columns(schema, lambda _: 'NULL')} WHERE false"
    columns = _cast_columns(schema, quote_name)
    engine.execute(f"CREATE VIEW {name} AS FROM ({declared} UNION ALL BY NAME {stored}) SELECT {columns}")


def _cast_columns(schema: Mapping[str, str], express: Callable[[str], str]) -> str:
    return ", ".join(f"CAST({express(column)} AS {kind}) AS {quote_name(column)}" for column, kind in schema.items())
