"""The gate of each mart that counts people by dimensions: no cell of few people gets as far as the mart's query.

What it guarantees: whoever knows every figure of a build, the exact totals among them, and every label there is, cannot
tell the people of a cell that was merged, for what was merged is about minimumPeople distinct persons at least. Where
that many are not to be had, the period shows no cell at all. See rounding.py for what it does not guarantee.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby
from pathlib import Path

import duckdb

from pipelines.contracts.model import Contract
from pipelines.warehouse.engine import quote_name
from pipelines.warehouse.statements import bind_select, read_cells

MERGED = "(other)"
# A cell that is not small has enough people by itself, so that no more than one ever joins those that are.
PLACES = """
WITH sizes AS (
    SELECT {group}, {dimensions}, count(DISTINCT person) AS people
    FROM cells.incoming
    GROUP BY {group}, {dimensions}
)
SELECT *,
    people < $minimum_people AS is_small,
    row_number() OVER (PARTITION BY {group} ORDER BY people, {dimensions}) AS place
FROM sizes
"""
# Cells up to last_merged become one: none when no cell is small, null when all together are too few.
CUTS = """
WITH hidden AS (
    SELECT {group}, count(DISTINCT person) AS people
    FROM cells.incoming SEMI JOIN (FROM cells.places WHERE is_small) USING ({group}, {dimensions})
    GROUP BY {group}
)
SELECT {group},
    count(*) FILTER (is_small) AS small_cells,
    CASE
        WHEN small_cells = 0 THEN 0
        WHEN any_value(hidden.people) >= $minimum_people THEN small_cells
        WHEN small_cells < count(*) THEN small_cells + 1
    END AS last_merged
FROM cells.places LEFT JOIN hidden USING ({group})
GROUP BY {group}
"""
# The seed of a period changes with anything in it, and nobody can tell it who does not know the pseudonyms.
SEEDS = "SELECT {group}, sum(hash({columns})) AS seed FROM cells.incoming GROUP BY {group}"
RELABEL = """
SELECT incoming.* REPLACE ({relabelled})
FROM cells.incoming AS incoming
JOIN (FROM cells.places JOIN cells.cuts USING ({group}) WHERE last_merged IS NOT NULL) USING ({group}, {dimensions})
"""


def split_periods(contract: Contract, days: Iterable[date]) -> Iterator[frozenset[date]]:
    """The days of one period of a mart after the other, so that memory holds the people of one; all without cells."""
    if contract.cells is None:
        yield frozenset(days)
        return
    is_weekly = contract.properties["period"] == "week"
    for _, period in groupby(sorted(days), lambda day: day.isocalendar()[:2] if is_weekly else day):
        yield frozenset(period)


def gather_cells(
    engine: duckdb.DuckDBPyConnection,
    contract: Contract,
    sql_directory: Path,
    days: Iterable[date],
    minimum_people: int,
) -> None:
    """Make cells.<mart> hold what its cells.sql finds on these days, under labels that are about enough people.

    Cells of fewer than minimum_people distinct persons become one `(other)` cell of their period and `within` columns,
    as few more as needed joining them, smallest first and then by name, until the merged have enough too: otherwise a
    total less the cells shown would tell the hidden one. Where all together are too few, nothing is shown.
    cells.seeds tells, for each period and `within`, by what its figures are rounded.
    """
    if contract.cells is None:
        return
    engine.execute("CREATE SCHEMA IF NOT EXISTS cells")
    _keep(engine, "incoming", read_cells(sql_directory, contract.name), {"event_dates": sorted(days)})
    parts = {
        "group": _list_names(group_columns(contract)),
        "dimensions": _list_names(contract.cells.dimensions),
        "columns": _list_names(engine.table("cells.incoming").columns),
        "relabelled": ", ".join(map(_relabel, contract.cells.dimensions)),
    }
    threshold = {"minimum_people": minimum_people}
    _keep(engine, "places", PLACES.format(**parts), threshold)
    _keep(engine, "cuts", CUTS.format(**parts), threshold)
    _keep(engine, "seeds", SEEDS.format(**parts), {})
    _keep(engine, contract.name, RELABEL.format(**parts), {})
    engine.execute("DROP TABLE cells.incoming; DROP TABLE cells.places; DROP TABLE cells.cuts")


def group_columns(contract: Contract) -> list[str]:
    """Within what cells are merged, and add up to a total: the period and the `within` columns."""
    within = contract.cells.within if contract.cells else ()
    return [str(contract.properties["periodColumn"]), *within]


def _keep(engine: duckdb.DuckDBPyConnection, name: str, sql: str, parameters: Mapping[str, object]) -> None:
    """Make cells.<name> hold what a SELECT finds."""
    engine.execute(f"DROP TABLE IF EXISTS cells.{name}")
    bind_select(engine, sql, parameters).to_table(f"cells.{name}")


def _relabel(dimension: str) -> str:
    name = quote_name(dimension)
    return f"if(place <= last_merged, '{MERGED}', {name}) AS {name}"


def _list_names(names: Iterable[str]) -> str:
    return ", ".join(map(quote_name, names))
