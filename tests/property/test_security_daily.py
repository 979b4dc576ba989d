"""security_daily against counting client by client in plain Python, on any days of events and any restrictions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from statistics import mean, median

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.settings import load_settings
from pipelines.warehouse.engine import open_engine
from pipelines.warehouse.marts import select_mart
from pipelines.warehouse.people import create_people
from pipelines.warehouse.relations import create_relations
from pipelines.warehouse.statements import read_query

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
MART = CATALOGUE.get("marts", "security_daily")
EVENTS = polars_schema(CATALOGUE.get("lake", "security_events"))
DAYS = (date(2026, 11, 2), date(2026, 11, 3))
Row = dict[str, object]


def name(kind: str) -> st.SearchStrategy[bytes | None]:
    return st.none() | st.integers(0, 4).map(lambda number: f"{kind}{number}".encode())


EVENT = st.fixed_dictionaries(
    {
        "event_date": st.sampled_from(DAYS),
        "key_id": st.sampled_from(["security-1"] * 9 + ["security-2"]),
        "user_pseudonym": name("user"),
        "device_pseudonym": name("device"),
        "address_pseudonym": name("address"),
        "network_pseudonym": name("network"),
        "is_login_failure": st.booleans(),
        "is_datacentre": st.none() | st.booleans(),
        "bot_family": st.none() | st.just("seo"),
    }
)
RESTRICTED = st.sets(st.tuples(st.sampled_from(["usage", "security"]), st.sampled_from([b"user1", b"device2"])))


def build(rows: Sequence[Row], restricted: set[tuple[str, bytes]], minimum_people: int) -> list[Row]:
    at = {"event_at": datetime(2026, 11, 2, tzinfo=UTC)}
    frame = pl.DataFrame([row | at for row in rows], schema=EVENTS)
    schema = {"purpose": pl.String(), "pseudonym": pl.Binary()}
    left_out = pl.DataFrame(sorted(restricted), schema=schema, orient="row")
    with open_engine(options={}) as engine:
        create_relations(engine, CATALOGUE, {"lake.security_events": frame, "control.restrictions": left_out})
        create_people(engine, SETTINGS.sql)
        return select_mart(engine, MART, read_query(SETTINGS.sql, MART.name), DAYS, minimum_people).pl().to_dicts()


def find_percentile(values: Sequence[int]) -> int | None:
    """The smallest value that 99 % do not exceed, found by trying each."""
    return next((each for each in sorted(values) if 100 * sum(v <= each for v in values) >= 99 * len(values)), None)


def count_per(pairs: set[tuple[object, object]]) -> list[int]:
    found = defaultdict[object, int](int)
    for one, _ in pairs:
        found[one] += 1
    return list(found.values())


def count_day(rows: Sequence[Row], day: date, minimum_people: int) -> Row:
    today = [row for row in rows if row["event_date"] == day]
    if len({row["key_id"] for row in today}) > 1:
        distinct: Mapping[str, object] = {}
    else:
        distinct = count_distinct(today, minimum_people)
    known = [row["is_datacentre"] for row in today if row["is_datacentre"] is not None]
    return {column.name: distinct.get(column.name) for column in MART.columns} | {
        "event_date": day,
        "event_count": len(today),
        "bot_event_count": sum(row["bot_family"] is not None for row in today),
        "login_failure_count": sum(bool(row["is_login_failure"]) for row in today),
        "datacentre_share": pytest.approx(sum(known) / len(known)) if known else None,
    }


def count_distinct(today: Sequence[Row], minimum_people: int) -> Row:
    clients = [row["device_pseudonym"] or row["user_pseudonym"] or row["address_pseudonym"] for row in today]
    per_client = [clients.count(client) for client in set(clients) - {None}]
    used = [(row["user_pseudonym"], row["device_pseudonym"]) for row in today]
    pairs = {(user, device) for user, device in used if user and device}
    devices, accounts = count_per(pairs), count_per({(device, user) for user, device in pairs})
    refused = [row for row in today if row["is_login_failure"]]

    def tell(value: object, of: Sequence[int], times: int = 1) -> object:
        return value if len(of) >= max(times * minimum_people, 1) else None

    return {
        "accounts_with_login_failures": len({row["user_pseudonym"] for row in refused} - {None}),
        "accounts": len({row["user_pseudonym"] for row in today} - {None}),
        "clients": len(per_client),
        "median_events_per_client": tell(per_client and median(per_client), per_client),
        "p99_events_per_client": tell(find_percentile(per_client), per_client, 100),
        "mean_devices_per_account": tell(devices and pytest.approx(mean(devices)), devices),
        "p99_devices_per_account": tell(find_percentile(devices), devices, 100),
        "p99_accounts_per_device": tell(find_percentile(accounts), accounts, 100),
        "addresses": len({row["address_pseudonym"] for row in today} - {None}),
        "networks": len({row["network_pseudonym"] for row in today} - {None}),
    }


def leave_out(rows: Sequence[Row], restricted: set[tuple[str, bytes]]) -> list[Row]:
    hidden = {pseudonym for purpose, pseudonym in restricted if purpose == "security"}
    return [row for row in rows if (row["user_pseudonym"] or row["device_pseudonym"]) not in hidden]


@pytest.mark.slow
@given(st.lists(EVENT, max_size=40), RESTRICTED, st.sampled_from([0, 1, 2, 4]))
@settings(max_examples=60, deadline=None)
def test_figures_are_those_of_counting_client_by_client(rows, restricted, minimum_people):
    left = leave_out(rows, restricted)
    days = sorted({row["event_date"] for row in left})
    assert build(rows, restricted, minimum_people) == [count_day(left, day, minimum_people) for day in days]


@pytest.mark.parametrize(("count", "is_told"), [(199, False), (200, True), (250, True)])
def test_ninety_ninth_percentile_is_told_when_enough_people_lie_beyond_it(count: int, *, is_told: bool):
    rows: list[Row] = []
    for number in range(count):
        who = {kind: f"{kind}{number}".encode() for kind in ("user_pseudonym", "device_pseudonym")}
        event = {"event_date": DAYS[0], "key_id": "security-1", "is_login_failure": False, "bot_family": None, **who}
        rows += [event | {"address_pseudonym": None, "network_pseudonym": None, "is_datacentre": None}] * (
            number % 7 + 1
        )
    day = build(rows, set(), 2)[0]
    assert day == count_day(rows, DAYS[0], 2)
    assert (day["p99_events_per_client"] is not None) is is_told
    assert (day["p99_accounts_per_device"] is not None) is is_told
