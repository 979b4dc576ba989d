"""Compiles a contract's expectations into Polars expressions that count, so that no value need be looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.contracts.derive import Expectation, expectations, polars_schema
from pipelines.contracts.model import Contract
from pipelines.errors import ConfigurationError

LIMITS = frozenset({"minimum", "maximum", "minLength", "maxLength", "pattern"})
UNITS = frozenset({"rows", "percent"})
SEVERITIES = ("critical", "warning", "info")  # the worst first
ARITHMETIC = re.compile(r"(?:[\w\s.+*/()]|-(?!-))+")
NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One figure to measure: its id, the columns that it reads, and the expression that counts."""

    id: str
    reads: frozenset[str]
    count: pl.Expr


@dataclass(frozen=True, slots=True, eq=False)
class TableRules:
    """Everything that one table is measured by: the schema it must have and the figures of its rules."""

    table: str
    schema: pl.Schema
    rules: tuple[Rule, ...]


def compile_rules(contract: Contract) -> TableRules:
    """Compile every expectation of a contract.

    Nulls break no rule but `nulls`; NaN lies outside every range; a pattern must match the whole value and is a Rust
    regular expression. ConfigurationError names the rule that cannot be measured, before any data is read.
    """
    schema = polars_schema(contract)
    for column in contract.columns:
        if unknown := column.limits.keys() - LIMITS:
            raise _refusal(contract, column.name, f"limits {', '.join(sorted(unknown))} are not measured")
    rules = tuple(_compile(expectation, contract, schema) for expectation in expectations(contract))
    ids = [rule.id for rule in rules]
    for identifier in ids:
        if ids.count(identifier) > 1:
            raise _refusal(contract, identifier, "two rules have this id")
    return TableRules(contract.name, schema, rules)


def _refusal(contract: Contract, place: str, reason: str) -> ConfigurationError:
    file = f"{contract.layer}/{contract.name}.odcs.yaml"
    return ConfigurationError(f"{file}: {place}: {reason}", hint="correct the rule in the contract")


def _compile(expectation: Expectation, contract: Contract, schema: pl.Schema) -> Rule:
    try:
        _check_terms(expectation, schema)
        rule = _counting_rule(expectation, contract)
        schema.to_frame().select(rule.count)
    except (ValueError, TypeError) as refused:
        reason = str(refused)
    except pl.exceptions.PolarsError as refused:
        reason = f"Polars cannot compile this {expectation.check} rule ({type(refused).__name__})"
    else:
        return rule
    raise _refusal(contract, expectation.id, reason)


def _check_terms(expectation: Expectation, schema: pl.Schema) -> None:
    if expectation.minimum is None and expectation.maximum is None:
        raise ValueError("has no limit; use mustBe, mustBeBetween, mustBeGreaterOrEqualTo or mustBeLessOrEqualTo")
    if expectation.severity not in SEVERITIES:
        raise ValueError("severity must be error, warning or info")
    if expectation.unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(sorted(UNITS))}")
    if expectation.check == "rows" and expectation.unit == "percent":
        raise ValueError("a row count has no percentage")
    # Polars would compare a date with a number as days since 1970, silently.
    if expectation.check == "range" and not schema[str(expectation.column)].is_numeric():
        raise ValueError("a range needs a numeric column")


def _counting_rule(expectation: Expectation, contract: Contract) -> Rule:
    match expectation.check:
        case "rows":
            return Rule(expectation.id, frozenset(), pl.len())
        case "nulls":
            column = _column_of(expectation)
            _only_arguments(expectation, frozenset())
            return Rule(expectation.id, frozenset({column}), pl.col(column).null_count())
        case "sql":
            reads, broken = _arithmetic(str(expectation.arguments["query"]), contract)
        case _:
            column = _column_of(expectation)
            reads, broken = frozenset({column}), BROKEN[expectation.check](pl.col(column), expectation.arguments)
    return Rule(expectation.id, reads, broken.sum())


def _column_of(expectation: Expectation) -> str:
    if expectation.column is None:
        raise ValueError(f"{expectation.check} is a rule of a column, not of the table")
    return expectation.column


def _only_arguments(expectation: Expectation, known: frozenset[str]) -> None:
    if unknown := expectation.arguments.keys() - known:
        raise ValueError(f"arguments {', '.join(sorted(unknown))} are not measured")


def _outside_range(column: pl.Expr, limits: Mapping[str, Any]) -> pl.Expr:
    below = [column < limits["minimum"]] if "minimum" in limits else []
    above = [column > limits["maximum"]] if "maximum" in limits else []
    return pl.any_horizontal(column.is_nan(), *below, *above)


def _outside_length(column: pl.Expr, limits: Mapping[str, Any]) -> pl.Expr:
    length = column.str.len_chars()
    below = [length < limits["minLength"]] if "minLength" in limits else []
    above = [length > limits["maxLength"]] if "maxLength" in limits else []
    return pl.any_horizontal(*below, *above)


def _unlike_pattern(column: pl.Expr, limits: Mapping[str, Any]) -> pl.Expr:
    return ~column.str.contains(rf"\A(?:{limits['pattern']})\z")


def _unlisted(column: pl.Expr, arguments: Mapping[str, Any]) -> pl.Expr:
    if arguments.keys() != {"validValues"}:
        raise ValueError("invalidValues takes the argument validValues, and no other")
    return ~column.is_in(arguments["validValues"])


BROKEN: Mapping[str, Callable[[pl.Expr, Mapping[str, Any]], pl.Expr]] = {
    "range": _outside_range,
    "length": _outside_length,
    "pattern": _unlike_pattern,
    "unlisted": _unlisted,
}


def _arithmetic(query: str, contract: Contract) -> tuple[frozenset[str], pl.Expr]:
    """Rows where + - * / over numeric columns that restrict nobody's data gives anything but zero."""
    if not ARITHMETIC.fullmatch(query):
        raise ValueError("query may hold column names, numbers, + - * / and parentheses only")
    names = frozenset(NAME.findall(query))
    if not names:
        raise ValueError("query names no column")
    wide = {name: _wide_type(name, contract) for name in names}
    # Polars wraps silently when an int16 overflows, and a wrapped sum can be zero.
    widened = NAME.sub(lambda found: f'CAST("{found[0]}" AS {wide[found[0]]})', query)
    return names, pl.sql_expr(widened) != 0


def _wide_type(name: str, contract: Contract) -> str:
    column = next((column for column in contract.columns if column.name == name), None)
    if column is None:
        raise ValueError(f"query names {name}, which is no column")
    if column.classification == "restricted":
        raise ValueError(f"query reads {name}, which is restricted")
    if column.physical_type not in WIDE_TYPES:
        raise ValueError(f"query reads {name}, which is not numeric")
    return WIDE_TYPES[column.physical_type]


WIDE_TYPES: Mapping[str, str] = {"int16": "HUGEINT", "int32": "HUGEINT", "int64": "HUGEINT", "float64": "DOUBLE"}
