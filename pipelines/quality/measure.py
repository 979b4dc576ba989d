"""Measures a table by its contract's rules in one aggregate pass; only counts come out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import polars as pl

from pipelines.errors import ConfigurationError, DataQualityError
from pipelines.quality.rules import TableRules


@dataclass(frozen=True, slots=True)
class Measurement:
    """Figures of one chunk or of a whole table: its rows, and for each rule id the rows that it counts.

    Counts add up over chunks; schema figures are the worst of any chunk. Measurement() is what an absence of chunks
    measures. A rule whose column is missing or mistyped counts every row.
    """

    row_count: int = 0
    counts: Mapping[str, int] = field(default_factory=dict, hash=False)
    missing_columns: int = 0
    extra_columns: int = 0
    mistyped_columns: int = 0

    def __add__(self, other: Measurement) -> Measurement:
        """Join two chunks' figures; ConfigurationError when they were measured by different rules."""
        if self.counts and other.counts and self.counts.keys() != other.counts.keys():
            raise ConfigurationError("two chunks were measured by different rules", hint="measure both by one contract")
        ids = self.counts.keys() | other.counts.keys()
        return Measurement(
            row_count=self.row_count + other.row_count,
            counts={identifier: self.counts.get(identifier, 0) + other.counts.get(identifier, 0) for identifier in ids},
            missing_columns=max(self.missing_columns, other.missing_columns),
            extra_columns=max(self.extra_columns, other.extra_columns),
            mistyped_columns=max(self.mistyped_columns, other.mistyped_columns),
        )


def combine(measurements: Iterable[Measurement]) -> Measurement:
    """Add up the chunks of one table, in any order; none gives Measurement()."""
    return reduce(add, measurements, Measurement())


def measure(frame: pl.DataFrame | pl.LazyFrame, rules: TableRules) -> Measurement:
    """Count what each rule counts, streaming, in one pass over the frame.

    DataQualityError names the table and the kind of failure, for an engine's own words can quote a value.
    """
    try:
        return _measure(frame.lazy(), rules)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - any engine's text may quote a value
        failure = type(error).__name__
    # Raised out here so that no traceback can follow __context__ to the engine's message.
    raise DataQualityError(
        f"{rules.table}: measuring stopped with {failure}",
        hint="nothing was published; run the step that made this table again, then compare it with its contract",
    )


def _measure(frame: pl.LazyFrame, rules: TableRules) -> Measurement:
    wanted, found = rules.schema, frame.collect_schema()
    missing = wanted.keys() - found.keys()
    mistyped = {name for name in wanted.keys() & found.keys() if wanted[name] != found[name]}
    figures = {rule.id: rule.count if rule.reads.isdisjoint(missing | mistyped) else pl.len() for rule in rules.rules}
    counted = frame.select(pl.len().alias(ROW_COUNT), **figures).collect(engine="streaming").row(0, named=True)
    return Measurement(
        row_count=counted.pop(ROW_COUNT),
        counts=counted,
        missing_columns=len(missing),
        extra_columns=len(found.keys() - wanted.keys()),
        mistyped_columns=len(mistyped),
    )


ROW_COUNT = "row_count"  # no rule has this id: each holds "__"
