"""The tables of schema meta: what a warehouse file tells of itself, each table and column with its comment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipelines.warehouse.engine import quote_name, quote_text


@dataclass(frozen=True, slots=True)
class MetaTable:
    """A table of meta: what it tells, its columns by name with type and comment, and its primary key."""

    name: str
    comment: str
    columns: Mapping[str, tuple[str, str]] = field(hash=False)
    key: tuple[str, ...] = ()


BUILD = MetaTable(
    "build",
    "When this file was built, for which days, under which contracts; one row.",
    {
        "build_id": (
            "VARCHAR NOT NULL",
            "Name of this build; the Parquet files beside it carry it too.",
        ),
        "built_at": ("TIMESTAMPTZ NOT NULL", "When the build began."),
        "timezone": ("VARCHAR NOT NULL", "The service's time zone, whose days the marts count by."),
        "event_dates": ("DATE[] NOT NULL", "Days of events whose rows were made anew; others were carried over."),
        "contract_versions": ("MAP(VARCHAR, VARCHAR) NOT NULL", "Version of each data contract, by layer and name."),
        "restricted_digest": (
            "VARCHAR NOT NULL",
            "Tells whether who is left out of this file is who was left out of another; says nothing of anybody.",
        ),
    },
)
TABLES = MetaTable(
    "tables",
    "What each mart is for and what its figures cannot tell; one row per mart.",
    {
        "table": ("VARCHAR", "Name of the mart in schema marts."),
        "purpose": ("VARCHAR NOT NULL", "What the mart answers."),
        "grain": ("VARCHAR NOT NULL", "What one row stands for."),
        "limitations": ("VARCHAR NOT NULL", "What its figures cannot tell; empty when nothing is to be said."),
        "contract_version": ("VARCHAR NOT NULL", "Version of the data contract that the rows keep."),
        "row_count": ("BIGINT NOT NULL", "Rows in this file."),
    },
    ("table",),
)
COLUMNS = MetaTable(
    "columns",
    "What each column of a mart means; one row per column, in the order of the contract.",
    {
        "table": ("VARCHAR", "Name of the mart."),
        "column": ("VARCHAR", "Name of the column."),
        "type": ("VARCHAR NOT NULL", "Its type in DuckDB."),
        "description": ("VARCHAR NOT NULL", "What it counts or names, and where that misleads."),
        "lineage": ("VARCHAR[] NOT NULL", "Relations that it is computed from, or columns where the contract says."),
    },
    ("table", "column"),
)
FRESHNESS = MetaTable(
    "freshness",
    "How recent the data are; one row per table of the lake and source that feeds it, as of the build.",
    {
        "table": ("VARCHAR", "Table of the lake."),
        "source": ("VARCHAR", "Source whose files feed it."),
        "newest_event_date": ("DATE", "Newest day of events that the table holds; null while it is empty."),
        "last_received_date": ("DATE", "Day on which a file of the source was last taken in; null while none was."),
    },
    ("table", "source"),
)
SOURCE_FILES = MetaTable(
    "source_files",
    "Files that were taken in, duplicates not counted; one row per day of receipt and source.",
    {
        "received_date": ("DATE", "Day of receipt in the service's time zone."),
        "source": ("VARCHAR", "Source of the files."),
        "file_count": ("BIGINT NOT NULL", "Files taken in."),
        "read_count": ("BIGINT NOT NULL", "Lines in them."),
        "accepted_count": ("BIGINT NOT NULL", "Lines stored; data_quality_daily says what became of the others."),
    },
    ("received_date", "source"),
)
QUALITY = MetaTable(
    "quality",
    "What the gates measured before this file was published; one row per table and rule.",
    {
        "table": ("VARCHAR", "Table that was measured, with its layer: marts.usage_daily."),
        "rule": ("VARCHAR", "Rule of its contract, or check of its SQL."),
        "severity": ("VARCHAR NOT NULL", "critical stops a publication; warning and info are told only."),
        "unit": ("VARCHAR NOT NULL", "Unit of the figures: rows, percent or columns."),
        "observed": ("DOUBLE", "The figure measured."),
        "minimum": ("DOUBLE", "The least that it may be; null without a limit."),
        "maximum": ("DOUBLE", "The most that it may be; null without a limit."),
        "passed": ("BOOLEAN NOT NULL", "Whether the figure keeps its limits."),
    },
)
LINEAGE = MetaTable(
    "lineage",
    "What each mart is made from, back to the files received; one row per mart, input and source.",
    {
        "mart": ("VARCHAR NOT NULL", "Name of the mart."),
        "input": ("VARCHAR NOT NULL", "Relation that its SQL reads: lake.<table>, or control.<facts> of the ledger."),
        "source": ("VARCHAR", "Source whose files feed the input; null for the ledger, which the house itself keeps."),
    },
)
META_TABLES = (BUILD, TABLES, COLUMNS, FRESHNESS, SOURCE_FILES, QUALITY, LINEAGE)


def define_meta(catalog: str) -> Iterator[str]:
    """The statements that create schema meta, empty, in an attached database."""
    yield f"CREATE SCHEMA {catalog}.meta"
    for table in META_TABLES:
        yield from _define_table(f"{catalog}.meta.{quote_name(table.name)}", table)


def _define_table(name: str, table: MetaTable) -> Iterator[str]:
    parts = [f"{quote_name(column)} {kind}" for column, (kind, _) in table.columns.items()]
    if table.key:
        parts.append(f"PRIMARY KEY ({', '.join(map(quote_name, table.key))})")
    yield f"CREATE TABLE {name} ({', '.join(parts)})"
    yield f"COMMENT ON TABLE {name} IS {quote_text(table.comment)}"
    for column, (_, comment) in table.columns.items():
        yield f"COMMENT ON COLUMN {name}.{quote_name(column)} IS {quote_text(comment)}"
