"""Schema recent: of each daily mart the last days that are complete, as views that no reader's clock changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import duckdb

from pipelines.contracts.model import Catalogue, Contract
from pipelines.warehouse.describe import is_event_table
from pipelines.warehouse.engine import quote_name, quote_text
from pipelines.warehouse.relations import Inputs, list_days

RECENT_DAYS = 28


def create_recent(engine: duckdb.DuckDBPyConnection, catalogue: Catalogue, inputs: Inputs, today: date) -> None:
    """Create recent.<mart> for each daily mart of the warehouse that is being built.

    A day is complete when it ended before the newest day of events known; of what the ledger tells, before the newest
    day of receipt. Without any such day a view is empty. today: the service's, when the build began; events of later
    days come of clocks that are wrong, and make no day complete.
    """
    events = [f"lake.{table.name}" for table in catalogue.layer("lake") if is_event_table(table)]
    newest_event = _find_newest(events, inputs, today)
    engine.execute("USE warehouse; CREATE SCHEMA recent")
    for mart in catalogue.layer("marts"):
        if mart.properties["period"] == "day":
            follows_events = any(name in events for name in mart.properties["inputs"])
            newest = newest_event if follows_events else _find_newest(mart.properties["inputs"], inputs, today)
            for statement in define_view(mart, newest):
                engine.execute(statement)
    engine.execute("USE memory")


def _find_newest(names: Iterable[str], inputs: Inputs, today: date) -> date | None:
    known = (day for name in names if name in inputs for day in list_days(name, inputs[name]))
    return max((day for day in known if day <= today), default=None)


def define_view(mart: Contract, newest: date | None) -> Iterator[str]:
    """The statements that create one view, of the days before the newest, with the comments of its mart.

    No name of a database stands in it, for whoever opens the file gives it one.
    """
    view, period = f"recent.{quote_name(mart.name)}", quote_name(str(mart.properties["periodColumn"]))
    if newest is None:
        wanted, told = "false", f"The last {RECENT_DAYS} complete days: none yet."
    else:
        first, last = newest - timedelta(days=RECENT_DAYS), newest - timedelta(days=1)
        wanted = f"{period} BETWEEN DATE '{first}' AND DATE '{last}'"
        told = f"The last {RECENT_DAYS} complete days, {first} to {last}, as of the build."
    keys = ", ".join(map(quote_name, mart.properties["primaryKey"]))
    yield f"CREATE VIEW {view} AS FROM marts.{quote_name(mart.name)} WHERE {wanted} ORDER BY {keys}"
    yield f"COMMENT ON VIEW {view} IS {quote_text(f'{told} {mart.purpose} Grain: {mart.grain}.')}"
    for column in mart.columns:
        yield f"COMMENT ON COLUMN {view}.{quote_name(column.name)} IS {quote_text(column.description)}"
