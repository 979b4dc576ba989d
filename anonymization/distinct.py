"""Work on each distinct value once, however many rows repeat it."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl


def map_distinct(values: pl.Series, function: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """Apply a function to the distinct values only, and give every row, null included, its result.

    The function returns one row for each value that it is given, in order of appearance, in columns of its own.
    """
    # Arrow numbers and collects distinct values in one pass, several times as fast as unique and a join.
    encoded = values.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode(null_encoding="encode")
    distinct = pl.Series("_value", encoded.dictionary, dtype=values.dtype)
    return function(distinct)[pl.Series(encoded.indices)]


def spread(values: pl.Series, is_present: pl.Series) -> pl.Series:
    """Values, in their order, at the rows that are present; null at the others."""
    return values.gather(pl.select(pl.when(is_present).then(is_present.cum_sum() - 1)).to_series())
