"""The gate of each mart that counts people by dimensions: no cell of few people gets as far as the mart's query."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb

from pipelines.contracts.model import Contract
from pipelines.warehouse.engine import quote_name
from pipelines.warehouse.statements import bind_select, read_cells

MERGED = "(other)"
# A person is new in the first of their cells, so the sum of the new ones up to a place is the distinct people of all
# cells up to there. Cells up to last_merged become one: none when no cell is small, null when all are too few.
MERGE = """
WITH sizes AS (
    SELECT {group}, {dimensions}, count(DISTINCT person) AS people
    FROM cells.incoming
    GROUP BY {group}, {dimensions}
),
places AS (
    SELECT *, row_number() OVER (PARTITION BY {group} ORDER BY people, {dimensions}) AS place
    FROM sizes
),
arrivals AS (
    SELECT {group}, place, count(*) AS new_people
    FROM (
        SELECT {group}, person, min(place) AS place
        FROM cells.incoming JOIN places USING ({group}, {dimensions})
        WHERE person IS NOT NULL
        GROUP BY ALL
    )
    GROUP BY ALL
),
running AS (
    SELECT places.*,
        count(*) FILTER (people < $minimum_people) OVER (PARTITION BY {group}) AS small_cells,
        sum(coalesce(new_people, 0)) OVER (PARTITION BY {group} ORDER BY place) AS people_up_to_here
    FROM places LEFT JOIN arrivals USING ({group}, place)
),
cuts AS (
    SELECT {group},
        if(any_value(small_cells) = 0, 0,
            min(place) FILTER (place >= small_cells AND people_up_to_here >= $minimum_people)) AS last_merged
    FROM running
    GROUP BY {group}
)
SELECT incoming.* REPLACE ({relabelled})
FROM cells.incoming AS incoming JOIN places USING ({group}, {dimensions}) JOIN cuts USING ({group})
WHERE last_merged IS NOT NULL
"""


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
    """
    if contract.cells is None:
        return
    group = [str(contract.properties["periodColumn"]), *contract.cells.within]
    relabelled = (
        f"if(place <= last_merged, '{MERGED}', {quote_name(name)}) AS {quote_name(name)}"
        for name in contract.cells.dimensions
    )
    merge = MERGE.format(
        group=", ".join(map(quote_name, group)),
        dimensions=", ".join(map(quote_name, contract.cells.dimensions)),
        relabelled=", ".join(relabelled),
    )
    engine.execute("CREATE SCHEMA IF NOT EXISTS cells; DROP TABLE IF EXISTS cells.incoming")
    incoming = bind_select(engine, read_cells(sql_directory, contract.name), {"event_dates": sorted(days)})
    incoming.to_table("cells.incoming")
    engine.execute(f"DROP TABLE IF EXISTS cells.{contract.name}")
    bind_select(engine, merge, {"minimum_people": minimum_people}).to_table(f"cells.{contract.name}")
    engine.execute("DROP TABLE cells.incoming")
