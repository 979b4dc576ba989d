"""Work on each distinct value once, however many rows repeat it and however many tables are made of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True, slots=True)
class Rows:
    """A frame under treatment, and what was made of it already; a part of it need not make that again."""

    frame: pl.DataFrame
    part_of: tuple[Rows, pl.Series] | None = None
    made: dict[Hashable, pl.DataFrame] = field(default_factory=dict)

    def keep(self, is_kept: pl.Series) -> Rows:
        """Only some rows, by a boolean for each; what was made of all of them serves these too."""
        return Rows(self.frame.filter(is_kept), (self, is_kept))

    def make(self, make: Callable[[pl.DataFrame], pl.DataFrame], *what: Hashable) -> pl.DataFrame:
        """What a function makes of the frame, one row for each of its rows, made once under this name."""
        if what not in self.made:
            found = self._find(what)
            self.made[what] = make(self.frame) if found is None else found
        return self.made[what]

    def _find(self, what: tuple[Hashable, ...]) -> pl.DataFrame | None:
        if self.part_of is None:
            return None
        whole, is_kept = self.part_of
        return whole.made[what].filter(is_kept) if what in whole.made else None


def map_distinct(values: pl.Series, function: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """Apply a function to the distinct values only, and give every row, null included, its result.

    The function returns one row for each value that it is given, in order of appearance, in columns of its own.
    """
    distinct, places = _encode(values)
    return function(distinct)[places]


def map_distinct_rows(frame: pl.DataFrame, function: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """As `map_distinct`, of the distinct combinations that the columns of a frame hold."""
    encoded = [_encode(column) for column in frame]
    combined = pl.zeros(frame.height, dtype=pl.Int64, eager=True)
    for distinct, places in encoded:
        combined = combined * len(distinct) + places
    combinations, rows = _encode(combined)
    columns = []
    for distinct, _ in reversed(encoded):
        columns.append(distinct[combinations % len(distinct)])
        combinations = combinations // len(distinct)
    return function(pl.DataFrame(dict(zip(frame.columns, reversed(columns), strict=True))))[rows]


def spread(values: pl.Series, is_present: pl.Series) -> pl.Series:
    """Values, in their order, at the rows that are present; null at the others."""
    return values.gather(pl.select(pl.when(is_present).then(is_present.cum_sum() - 1)).to_series())


def _encode(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The distinct values, null among them, and the place of each row's value."""
    # Arrow numbers and collects distinct values in one pass, several times as fast as unique and a join.
    encoded = values.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode(null_encoding="encode")
    return pl.Series("_value", encoded.dictionary, dtype=values.dtype), pl.Series(encoded.indices)
