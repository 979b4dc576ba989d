"""The comparison itself: a difference that it cannot see would prove nothing."""

import polars as pl
import pytest

from tests.oracle.comparison import find_differences

ROWS = pl.DataFrame(
    {"file_id": "f", "line_number": [1, 2, 3], "route": ["/", "/help", "(other)"], "visitor": [b"a", None, b"c"]}
)


@pytest.mark.parametrize(
    ("stored", "differences"),
    [
        (ROWS, {}),
        (ROWS.reverse(), {}),
        (ROWS.head(2), {"missing": 1}),
        (pl.concat([ROWS, ROWS.head(1)]), {"twice": 1}),
        (pl.concat([ROWS, ROWS.head(1).with_columns(line_number=pl.lit(9, pl.Int64))]), {"surplus": 1}),
        (ROWS.with_columns(visitor=pl.lit(b"a")), {"visitor": 2}),
        (ROWS.with_columns(route=pl.col("route").shift()), {"route": 3}),
    ],
)
def test_every_kind_of_difference_is_found_and_the_order_of_rows_is_none(stored, differences):
    assert find_differences(stored, ROWS) == differences
