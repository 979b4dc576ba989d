"""An attacker with every published figure, by integer programs: no withheld cell is told, by one build or by two.

Marts have nothing in common but totals and people, so that each is attacked by itself, with the totals of its periods.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Catalogue, Contract, load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.build import build_warehouse
from pipelines.warehouse.cells import MERGED, blur_of, group_columns
from pipelines.warehouse.extract import read_mart
from pipelines.warehouse.relations import LEDGER_SCHEMAS
from tests.property.linear_attack import Attacker, Cell, Range, Told

pytestmark = pytest.mark.slow

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
LAKE = CATALOGUE.layer("lake")
MARTS = [contract for contract in CATALOGUE.layer("marts") if contract.cells]
MONDAY = date(2026, 11, 2)
DAYS = [MONDAY + timedelta(days=number) for number in range(12)]
ENVIRONMENTS = [
    ("desktop", "Chrome", 144, "Windows", None, "ja"),
    ("mobile", "Safari", 26, "iOS", 26, "ja"),
    ("mobile", "Chrome", 144, "Android", None, "ja"),
    ("desktop", "Firefox", 145, "Linux", None, "en"),
    ("tablet", "Safari", 26, "iPadOS", 26, "en"),
    ("desktop", "Edge", 144, "Windows", None, "zh"),
    ("feature_phone", "NetFront", None, "unknown", None, "ja"),
]
ONE_MISSING = [*ENVIRONMENTS[:1] * 30, *ENVIRONMENTS[1:2] * 9, *ENVIRONMENTS[2:3] * 5, *ENVIRONMENTS[3:4] * 4]
PAGES = [("home", "/"), ("search", "/search"), ("item", "/item/{id}"), ("help", "/help"), ("legal", "/terms")]
SOURCES = [("direct", None), ("search", "Google"), ("social", "X"), ("internal", None)]
Row = dict[str, object]
Change = Callable[[Contract], Contract]
Group = tuple[object, ...]
UNKNOWN = (0, 10_000)


def keep(contract: Contract) -> Contract:
    return contract


def leave_exact(contract: Contract) -> Contract:
    return replace(contract, columns=tuple(replace(column, round_to=None) for column in contract.columns))


def leave_apart(contract: Contract) -> Contract:
    return replace(contract, properties={**contract.properties, "minimumPeople": 0})


def tell_all(contract: Contract) -> Contract:
    return leave_exact(leave_apart(contract))


def view(random: Random, day: date, person: int, environment: tuple[object, ...]) -> Row:
    names = ("device_class", "browser_family", "browser_major", "os_family", "os_major", "language")
    group, route = random.choice(PAGES)
    channel, source = random.choice(SOURCES)
    return {
        **dict(zip(names, environment, strict=True)),
        "event_at": datetime(day.year, day.month, day.day, 3, tzinfo=UTC) + timedelta(minutes=random.randrange(300)),
        "event_date": day,
        "visitor_pseudonym": person.to_bytes(16, "big"),
        "key_id": "usage-1",
        "is_page_view": True,
        "page_group": group,
        "route": route,
        "referrer_channel": channel,
        "referrer_source": source,
        "status_code": 200,
        "response_bytes": 100,
    }


def day_of_views(random: Random, day: date) -> Iterator[Row]:
    """Up to eighty people, most of whom use the same few things; some use two, some view many pages.

    On every third day one cell has one person too few to be shown.
    """
    if day.day % 3 == 0:
        yield from (view(random, day, person, used) for person, used in enumerate(ONE_MISSING))
        return
    weights = [random.choice([0, 1, 3, 20]) for _ in ENVIRONMENTS[1:]]
    for person in range(random.choice([4, 15, 40, 80, 80, 80])):
        used = random.choices(ENVIRONMENTS, [20, *weights], k=random.choice([1, 1, 1, 2]))
        for environment in used:
            for _ in range(random.choice([1, 1, 2, 5])):
                yield view(random, day, person + 1000, environment)


def answers(random: Random) -> Iterator[Row]:
    for day in DAYS:
        for person in range(random.choice([5, 12, 30])):
            scores = {"csat": random.randint(1, 5), "nps": random.randint(0, 10), "ces": random.randint(1, 7)}
            segment = random.choices(["buyer", "seller", "both", "new"], [20, 10, 3, 1])[0]
            keys: Row = {"event_date": day, "user_pseudonym": (day.day * 100 + person).to_bytes(16, "big")}
            yield {**keys, **scores, "survey_id": "after_sale", "segment": segment, "key_id": "survey-1"}


@cache
def events(late: int = 0) -> dict[str, pl.DataFrame]:
    """A month of service, and on each day one late page view by each of some people who were not there before."""
    random = Random(20261102)
    views = [row for day in DAYS for row in day_of_views(random, day)]
    new = [
        view(random, day, 5000 + number, ENVIRONMENTS[(day.day % 3 == 0) + number % 2])
        for day in DAYS
        for number in range(late)
    ]
    rows = {"page_views": views + new, "survey_responses": list(answers(Random(5)))}
    return {f"lake.{name}": pl.DataFrame(found, schema=schema_of(name)) for name, found in rows.items()}


def schema_of(table: str) -> dict[str, pl.DataType]:
    return dict(polars_schema(CATALOGUE.get("lake", table)))


@cache
def publish(change: Change, late: int = 0) -> dict[str, pl.DataFrame]:
    """Every mart of one build, those with cells changed."""
    contracts = [change(contract) if contract in MARTS else contract for contract in CATALOGUE.contracts]
    inputs = {f"lake.{table.name}": [] for table in LAKE} | {name: [] for name in LEDGER_SCHEMAS} | events(late)
    with TemporaryDirectory() as directory:
        built = build_warehouse(
            *(Path(directory), Catalogue(tuple(contracts)), SETTINGS.sql, inputs, None),
            timezone="Asia/Tokyo",
            memory_limit="500MB",
            built_at=datetime(2026, 12, 24, tzinfo=UTC),
        )
        return {mart.name: read_mart(built.path, mart.name) for mart in CATALOGUE.layer("marts")}


def totals_of(mart: Contract) -> Contract | None:
    """The mart of one row for each period of another that tells most of the same figures."""
    wanted = {str(mart.properties["peopleColumn"]), events_of(mart)}
    key = sorted(group_columns(mart))
    found = [each for each in CATALOGUE.layer("marts") if sorted(each.properties["primaryKey"]) == key]
    return max(found, key=lambda each: len(wanted & {column.name for column in each.columns}), default=None)


def events_of(mart: Contract) -> str:
    """What each of a cell's people has at least one of, and what adds up over cells."""
    names = {column.name for column in mart.columns}
    return next(name for name in ("visits", "page_views", "response_count") if name in names)


