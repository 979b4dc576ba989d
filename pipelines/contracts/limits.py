"""Refuses limits and quality rules that nothing would measure, or that would measure something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.contracts.shapes import NOTHING, NUMBER, RANGE, VALUES, Shape, mapping_of, one_of, repeated

Rule = Mapping[str, Any]
Metrics = Mapping[str, Shape]

OF_NUMBERS = ("minimum", "maximum")
LIMITS: Mapping[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern"),
    **dict.fromkeys(("int16", "int32", "int64", "float64"), OF_NUMBERS),
    **dict.fromkeys(("boolean", "date", "timestamp", "binary16", "binary"), ()),
}
IMPLIED_RULES = ("nulls", "range", "length", "pattern")
COLUMN_METRICS: Metrics = {
    "nullValues": NOTHING,
    "missingValues": NOTHING,
    "invalidValues": mapping_of(validValues=VALUES),
}
TABLE_METRICS: Metrics = {"rowCount": NOTHING}
BOUNDS: Metrics = {
    "mustBe": NUMBER,
    "mustBeBetween": RANGE,
    "mustBeGreaterOrEqualTo": NUMBER,
    "mustBeLessOrEqualTo": NUMBER,
}
RULE_TYPES = one_of("library", "sql")
SEVERITIES = one_of("error", "warning", "info")
UNITS = one_of("rows", "percent")


def check_limits(column: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field and rule of each limit of one column that its type cannot be measured by."""
    name, physical_type = column["name"], column.get("physicalType")
    if column.get("unique"):
        yield f"{name}/unique", "is not measured"
    taken = LIMITS.get(str(physical_type))
    if taken is None:
        return
    for limit in column.get("logicalTypeOptions", {}):
        if limit not in taken:
            yield f"{name}/logicalTypeOptions/{limit}", f"is not measured; {physical_type} takes {_listed(taken)}"


def check_column_rules(column: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field and rule of each quality rule of one column that cannot be measured."""
    return _check_rules(column.get("quality", ()), f"{column['name']}/quality", COLUMN_METRICS, IMPLIED_RULES)


def check_table_rules(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field and rule of each quality rule of a whole table that cannot be measured."""
    return _check_rules(table.get("quality", ()), "quality", TABLE_METRICS, ())


def _check_rules(
    rules: Sequence[Rule], place: str, metrics: Metrics, taken: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    for identifier in repeated([*taken, *(rule["id"] for rule in rules if "id" in rule)]):
        reserved = f" ({', '.join(taken)} are the column's own)" if taken else ""
        yield f"{place}/{identifier}", f"two rules have this id{reserved}"
    for position, rule in enumerate(rules):
        for broken in _check_rule(rule, metrics):
            yield f"{place}/{rule.get('id', position)}", broken


def _check_rule(rule: Rule, metrics: Metrics) -> Iterator[str]:
    if "id" not in rule:
        yield "has no id"
    for key, shape, usual in (("type", RULE_TYPES, None), ("severity", SEVERITIES, "error"), ("unit", UNITS, "rows")):
        if not shape.fits(rule.get(key, usual)):
            yield f"{key} must be {shape.words}"
    yield from _check_bounds(rule)
    if rule.get("type") == "library":
        yield from _check_metric(rule, metrics)


def _check_bounds(rule: Rule) -> Iterator[str]:
    for key in (key for key in rule if key.startswith("must")):
        if key not in BOUNDS:
            yield f"{key} is not measured; use {_listed(BOUNDS)}"
        elif not BOUNDS[key].fits(rule[key]):
            yield f"{key} must be {BOUNDS[key].words}"


def _check_metric(rule: Rule, metrics: Metrics) -> Iterator[str]:
    metric = rule["metric"]
    if metric not in metrics:
        yield f"metric must be {one_of(*metrics).words} here"
    elif not metrics[metric].fits(rule.get("arguments", {})):
        yield f"arguments of {metric} must be {metrics[metric].words}"
    if metric == "rowCount" and rule.get("unit") == "percent":
        yield "a row count has no percentage"


def _listed(names: Sequence[str] | Metrics) -> str:
    return ", ".join(names) or "no limit"
