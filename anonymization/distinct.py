"""Work on each distinct value once, however many rows repeat it."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl


def map_distinct(values: pl.Series, function: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """Apply a function to the distinct values only, and give every row, null included, its result.

    The function returns one row for each value that it is given, in their order, in columns of its own.
    """
    column = values.rename("_value").to_frame()
    distinct = column.unique(maintain_order=True)
    mapped = pl.concat([distinct, function(distinct["_value"])], how="horizontal")
    return column.join(mapped, on="_value", how="left", nulls_equal=True, maintain_order="left").drop("_value")
