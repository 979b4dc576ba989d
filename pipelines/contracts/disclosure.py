"""Refuses marts whose figures would tell of few people: cells that nothing merges, measures that nothing rounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.contracts.shapes import NAMES, TEXT, Shape, mapping_of, whole_number

Finding = tuple[str, str]
Properties = Mapping[str, Any]

FEWEST = 2  # merging cells of fewer than one person would merge none
WHOLE_STEP = whole_number(1, 1_000_000)
DECIMAL_STEPS = (0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001)
STEP = Shape(
    f"a whole number, or one of {', '.join(f'{step:f}'.rstrip('0') for step in DECIMAL_STEPS)}",
    lambda value: WHOLE_STEP.fits(value) or value in DECIMAL_STEPS,
)
STEPS: Mapping[str, Shape] = {**dict.fromkeys(("int16", "int32", "int64"), WHOLE_STEP), "float64": STEP}
SHARE = mapping_of(count=TEXT, whole=whole_number(1, 1000))
MEASURE_PROPERTIES = ("roundTo", "shareOf", "exactBecause")


def check_disclosure(table: Properties, columns: Mapping[str, Properties], layer: str) -> Iterator[Finding]:
    """Field and rule of each way in which a table could tell of few people.

    table: its sound custom properties. columns: the physicalType and the custom properties of each.
    """
    for name, column in columns.items():
        for rule in _check_measure(column, columns):
            yield name, rule
    if layer == "marts":
        yield from _check_cells(table, columns)
        yield from _check_people(table, columns)
        yield from _check_measures(table, columns)
    elif "cells" in table or any(column.keys() & set(MEASURE_PROPERTIES) for column in columns.values()):
        yield "cells", f"belongs to marts, as {', '.join(MEASURE_PROPERTIES)} do"


def _check_measure(column: Properties, columns: Mapping[str, Properties]) -> Iterator[str]:
    kind = str(column.get("physicalType"))
    if "roundTo" in column and kind not in STEPS:
        yield f"roundTo: {kind} cannot be rounded"
    elif "roundTo" in column and not STEPS[kind].fits(column["roundTo"]):
        yield f"roundTo must be {STEPS[kind].words} for {kind}"
    if "exactBecause" in column and not TEXT.fits(column["exactBecause"]):
        yield f"exactBecause must be {TEXT.words}"
    if {"exactBecause", "roundTo"} <= column.keys():
        yield "is rounded and exact at once; remove roundTo or exactBecause"
    if "shareOf" in column:
        yield from _check_share(column, columns)


def _check_share(column: Properties, columns: Mapping[str, Properties]) -> Iterator[str]:
    share = column["shareOf"]
    if not SHARE.fits(share):
        yield f"shareOf must be {SHARE.words}"
    elif not str(columns.get(share["count"], {}).get("physicalType")).startswith("int"):
        yield f"shareOf names no count {share['count']}"
    if column.get("physicalType") != "float64" or "roundTo" not in column:
        yield "shareOf belongs to a float64 column with roundTo"


def _check_cells(table: Properties, columns: Mapping[str, Properties]) -> Iterator[Finding]:
    if "cells" not in table:
        return
    within, dimensions = table["cells"]["within"], table["cells"]["dimensions"]
    for name in (name for name in (*within, *dimensions) if name not in columns):
        yield "cells", f"names no column {name}"
    for name in (name for name in dimensions if columns.get(name, {}).get("physicalType", "string") != "string"):
        yield "cells", f"{name} must be a string, for its small cells become (other)"
    if sorted(table.get("primaryKey", ())) != sorted([str(table.get("periodColumn")), *within, *dimensions]):
        yield "cells", "the primary key must be periodColumn, within and dimensions, no more and no less"
    if table.get("minimumPeople", 0) < FEWEST:
        yield "minimumPeople", f"must be {FEWEST} or more beside cells"
    if "peopleColumn" not in table:
        yield "peopleColumn", "is required beside cells"


def _check_people(table: Properties, columns: Mapping[str, Properties]) -> Iterator[Finding]:
    step = columns.get(str(table.get("peopleColumn")), {}).get("roundTo", 1)
    if WHOLE_STEP.fits(step) and table.get("minimumPeople", 0) % step:
        yield "minimumPeople", f"must be a multiple of the {step} that peopleColumn is rounded to"


def _check_measures(table: Properties, columns: Mapping[str, Properties]) -> Iterator[Finding]:
    if "minimumPeople" not in table:
        return
    keys = table.get("primaryKey", ()) if NAMES.fits(table.get("primaryKey")) else ()
    for name in columns.keys() - set(keys):
        if not columns[name].keys() & {"roundTo", "exactBecause"}:
            yield name, "is a measure of people and needs roundTo, or exactBecause, a text"