def moves_events(mart: Contract) -> bool:
    """A late page view may put a whole visit under another label, and a visit counts on the day on which it starts."""
    return events_of(mart) == "visits"


def range_of(contract: Contract, row: Row, name: str, step: int | None = None) -> Range:
    """What a figure can have been before it was rounded; step: that of rounding to the nearest."""
    if name not in row:
        return UNKNOWN
    figure = row[name]
    rounded = int(contract.column(name).round_to or 1)
    off = step // 2 if step else rounded - 1 if contract.cells else rounded // 2
    return max(figure - off, 0), figure + off


def tell(mart: Contract, tables: dict[str, pl.DataFrame], step: int | None = None) -> dict[Group, Told]:
    """What one build tells of each period of one mart."""
    group, counted = group_columns(mart), (str(mart.properties["peopleColumn"]), events_of(mart))
    shown: dict[Group, dict[Cell, tuple[Range, Range]]] = {}
    for row in tables[mart.name].iter_rows(named=True):
        (low, high), weight = (range_of(mart, row, name, step) for name in counted)
        cell = tuple(row[name] for name in mart.cells.dimensions)
        shown.setdefault(tuple(row[name] for name in group), {})[cell] = (max(low, mart.minimum_people), high), weight
    totals = tell_totals(mart, tables)
    merged = (MERGED,) * len(mart.cells.dimensions)
    return {
        key: Told(
            mart.minimum_people,
            blur_of(mart),
            *totals.get(key, (UNKNOWN, UNKNOWN)),
            shown={cell: figures for cell, figures in shown.get(key, {}).items() if cell != merged},
            merged=shown.get(key, {}).get(merged),
        )
        for key in totals.keys() | shown.keys()
    }


def tell_totals(mart: Contract, tables: dict[str, pl.DataFrame]) -> dict[Group, tuple[Range, Range]]:
    """People and events of each period, all cells together."""
    if (totals := totals_of(mart)) is None:
        return {}
    names = (str(mart.properties["peopleColumn"]), events_of(mart))
    found = {}
    for row in tables[totals.name].iter_rows(named=True):
        people, weight = (range_of(totals, row, name) for name in names)
        key = tuple(row[name] for name in group_columns(mart))
        found[key] = (0 if moves_events(mart) else people[0], people[1]), weight
    return found


