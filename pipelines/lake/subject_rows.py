"""The files that hold rows of a subject, read whole: for what is told to them, and for what they have corrected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract
from pipelines.lake.layout import DataFile, Lake, read_file
from pipelines.lake.rewrite import Subjects, locate_subjects


def read_held(
    lake: Lake, contract: Contract, subjects: Subjects, event_date: date | None = None
) -> Iterator[tuple[DataFile, pl.DataFrame]]:
    """Each file that holds rows of a subject, by path, and all of its rows with every column of the contract."""
    for hit in locate_subjects(lake, contract, {"": subjects}):
        if event_date is None or hit.file.partition["event_date"] == event_date.isoformat():
            yield hit.file, _name_partition(contract, hit.file, read_file(lake, contract, hit.file.path))


def _name_partition(contract: Contract, file: DataFile, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of a file with the columns that its partition names, in the contract's order."""
    schema = polars_schema(contract)
    named = [pl.lit(file.partition[name]).alias(name) for name in contract.partition_columns]
    dates = [name for name in contract.partition_columns if schema[name] == pl.Date]
    return rows.with_columns(named).with_columns(pl.col(dates).str.to_date()).select(schema.names()).cast(schema)
