"""For any rows: chunks add up to the whole, and every rule counts what a plain reading of it counts."""

import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.model import Contract, build_contract
from pipelines.quality.measure import combine, measure
from pipelines.quality.rules import compile_rules

CONTRACT = """
name: orders
version: 1.0.0
description: {purpose: To be tested.}
schema:
  - name: orders
    dataGranularityDescription: one row per order
    quality:
      - {id: row_count, type: library, metric: rowCount, mustBeGreaterOrEqualTo: 0}
      - {id: balanced, type: sql, query: total - 2 * (part + fee), mustBe: 0}
    properties:
      - name: total
        physicalType: int16
        required: true
        logicalTypeOptions: {minimum: -3, maximum: 40000}
      - {name: part, physicalType: int64}
      - name: fee
        physicalType: float64
        logicalTypeOptions: {minimum: 0, maximum: 1}
        quality:
          - {id: null_share, type: library, metric: nullValues, unit: percent, mustBeLessOrEqualTo: 5}
      - name: code
        physicalType: string
        logicalTypeOptions: {minLength: 1, maxLength: 3, pattern: '[a-c]+|名.?'}
        quality:
          - {id: listed, type: library, metric: invalidValues, arguments: {validValues: [a, 名]}, mustBe: 0}
slaProperties:
  - {property: retention, value: 1, unit: d, element: orders.total}
"""


def read_contract() -> Contract:
    document = yaml.safe_load(CONTRACT)
    for column in document["schema"][0]["properties"]:
        treatment = {"property": "treatment", "value": {"kind": "keep"}}
        column |= {"description": "x", "classification": "internal", "customProperties": [treatment]}
    return build_contract(document, Path("lake/orders.odcs.yaml"))


RULES = compile_rules(read_contract())

Row = dict[str, Any]
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "total": st.none() | st.integers(-32_768, 32_767) | st.integers(-4, 4),
            "part": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2),
            "fee": st.none() | st.floats(width=64) | st.sampled_from([0.0, -0.0, 0.5, 1.0, math.nan, math.inf]),
            "code": st.none() | st.text(alphabet="abc名é\n", max_size=5),
        }
    ),
    max_size=12,
)


def imbalance(row: Row) -> float:
    return float(row["total"]) - 2.0 * (float(row["part"]) + row["fee"])


ORACLES: dict[str, Callable[[Row], bool]] = {
    "_table__row_count": lambda _row: True,
    "_table__balanced": lambda row: None not in (row["total"], row["part"], row["fee"]) and imbalance(row) != 0,
    "total__nulls": lambda row: row["total"] is None,
    "total__range": lambda row: row["total"] is not None and not -3 <= row["total"] <= 40_000,
    "fee__null_share": lambda row: row["fee"] is None,
    "fee__range": lambda row: row["fee"] is not None and not 0 <= row["fee"] <= 1,
    "code__length": lambda row: row["code"] is not None and not 1 <= len(row["code"]) <= 3,
    "code__pattern": lambda row: row["code"] is not None and not re.fullmatch("[a-c]+|名.?", row["code"]),
    "code__listed": lambda row: row["code"] is not None and row["code"] not in ("a", "名"),
}


def frame_of(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=RULES.schema)


@given(ROWS)
def test_every_rule_counts_what_a_plain_reading_counts(rows: list[Row]):
    measured = measure(frame_of(rows), RULES)

    assert measured.counts == {name: sum(map(breaks, rows)) for name, breaks in ORACLES.items()}
    assert measured.row_count == len(rows)


@given(ROWS, st.lists(st.integers(0, 12), max_size=4), st.randoms(use_true_random=False))
def test_chunks_in_any_order_add_up_to_the_whole(rows: list[Row], cuts: list[int], random: Random):
    edges = [0, *sorted(cuts), len(rows)]
    chunks = [frame_of(rows[start:end]) for start, end in pairwise(edges)]
    random.shuffle(chunks)

    assert combine(measure(chunk, RULES) for chunk in chunks) == measure(frame_of(rows), RULES)


@given(ROWS, st.sets(st.sampled_from(RULES.schema.names())))
def test_lazy_and_eager_frames_measure_the_same_even_with_columns_missing(rows: list[Row], absent: set[str]):
    frame = frame_of(rows).drop(absent)

    assert measure(frame.lazy(), RULES) == measure(frame, RULES)
    assert measure(frame, RULES).missing_columns == len(absent)
