"""data_quality_daily against adding up file by file in plain Python, on any deliveries."""

from collections import defaultdict
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.model import load_catalogue
from pipelines.control.deliveries import ACCOUNT_SCHEMA
from pipelines.settings import load_settings
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.marts import select_mart
from pipelines.warehouse.relations import create_relations
from pipelines.warehouse.statements import read_query

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
MART = CATALOGUE.get("marts", "data_quality_daily")
DAYS = (date(2026, 11, 2), date(2026, 11, 3))
COUNTS = [name for name in ACCOUNT_SCHEMA if name.endswith("_count")]
DELIVERY = st.fixed_dictionaries(
    {
        "received_date": st.sampled_from([*DAYS, date(2026, 11, 4)]),
        "source": st.sampled_from(["access", "surveys"]),
        "state": st.sampled_from(["committed", "duplicate", "held"]),
        **{name: st.integers(0, 5) for name in COUNTS},
    }
)


def add_up(deliveries: list[dict[str, object]]) -> list[dict[str, object]]:
    files = defaultdict(list)
    for each in deliveries:
        if each["state"] != "held" and each["received_date"] in DAYS:
            files[each["received_date"], each["source"]].append(each)
    rows = []
    for (day, source), found in sorted(files.items()):
        sums = {name: sum(each[name] for each in found) for name in COUNTS}
        read, rejected = sums["read_count"], sums["rejected_count"]
        rows.append(
            sums
            | {"received_date": day, "source": source, "file_count": len(found)}
            | {"duplicate_file_count": len([each for each in found if each["state"] == "duplicate"])}
            | {"reject_rate": pytest.approx(rejected / read) if read else None}
        )
    return rows


@given(st.lists(DELIVERY, max_size=12))
@settings(max_examples=40, deadline=None)
def test_every_day_and_source_adds_up_file_by_file(deliveries):
    frame = pl.DataFrame(deliveries, schema=ACCOUNT_SCHEMA)
    with open_engine(options={}) as engine:
        create_relations(engine, CATALOGUE, {"control.source_files": frame})
        found = select_mart(engine, MART, read_query(SETTINGS.sql, MART.name), DAYS, 0).pl().to_dicts()
    assert found == add_up(deliveries)
