"""Work on each distinct value once, however many rows repeat it and however many tables are made of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True, slots=True)
class Encoded:
    """The distinct values of a column, null among them, and the place of each row's value."""

    values: pl.Series
    places: pl.Series

    def keep(self, is_kept: pl.Series) -> Encoded:
        """Only some rows, by a boolean for each; values that none of them has may remain."""
        return Encoded(self.values, self.places.filter(is_kept))

    def map(self, function: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
        """As `map_distinct`, of the column that was encoded."""
        return function(self.values)[self.places]


@dataclass(frozen=True, slots=True)
class Rows:
    """A frame under treatment, and what was made of it already; a part of it need not make that again."""

    frame: pl.DataFrame
    part_of: tuple[Rows, pl.Series] | None = None
    made: dict[Hashable, pl.DataFrame] = field(default_factory=dict)
    encoded: dict[str, Encoded] = field(default_factory=dict)

    def keep(self, is_kept: pl.Series) -> Rows:
        """Only some rows, by a boolean for each; what was made of all of them serves these too."""
        return Rows(self.frame.filter(is_kept), (self, is_kept))

    def make(self, make: Callable[[pl.DataFrame], pl.DataFrame], *what: Hashable) -> pl.DataFrame:
        """What a function makes of the frame, one row for each of its rows, made once under this name."""
        if what not in self.made:
            found = self._find(what)
            self.made[what] = make(self.frame) if found is None else found
        return self.made[what]

    def encode(self, name: str) -> Encoded:
        """A column's distinct values, found once, however much is made of them."""
        if name not in self.encoded:
            self.encoded[name] = _encode(self.frame[name])
        return self.encoded[name]

    def reduce(self, name: str, function: Callable[[pl.Series], pl.DataFrame], *what: Hashable) -> pl.DataFrame:
        """What a function makes of a column's distinct values, for each row, made once under this name."""
        return self.make(lambda _: self.encode(name).map(function), *what, name)

    def _find(self, what: tuple[Hashable, ...]) -> pl.DataFrame | None:
        if self.part_of is None:
            return None
        whole, is_kept = self.part_of
        return whole.made[what].filter(is_kept) if what in whole.made else None


def map_distinct(values: pl.Series, function: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """Apply a function to the distinct values only, and give every row, null included, its result.

    The function returns one row for each value that it is given, in order of appearance, in columns of its own.
    """
    return _encode(values).map(function)


def map_combinations(columns: Mapping[str, Encoded], function: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """As `map_distinct`, of the distinct combinations that rows hold in several columns, one at least."""
    combined = pl.Series([0], dtype=pl.Int64)
    for column in columns.values():
        combined = combined * len(column.values) + column.places

    def part(combinations: pl.Series) -> pl.DataFrame:
        parts = {}
        for name, column in reversed(list(columns.items())):
            parts[name] = column.values[combinations % len(column.values)]
            combinations = combinations // len(column.values)
        return function(pl.DataFrame(parts))

    return map_distinct(combined, part)


def spread(values: pl.Series, is_present: pl.Series) -> pl.Series:
    """Values, in their order, at the rows that are present; null at the others."""
    return values.gather(pl.select(pl.when(is_present).then(is_present.cum_sum() - 1)).to_series())


def _encode(values: pl.Series) -> Encoded:
    # Arrow numbers and collects distinct values in one pass, several times as fast as unique and a join.
    encoded = values.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode(null_encoding="encode")
    return Encoded(pl.Series("_value", encoded.dictionary, dtype=values.dtype), pl.Series(encoded.indices))