def truth_of(mart: Contract, late: int = 0) -> dict[Group, dict[Cell, int]]:
    people = str(mart.properties["peopleColumn"])
    found: dict[Group, dict[Cell, int]] = {}
    for row in publish(tell_all, late)[mart.name].iter_rows(named=True):
        cell = tuple(row[name] for name in mart.cells.dimensions)
        found.setdefault(tuple(row[name] for name in group_columns(mart)), {})[cell] = row[people]
    return found


def labels_of(mart: Contract) -> list[Cell]:
    """Every label that occurs on some day, which the attacker knows."""
    return sorted({cell for cells in truth_of(mart, late=1).values() for cell in cells})


def is_recovered(told: Range, minimum: int) -> bool:
    """Known to within one person, or to be of somebody and of too few."""
    return told[1] - told[0] <= 1 or (told[0] >= 1 and told[1] < minimum)


def attack_build(mart: Contract, change: Change) -> tuple[list[bool], list[bool]]:
    """Whether each cell was recovered: those withheld, and those shown beside others."""
    labels, minimum = labels_of(mart), mart.minimum_people
    withheld, shown = [], []
    for key, told in tell(change(mart), publish(change)).items():
        attacker = Attacker(labels)
        attacker.learn(told)
        for cell, people in truth_of(mart).get(key, {}).items():
            low, high = attacker.find_people(cell)
            assert low <= people <= high
            if people < minimum or cell not in told.shown:
                withheld.append(is_recovered((low, high), minimum))
            elif len(told.shown) + (told.merged is not None) > 1:
                shown.append(is_recovered((low, high), minimum))
    return withheld, shown


def attack_late(mart: Contract, change: Change, late: int, step: int | None = None) -> list[bool]:
    """Whether each day's late people were found in a cell, or a cell's people counted, by what changed."""
    labels = labels_of(mart)
    before, after = (tell(change(mart), round_all(mart, publish(change, each), step), step) for each in (0, late))
    found = []
    for key in before.keys() & after.keys():
        attacker = Attacker(labels)
        attacker.learn(before[key])
        attacker.learn(after[key])
        counted = [attacker.find_people(cell, build) for build in (0, 1) for cell in (before, after)[build][key].shown]
        came = [attacker.find_late(cell)[0] >= 1 for cell in labels]
        found.append(any(came) or any(is_recovered(each, mart.minimum_people) for each in counted))
    return found


def round_all(mart: Contract, tables: dict[str, pl.DataFrame], step: int | None) -> dict[str, pl.DataFrame]:
    """Exact cells to the nearest step, as it was done before."""
    if step is None:
        return tables
    figures = pl.col(str(mart.properties["peopleColumn"]), events_of(mart))
    return tables | {mart.name: tables[mart.name].with_columns((figures + step // 2) // step * step)}


every_mart = pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)
marts_of_events = pytest.mark.parametrize(
    "mart", [mart for mart in MARTS if events_of(mart) == "page_views"], ids=lambda mart: mart.name
)


@every_mart
def test_no_withheld_cell_is_recovered_from_one_build(mart: Contract):
    withheld, shown = attack_build(mart, keep)
    assert withheld
    assert not any(withheld)
    assert not any(shown)


@every_mart
def test_cells_that_are_not_merged_are_recovered(mart: Contract):
    withheld, _ = attack_build(mart, leave_apart)
    assert sum(withheld) > 0.3 * len(withheld)


@marts_of_events
@pytest.mark.parametrize("late", [1, 3])
def test_late_events_are_not_found_in_what_two_builds_differ_in(mart: Contract, late: int):
    found = attack_late(mart, keep, late)
    assert found
    assert not any(found)


@marts_of_events
def test_late_event_is_found_in_exact_cells(mart: Contract):
    found = attack_late(mart, leave_exact, late=1)
    assert sum(found) > 0.5 * len(found)


@marts_of_events
def test_late_event_is_found_in_cells_rounded_to_the_nearest(mart: Contract):
    """While the totals are exact: when they grow by one and one cell by a step, the late event is in it."""
    assert any(attack_late(mart, leave_exact, late=1, step=5))
