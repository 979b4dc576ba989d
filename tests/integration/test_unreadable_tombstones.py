"""Without the tombstones nothing is stored and nothing is built: nobody can tell who must be left out."""

import pytest

from pipelines.errors import TokumeiError
from pipelines.journeys.build_marts import build_marts, rebuild_marts
from pipelines.journeys.chunk import open_bench
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.replay import replay_rejected
from pipelines.warehouse.directory import identify_file

STEPS = {
    "ingestion": lambda house: ingest(house, find_files(house)),
    "replay": replay_rejected,
    "build": build_marts,
    "backfill": rebuild_marts,
    "bench": lambda house: open_bench(house, house.catalogue.get("sources", "access"), ()),
}


@pytest.fixture(scope="module")
def town(open_town):
    """A town whose ledger has lost the table of tombstones, with a file that waits in landing."""
    town = open_town()
    town.land("access", "waiting.jsonl", [town.visit(town.neighbour, None, town.days[0], 1)])
    with town.house.ledger.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE tombstones RENAME TO unreadable")
    return town


@pytest.mark.parametrize("step", STEPS)
def test_nothing_goes_on_without_the_tombstones(town, step):
    rows, built = town.rows("page_views").height, identify_file(town.house.settings.warehouse_file)
    with pytest.raises(TokumeiError, match="ledger"):
        STEPS[step](town.house)
    assert (town.house.settings.landing / "access" / "waiting.jsonl").exists()
    assert town.rows("page_views").height == rows
    assert identify_file(town.house.settings.warehouse_file) == built
