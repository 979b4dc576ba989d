"""One mart's rows, before rounding, as its SQL makes them of rows of the lake."""

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.cells import gather_cells
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.marts import inputs_of, select_mart
from pipelines.warehouse.people import create_people, gather_visits
from pipelines.warehouse.relations import create_relations
from pipelines.warehouse.statements import read_query

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
K = 10  # people
Row = dict[str, object]


def select(mart: str, days: Iterable[date], zone: str = "Asia/Tokyo", **rows: Sequence[Row]) -> list[Row]:
    """The rows of one mart for these days; tables of the lake that are left out are empty."""
    contract, days = CATALOGUE.get("marts", mart), sorted(days)
    with open_engine(timezone=zone, options={}) as engine:
        tables = [name.removeprefix("lake.") for name in inputs_of(contract) if name.startswith("lake.")]
        schemas = {table: polars_schema(CATALOGUE.get("lake", table)) for table in tables}
        frames = {f"lake.{table}": pl.DataFrame(rows.get(table, ()), schema=schemas[table]) for table in tables}
        create_relations(engine, CATALOGUE, frames)
        create_people(engine, SETTINGS.sql)
        if "page_views" in tables:
            gather_visits(engine, SETTINGS.sql, days)
        gather_cells(engine, contract, SETTINGS.sql, days, K)
        return select_mart(engine, contract, read_query(SETTINGS.sql, mart), days, K).pl().to_dicts()
