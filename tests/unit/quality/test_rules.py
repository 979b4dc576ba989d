"""What each check of a contract counts, and which rules are refused before any data is read."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from pipelines.contracts.model import Contract
from pipelines.errors import ConfigurationError
from pipelines.quality.measure import measure
from pipelines.quality.rules import compile_rules

Build = Callable[..., Contract]
LISTED = {
    "id": "listed",
    "type": "library",
    "metric": "invalidValues",
    "arguments": {"validValues": ["a"]},
    "mustBe": 0,
}


def sql(query: str) -> list[dict[str, Any]]:
    return [{"id": "balanced", "type": "sql", "query": query, "mustBe": 0}]


def count_of(contract: Contract, **values: list[object]) -> int:
    """The one figure of a contract with one rule."""
    rules = compile_rules(contract)
    counts = measure(pl.DataFrame(values, schema=rules.schema), rules).counts
    assert len(counts) == 1
    return next(iter(counts.values()))


@pytest.mark.parametrize(
    ("column", "values", "broken"),
    [
        pytest.param({"required": True}, [1, None, None], 2, id="nulls of a required column"),
        pytest.param({"logicalTypeOptions": {"minimum": 1, "maximum": 5}}, [0, 1, 5, 6, None], 2, id="range, ends in"),
        pytest.param({"logicalTypeOptions": {"minimum": 1}}, [0, 1, 9], 1, id="range with no upper end"),
        pytest.param({"logicalTypeOptions": {"maximum": 5}}, [5, 6, None], 1, id="range with no lower end"),
        pytest.param(
            {"physicalType": "int16", "logicalTypeOptions": {"maximum": 100_000}},
            [32_767],
            0,
            id="range beyond the type",
        ),
        pytest.param(
            {"physicalType": "float64", "logicalTypeOptions": {"minimum": 0}},
            [float("nan"), float("inf"), 0.0, -0.1, None],
            2,
            id="NaN lies outside a range, null does not",
        ),
        pytest.param(
            {"physicalType": "string", "logicalTypeOptions": {"minLength": 2, "maxLength": 3}},
            ["匿", "匿名", "匿名化", "匿名加工", None],
            2,
            id="length in characters, not bytes",
        ),
        pytest.param(
            {"physicalType": "string", "logicalTypeOptions": {"pattern": "[a-z]+|x1"}},
            ["ab", "x1", "ab1", "1ab", "ab\n", "", None],
            4,
            id="pattern matches the whole value",
        ),
        pytest.param(
            {"physicalType": "string", "logicalTypeOptions": {"pattern": "^[a-z]+$"}},
            ["ab", "ab\n"],
            1,
            id="pattern anchored",
        ),
        pytest.param({"physicalType": "string", "quality": [LISTED]}, ["a", "b", "A", None], 2, id="unlisted values"),
    ],
)
def test_column_rule_counts_the_rows_that_break_it(
    contract_of: Build, column: dict[str, Any], values: list[object], broken: int
):
    assert count_of(contract_of(field=column), field=values) == broken


def test_row_count_rule_counts_every_row_whatever_it_holds(contract_of: Build):
    rule = {"id": "rows", "type": "library", "metric": "rowCount", "mustBeGreaterOrEqualTo": 1}

    assert count_of(contract_of(field={}, quality=[rule]), field=[1, None]) == 2


@pytest.mark.parametrize(
    ("query", "broken"),
    [
        pytest.param("left - right", 1, id="null and zero are kept"),
        pytest.param("left * 2 - (right + right)", 1, id="precedence and parentheses"),
        pytest.param("-left - -right + 2 * (left - right) / 2 - 0.0", 0, id="signs, division and decimals"),
    ],
)
def test_arithmetic_rule_counts_rows_that_give_anything_but_zero(contract_of: Build, query: str, broken: int):
    contract = contract_of(left={}, right={}, quality=sql(query))

    assert count_of(contract, left=[1, 2, None, 4], right=[1, 3, 3, None]) == broken


def test_arithmetic_does_not_wrap_to_zero_when_a_small_integer_overflows(contract_of: Build):
    contract = contract_of(left={"physicalType": "int16"}, quality=sql("left + left"))

    assert count_of(contract, left=[-32_768]) == 1


def test_arithmetic_that_gives_nan_is_broken(contract_of: Build):
    contract = contract_of(left={"physicalType": "float64"}, quality=sql("left - left"))

    assert count_of(contract, left=[float("nan"), 1.0]) == 1


def test_column_named_like_a_keyword_can_be_computed_with(contract_of: Build):
    assert count_of(contract_of(order={}, quality=sql("order - 1")), order=[1, 2]) == 1


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("amount - secret", "secret, which is restricted"),
        ("amount - absent", "absent, which is no column"),
        ("amount - label", "label, which is not numeric"),
        ("sum(amount)", "sum, which is no column"),
        ("amount(1)", "cannot compile"),
        ("(select 1)", "select, which is no column"),
        ("amount amount", "cannot compile"),
        ("amount -- 1", "may hold column names, numbers"),
        ("amount; drop", "may hold column names, numbers"),
        ("amount = 'value'", "may hold column names, numbers"),
        ("amount -", "cannot compile"),
        ("1 - 1", "names no column"),
    ],
)
def test_query_that_is_not_plain_arithmetic_over_open_columns_is_refused(contract_of: Build, query: str, reason: str):
    secret = {"classification": "restricted"}
    contract = contract_of(amount={}, secret=secret, label={"physicalType": "string"}, quality=sql(query))

    with pytest.raises(ConfigurationError, match=rf"lake/events\.odcs\.yaml: _table__balanced: .*{reason}"):
        compile_rules(contract)


LIBRARY = {"id": "rule", "type": "library", "metric": "nullValues", "mustBe": 0}


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({"physicalType": "string", "logicalTypeOptions": {"pattern": "(?=look)ahead"}}, "cannot compile this pattern"),
        ({"physicalType": "binary16", "logicalTypeOptions": {"maxLength": 16}}, "cannot compile this length"),
        ({"physicalType": "date", "logicalTypeOptions": {"minimum": "2026-01-01"}}, "a range needs a numeric column"),
        ({"logicalTypeOptions": {"exclusiveMinimum": 0}}, "limits exclusiveMinimum are not measured"),
        ({"quality": [LISTED]}, "cannot compile this unlisted"),
        ({"quality": [LISTED | {"arguments": {"pattern": "a"}}]}, "takes the argument validValues"),
        ({"quality": [LIBRARY | {"arguments": {"missingValues": ["-"]}}]}, "arguments missingValues are not measured"),
        ({"quality": [{"id": "rule", "type": "library", "metric": "nullValues", "mustBeLessThan": 5}]}, "has no limit"),
        ({"quality": [LIBRARY | {"unit": "people"}]}, "unit must be one of percent, rows"),
        ({"quality": [LIBRARY | {"severity": "fatal"}]}, "severity must be error, warning or info"),
        ({"quality": [LIBRARY | {"metric": "rowCount", "unit": "percent"}]}, "a row count has no percentage"),
        ({"quality": [LIBRARY, LIBRARY]}, "two rules have this id"),
    ],
)
def test_rule_that_could_not_be_measured_as_written_is_refused(contract_of: Build, column: dict[str, Any], reason: str):
    with pytest.raises(ConfigurationError, match=rf"lake/events\.odcs\.yaml: field.*: .*{reason}"):
        compile_rules(contract_of(field=column))


def test_column_metric_without_a_column_is_refused(contract_of: Build):
    with pytest.raises(ConfigurationError, match="nulls is a rule of a column"):
        compile_rules(contract_of(field={}, quality=[LIBRARY]))
