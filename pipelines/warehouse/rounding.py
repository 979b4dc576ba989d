"""The gate between builds: each figure is rounded as its contract says, so that two builds do not tell one late event.

Figures by dimension are rounded up or down at random, a row's all alike: 12 in steps of 5 is 10 in three builds of five
and 15 in two, which is 12 on average and never a whole step off. Totals are exact, so rounding to the nearest would not
do: when a total grows by one and a cell goes from 10 to 15, the cell had 12 and the late event is in it. At random, the
cells of a period are all drawn anew when anything in it changes. The draw is made of the period's content, pseudonyms
and all: the same content gives the same figures in every build, and only who knows the pseudonyms could undo it.
A share is never finer than one of what it is a share of, else it would tell how many that are.

What it does not guarantee: whoever knows all persons of a cell but one learns that one, as from any true count. Late
events that all go into one cell, be they of one person, are seen there once the cell moves by two steps: of two in one
build of 125, of five in one of six. Who keeps many builds of a period can average. Noise that withstands these, with a
budget, belongs to what is published, not to what analysts work with.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.contracts.model import Column, Contract, Share
from pipelines.warehouse.cells import group_columns
from pipelines.warehouse.engine import quote_name

DRAWN = """
SELECT exact.*, hash(seed, {labels}) % 1000000000 * 0.000000001 AS draw
FROM exact JOIN cells.seeds USING ({group})
"""
ROUNDED = """
WITH exact AS (
{select}
),
drawn AS ({drawn}),
counted AS (SELECT * REPLACE ({counts}) FROM drawn)
SELECT {columns} FROM counted ORDER BY {key}
"""
# All in decimals, in units of a column's least step: binary fractions would miss halves.
UNITS = "({name}::DECIMAL(28, 9) * {units_of_one})"
AT_RANDOM = "({units} + draw * {step} - (({units} + draw * {step}) % {step} + {step}) % {step})"
TO_NEAREST = "(sign({units}) * (abs({units}) + {step} * 0.5 - (abs({units}) + {step} * 0.5) % {step}))"


def round_columns(contract: Contract, select: str) -> str:
    """A SELECT's rows, ordered by the primary key, with every column rounded to what its contract says, as SQL.

    At random by cells.seeds for a mart with cells, which must have been gathered; for any other mart to the nearest,
    halves away from zero. Nulls stay, and so does what is a multiple of its step already.
    """
    counts = [column for column in contract.columns if column.round_to and column.physical_type != "float64"]
    rounded = {column.name: _round(contract, column, str(int(column.round_to or 1))) for column in counts}
    shares = {column.name: _round(contract, column, _step_of(contract, column)) for column in _shares(contract)}
    columns = (
        f"{shares.get(each.name, quote_name(each.name))} AS {quote_name(each.name)}" for each in contract.columns
    )
    return ROUNDED.format(
        select=select,
        drawn=_draw(contract),
        counts=", ".join(f"{value} AS {quote_name(name)}" for name, value in rounded.items()) or "draw AS draw",
        columns=", ".join(columns),
        key=", ".join(map(quote_name, contract.properties["primaryKey"])),
    )


def _draw(contract: Contract) -> str:
    if contract.cells is None:
        return "SELECT *, 0 AS draw FROM exact"
    group = group_columns(contract)
    labels = ", ".join(map(quote_name, (*group, *contract.cells.dimensions)))
    return DRAWN.format(labels=labels, group=", ".join(map(quote_name, group)))


def _shares(contract: Contract) -> Iterator[Column]:
    return (column for column in contract.columns if column.round_to and column.physical_type == "float64")


def _step_of(contract: Contract, column: Column) -> str:
    """How many of a column's least steps it is rounded to: as many as one of what it is a share of makes, at least."""
    least = max(1, round(column.round_to or 1))
    share = column.share_of or _usual_share(contract)
    if share is None:
        return str(least)
    counted = contract.column(share.count)
    is_people = share.count == contract.properties.get("peopleColumn")
    fewest = max(1, contract.minimum_people if is_people else 1)
    fewest_told = f"greatest({quote_name(share.count)} - {int(counted.round_to or 1) - 1}, {fewest})"
    return f"greatest({least}, ({_units_of_one(column) * share.whole} + {fewest_told} - 1) // {fewest_told})"


def _usual_share(contract: Contract) -> Share | None:
    return Share(str(contract.properties["peopleColumn"]), 1) if contract.cells else None


def _round(contract: Contract, column: Column, step: str) -> str:
    units_of_one = _units_of_one(column)
    units = UNITS.format(name=quote_name(column.name), units_of_one=units_of_one)
    rounded = (AT_RANDOM if contract.cells else TO_NEAREST).format(units=units, step=step)
    told = f"{rounded}::DOUBLE / {units_of_one}" if column.physical_type == "float64" else f"{rounded}::BIGINT"
    return _keep_limits(column, quote_name(column.name), told)


def _keep_limits(column: Column, name: str, told: str) -> str:
    """A step that does not divide a column's limits, as of a share of few, must not lead beyond them."""
    for limit, keep in (("minimum", "greatest"), ("maximum", "least")):
        if limit in column.limits:
            told = f"if({name} IS NULL, NULL, {keep}({told}, {column.limits[limit]}))"
    return told


def _units_of_one(column: Column) -> int:
    """How many of its least steps make one: 100 for a column in steps of 0.01, 1 for one in whole steps."""
    return max(1, round(1 / (column.round_to or 1)))
