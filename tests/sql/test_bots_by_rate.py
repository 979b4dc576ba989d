"""Who asks for more than a person can is a bot to every mart, whatever the agent says; members are people."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.build import build_warehouse
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.extract import read_mart
from pipelines.warehouse.marts import Mart
from pipelines.warehouse.rates import mark_bots_by_rate
from pipelines.warehouse.relations import create_relations

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
PAGE_VIEWS = CATALOGUE.get("lake", "page_views")
RATES = PAGE_VIEWS.properties["botRates"]
DAY = date(2026, 11, 2)
NOON = datetime(2026, 11, 2, 3, tzinfo=UTC)
Row = dict[str, object]


def ask(at: datetime = NOON, visitor: bytes | None = b"v", **changes: object) -> Row:
    row: Row = {"event_at": at, "event_date": DAY, "visitor_pseudonym": visitor, "page_group": "item"}
    row |= {"is_page_view": True, "device_class": "desktop", "status_code": 200, "subject_bucket": 0}
    return row | changes


def burst(count: int, seconds: float = 0, at: datetime = NOON, **changes: object) -> list[Row]:
    return [ask(at + timedelta(seconds=number * seconds), **changes) for number in range(count)]


def mark(rows: Sequence[Row] | Sequence[str], days: Sequence[date] = (DAY,)) -> pl.DataFrame:
    frame = rows if rows and isinstance(rows[0], str) else pl.DataFrame(rows, schema=polars_schema(PAGE_VIEWS))
    marts = [Mart(CATALOGUE.get("marts", "usage_daily"), frozenset(days), frozenset(days), has_history=False)]
    with open_engine(options={}) as engine:
        create_relations(engine, CATALOGUE, {"lake.page_views": frame})
        mark_bots_by_rate(engine, CATALOGUE, SETTINGS.sql, marts)
        return engine.table("lake.page_views").pl().cast(polars_schema(PAGE_VIEWS))


@pytest.mark.parametrize(
    ("rows", "is_bot"),
    [
        (burst(RATES["perMinute"], 0.4), False),
        (burst(RATES["perMinute"] + 1, 0.4), True),
        (burst(RATES["perMinute"] + 1, 0.4, at=NOON + timedelta(seconds=40)), False),
        (burst(RATES["perHour"], 1.9), False),
        (burst(RATES["perHour"] + 1, 1.9), True),
        (burst(RATES["perMinute"] + 1, page_group="static"), False),
        (burst(RATES["perMinute"] + 1, is_page_view=False, status_code=404, page_group="(other)"), True),
        ([*burst(RATES["perMinute"] + 1), ask(user_pseudonym=b"u")], False),
        (burst(RATES["perMinute"] + 1, visitor=None), False),
    ],
    ids=[
        *("as-fast-as-allowed", "too-fast-for-a-minute", "minute-of-the-clock-not-any-sixty-seconds"),
        *("all-hour-as-allowed", "too-fast-for-an-hour", "pictures-of-pages", "misses-count-too"),
        *("member", "without-visitor"),
    ],
)
def test_visitor_beyond_a_rate_is_a_bot_for_the_day(rows: list[Row], *, is_bot: bool):
    morning = ask(NOON - timedelta(hours=2), visitor=rows[0]["visitor_pseudonym"])
    marked = mark([*rows, morning, ask(visitor=b"w")]).filter(pl.col("visitor_pseudonym").ne_missing(b"w"))

    assert set(marked["bot_family"]) == {"rate" if is_bot else None}
    assert set(marked["device_class"]) == {"bot" if is_bot else "desktop"}
    assert marked["is_page_view"].any() is not is_bot


def test_others_and_other_days_of_a_bot_by_rate_are_left_alone():
    next_day = ask(NOON + timedelta(days=1), event_date=DAY + timedelta(days=1))
    marked = mark([*burst(RATES["perMinute"] + 1), next_day, ask(visitor=b"w")])

    people = marked.filter(pl.col("bot_family").is_null()).sort("event_date")

    assert people.select("event_date", "visitor_pseudonym").rows() == [
        (DAY, b"w"),
        (DAY + timedelta(days=1), b"v"),
    ]


def test_declared_bot_keeps_its_family_and_every_other_column_stays():
    rows = pl.DataFrame(
        [*burst(3), *burst(RATES["perMinute"] + 1, bot_family="seo", is_page_view=False, visitor=b"s")],
        schema=polars_schema(PAGE_VIEWS),
    )

    assert mark(rows.to_dicts()).sort(pl.all()).equals(rows.sort(pl.all()))


def test_lake_files_are_marked_as_frames_are_with_their_partitions(tmp_path: Path):
    rows = pl.DataFrame(burst(RATES["perMinute"] + 1), schema=polars_schema(PAGE_VIEWS))
    directory = tmp_path / f"event_date={DAY}" / "subject_bucket=0"
    directory.mkdir(parents=True)
    paths = [str(directory / f"{half}.parquet") for half in "ab"]
    for path, half in zip(paths, (rows.head(60), rows.tail(-60)), strict=True):
        half.drop("event_date", "subject_bucket").write_parquet(path)

    assert set(mark(paths)["bot_family"]) == {"rate"}


def test_bot_by_rate_counts_among_bots_in_the_marts(tmp_path: Path):
    empty = {
        f"lake.{name}": pl.DataFrame(schema=polars_schema(CATALOGUE.get("lake", name)))
        for name in ("searches", "survey_responses", "security_events", "device_events")
    }
    rows = pl.DataFrame([*burst(RATES["perMinute"] + 1), ask(visitor=b"w")], schema=polars_schema(PAGE_VIEWS))
    ledger = {f"control.{name}": [] for name in ("source_files", "deletion_facts", "restrictions")}
    inputs = {**empty, **ledger, "lake.page_views": rows}
    built = build_warehouse(
        *(tmp_path, CATALOGUE, SETTINGS.sql, inputs, None),
        timezone="Asia/Tokyo",
        memory_limit="1GB",
        built_at=NOON,
    )
    day = read_mart(built.path, "usage_daily").row(0, named=True)

    assert (day["page_views"], day["visitors"]) == (1, 1)
    assert (day["request_count"], day["bot_request_count"]) == (RATES["perMinute"] + 2, RATES["perMinute"] + 1)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"b"]), st.integers(0, 3), st.integers(0, 59), st.integers(1, 150)),
        max_size=60,
    )
)
def test_rates_are_those_of_counting_by_the_clock_step_by_step(found: list[tuple[bytes, int, int, int]]):
    minutes, hours = Counter[tuple[bytes, int]](), Counter[tuple[bytes, int]]()
    rows: list[Row] = []
    for visitor, hour, minute, count in found:
        rows += burst(count, 0.1, at=NOON + timedelta(hours=hour, minutes=minute), visitor=visitor)
        minutes[visitor, hour * 60 + minute] += count
        hours[visitor, hour] += count
    bots = {who for (who, _), count in minutes.items() if count > RATES["perMinute"]}
    bots |= {who for (who, _), count in hours.items() if count > RATES["perHour"]}

    assert set(mark(rows).filter(bot_family="rate")["visitor_pseudonym"]) == bots
