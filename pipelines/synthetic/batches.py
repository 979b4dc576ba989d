"""What each source hands to the landing directory: the lines of one file, and the identifiers inside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import polars as pl


@dataclass(frozen=True, slots=True)
class Batch:
    """The lines of one file, each identifier inside them as spelled there, and the file's second name if it has one."""

    path: PurePosixPath
    lines: pl.Series
    identifiers: pl.Series
    also_as: PurePosixPath | None = None

    @property
    def paths(self) -> tuple[PurePosixPath, ...]:
        """Every name under which the file arrives."""
        return (self.path,) if self.also_as is None else (self.path, self.also_as)

    @property
    def source(self) -> str:
        """The kind of log: access, devices, searches, surveys, accounts or requests."""
        return self.path.parts[0]


def write_json_lines(records: pl.DataFrame) -> pl.Series:
    """One JSON object a row, its keys the columns in their order."""
    return records.select(pl.struct(pl.all()).struct.json_encode()).to_series()


def gather_identifiers(columns: Sequence[pl.Series]) -> pl.Series:
    """The distinct texts of all columns."""
    return pl.concat([column.drop_nulls().unique().rename("identifier") for column in columns]).unique()
