"""Whatever is stored, an access export holds the rows that name the member, and none that could be somebody else's."""

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import load_catalogue
from pipelines.deletion.disclosure.rows import find_rows, leave_out_shared_devices
from pipelines.deletion.request import Subject
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.layout import Lake, open_lake
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
DAYS = (date(2026, 11, 20), date(2026, 11, 21))
TABLES = ("page_views", "device_events", "security_events", "survey_responses", "identity_links")
FILLERS = {"string": "text", "boolean": False, "int32": 1, "int64": 1}
PEOPLE, DEVICES = range(3), range(10, 13)


def pseudonym(number: int | None) -> bytes | None:
    return None if number is None else bytes([number]) * 16


places = st.tuples(
    st.sampled_from(TABLES),
    st.sampled_from(DAYS),
    st.one_of(st.none(), st.sampled_from(PEOPLE)),
    st.one_of(st.none(), st.sampled_from(DEVICES)),
)


def make_row(number: int, table: str, day: date, user: int | None, device: int | None) -> dict[str, object]:
    contract = CATALOGUE.get("lake", table)
    row = {column.name: FILLERS.get(column.physical_type) for column in contract.columns}
    marked = {"event_at": datetime(2026, 11, 20, tzinfo=UTC), "event_date": day, "subject_bucket": (user or 0) % 2}
    marked |= {"user_pseudonym": pseudonym(user), "device_pseudonym": pseudonym(device), "file_id": f"{number:016}"}
    return row | {name: value for name, value in marked.items() if name in row}


def store(lake: Lake, rows: list[tuple[str, dict[str, object]]]) -> None:
    for table in TABLES:
        contract, kept = CATALOGUE.get("lake", table), [row for name, row in rows if name == table]
        parts = write_parts(lake, contract, pl.DataFrame(kept, schema=polars_schema(contract)))
        commit_parts(lake, contract, parts, f"batch-{table}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stored=st.lists(places, max_size=25), closed=st.sets(st.sampled_from(DEVICES)))
def test_only_rows_of_the_member_and_of_devices_nobody_else_was_seen_with_are_told(stored, closed: set[int]):
    """closed: the devices that the links call the member's own, rightly or not."""
    rows = [(table, make_row(number, table, *rest)) for number, (table, *rest) in enumerate(stored)]
    own = tuple(pseudonym(device) for device in sorted(closed))
    purposes = ("usage", "satisfaction", "security", "membership")
    subject = Subject(dict.fromkeys(purposes, (pseudonym(0),)), dict.fromkeys(purposes, own))
    with tempfile.TemporaryDirectory() as directory:
        lake = open_lake(str(Path(directory) / "lake"))
        store(lake, rows)
        found = find_rows(lake, CATALOGUE, leave_out_shared_devices(lake, CATALOGUE, subject))
    told = {(table, mark) for table, frame in found.items() for mark in frame["file_id"]}
    shared = {row["device_pseudonym"] for _, row in rows if row.get("device_pseudonym") and is_others(row)}
    expected = {(table, row["file_id"]) for table, row in rows if is_theirs(table, row, set(own) - shared)}
    assert told == expected
    assert not [row for table, row in rows if (table, row["file_id"]) in told and is_others(row)]


def is_others(row: dict[str, object]) -> bool:
    return row["user_pseudonym"] not in (None, pseudonym(0))


def is_theirs(table: str, row: dict[str, object], own: set[bytes]) -> bool:
    if row["user_pseudonym"] == pseudonym(0):
        return True
    return (
        "device_pseudonym" in CATALOGUE.get("lake", table).subject_keys
        and row["user_pseudonym"] is None
        and row["device_pseudonym"] in own
    )
