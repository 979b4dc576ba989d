"""A lake table of page views of any size for the benchmark of deletion: our schema, our layout, 30 days of sessions.

People come as often as a Zipf distribution has it, some with a second device, half of the sessions signed in, five
views each on average. Each day comes in four deliveries, each written as ingestion writes: one file for each bucket.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract, load_catalogue
from pipelines.ingestion.enrich import add_bucket
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.layout import Lake, open_lake
from pipelines.settings import REPOSITORY

TABLE = "page_views"
FIRST_DAY = date(2026, 10, 1)
DAYS, DELIVERIES_A_DAY = 30, 4
VIEWS_A_PERSON, VIEWS_A_SESSION = 27, 5
ZIPF = 0.8
SECONDS = 86_400 // DELIVERIES_A_DAY
ROUTES = ("/", "/search", "/item/{id}", "/item/{id}/bid", "/login", "/mypage", "/help", "/category/{id}")
BROWSERS = ("Chrome", "Safari", "Edge", "Firefox")
LANGUAGES = ("ja", "en", "zh", None)


@dataclass(frozen=True, slots=True)
class People:
    """Everybody by number: a pseudonym, those of one or two devices, and how much of the traffic is theirs so far."""

    users: pl.Series
    devices: pl.Series
    second_device: np.ndarray
    share: np.ndarray

    @property
    def count(self) -> int:
        return len(self.users)


def make_people(random: np.random.Generator, row_count: int) -> People:
    """As many people as that many rows come from."""
    count = max(row_count // VIEWS_A_PERSON, 2)
    weights = np.arange(1, count + 1) ** -ZIPF
    return People(
        users=_make_pseudonyms(random, count),
        devices=_make_pseudonyms(random, 2 * count),
        second_device=random.random(count) < 0.3,
        share=np.cumsum(weights) / weights.sum(),
    )


def _make_pseudonyms(random: np.random.Generator, count: int) -> pl.Series:
    data = random.bytes(16 * count)
    return pl.Series([data[start : start + 16] for start in range(0, len(data), 16)], dtype=pl.Binary)


def write_table(lake_directory: Path, row_count: int, seed: int = 20261122) -> People:
    """Write a table of exactly that many rows in a new lake; returns who is in it."""
    random = np.random.default_rng(seed)
    people, (lake, contract) = make_people(random, row_count), open_page_views(lake_directory)
    deliveries = DAYS * DELIVERIES_A_DAY
    for number in range(deliveries):
        count = row_count * (number + 1) // deliveries - row_count * number // deliveries
        rows = add_bucket(_make_rows(random, people, number, count), contract)
        commit_parts(lake, contract, write_parts(lake, contract, rows), f"delivery {number}")
    return people


def open_page_views(lake_directory: Path) -> tuple[Lake, Contract]:
    """The lake in a directory, and the contract of the table in it."""
    contract = load_catalogue(REPOSITORY / "data_contracts").get("lake", TABLE)
    return open_lake(str(lake_directory)), contract


def _make_rows(random: np.random.Generator, people: People, delivery: int, count: int) -> pl.DataFrame:
    views = random.poisson(VIEWS_A_SESSION - 1, count) + 1
    session = np.repeat(np.arange(count), views)[:count]
    person = np.searchsorted(people.share, random.random(count))[session]
    second = (people.second_device[person]) & (random.random(count) < 0.5)[session]
    user = people.users.gather(person).zip_with(pl.Series((random.random(count) < 0.5)[session]), _nobody(count))
    device = people.devices.gather(2 * person + second)
    day, quarter = divmod(delivery, DELIVERIES_A_DAY)
    start = datetime.combine(FIRST_DAY + timedelta(days=day), datetime.min.time(), UTC)
    seconds = np.sort(random.integers(0, SECONDS, count)) + quarter * SECONDS
    offset = pl.duration(seconds=pl.lit(pl.Series(seconds)))
    rows = pl.DataFrame({"visitor_pseudonym": device, "user_pseudonym": user, "device_pseudonym": device})
    return rows.with_columns(
        _choose(random, "route", ROUTES, count),
        _choose(random, "browser_family", BROWSERS, count),
        _choose(random, "language", LANGUAGES, count),
        pl.Series("response_bytes", random.integers(500, 90_000, count)),
        event_at=pl.lit(start) + offset,
        event_date=pl.lit(FIRST_DAY + timedelta(days=day)),
        line_number=pl.int_range(1, count + 1),
        file_id=pl.lit(f"{delivery:016x}"),
        **{name: pl.lit(value, dtype=kind) for name, (value, kind) in _constants().items()},
    )


def _constants() -> dict[str, tuple[object, pl.DataType]]:
    """What is much the same in most rows."""
    kinds = polars_schema(open_page_views(Path())[1])
    texts = {"key_id": "usage-1", "method": "GET", "page_group": "item", "referrer_channel": "internal"}
    texts |= {"referrer_source": "internal", "os_family": "iOS", "device_class": "mobile", "country": "JP"}
    values: dict[str, object] = {**texts, "is_page_view": True, "status_code": 200, "browser_major": 144}
    values |= {"os_major": 26, "utm_source": None, "utm_medium": None, "bot_family": None}
    return {name: (value, kinds[name]) for name, value in values.items()}


def _nobody(count: int) -> pl.Series:
    return pl.Series([None], dtype=pl.Binary).new_from_index(0, count)


def _choose(random: np.random.Generator, name: str, values: tuple[str | None, ...], count: int) -> pl.Series:
    return pl.Series(name, values, dtype=pl.String).gather(random.integers(0, len(values), count))
