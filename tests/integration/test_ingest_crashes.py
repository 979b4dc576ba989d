"""A crash after any side effect, then a run to the end: tables, counts and ledger as if nothing had happened."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa
from polars.testing import assert_frame_equal

from pipelines.control.ledger import account_facts, contents, deliveries, touched_dates, transaction
from pipelines.journeys.house import open_house
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.keys import make_keys
from pipelines.lake.layout import open_table
from pipelines.settings import load_settings, prepare_home

TABLES = ("page_views", "security_events", "identity_links", "rejected_lines")
DEVICE = "7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a11"
STEPS = [
    *[pytest.param("write", count, id=f"parts of table {count} written") for count in range(1, 5)],
    *[pytest.param("commit", count, id=f"table {count} committed") for count in range(1, 5)],
    pytest.param("begin_commit", 1, id="commit begun"),
    pytest.param("record_delivery", 1, id="entered in the ledger"),
    pytest.param("unlink", 1, id="landing file removed"),
    pytest.param("settle_file", 1, id="removal noted"),
]


def access_line(number, **changes):
    request = {
        "time": f"2026-11-22T10:{number:02}:00+09:00",
        "remote_addr": f"203.0.113.{number}",
        "user_id": f"u{number:09}",
        "device_id": DEVICE[:-2] + f"{number:02}",
        "request_method": "POST",
        "request_uri": "/login",
        "status": 401,
    }
    return json.dumps(request | changes)


def event_line(number):
    event = {"event": "app_open", "platform": "ios", "device_id": DEVICE[:-2] + f"{number:02}"}
    return json.dumps(
        event | {"time": "2026-11-22T10:00:00+09:00", "event_id": f"e{number}", "user_id": f"u{number:09}"}
    )


def account_line(number):
    facts = {"as_of": "2026-11-22", "user_id": f"u{number:09}", "open_listings": number, "open_trades": 0}
    return json.dumps(facts | {"last_transaction_date": None, "consent": number != 3})


def new_home(home: Path, keys: Path | None = None):
    settings = load_settings({"TOKUMEI_HOME": str(home)})
    prepare_home(settings)
    if keys is None:
        make_keys(settings)
    else:
        shutil.copytree(keys, home / "keys", dirs_exist_ok=True)
    lines = [access_line(number) for number in range(30)]
    (home / "landing/access/app.jsonl").write_text("\n".join([*lines, "torn"]))
    return settings


def ingest_all(settings):
    house = open_house(settings)
    ingest(house, find_files(house))
    return house


def read_lake(house):
    frames = {name: pl.read_delta(open_table(house.lake, house.catalogue.get("lake", name))) for name in TABLES}
    return {name: frame.sort(pl.all()) for name, frame in frames.items()}


def read_ledger(house):
    """Everything that the ledger says of files, without the moments at which it was written."""
    timeless = [column for column in deliveries.columns if column.name not in ("delivery_id", "received_at")]
    queries = [sa.select(*timeless), sa.select(contents), sa.select(touched_dates), sa.select(account_facts)]
    with transaction(house.ledger) as connection:
        return [sorted(map(tuple, connection.execute(query)), key=str) for query in queries]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    house = ingest_all(new_home(tmp_path_factory.mktemp("undisturbed")))
    lake = read_lake(house)
    assert all(frame.height for frame in lake.values())
    return house, lake, read_ledger(house)


@pytest.fixture
def crash(crash_in):
    """Ingests until a step's how-manieth time, and is killed there."""
    return lambda settings, step, count: crash_in("ingest_until.py", settings.home, step, count)


@pytest.mark.parametrize(("step", "count"), STEPS)
def test_crash_after_any_side_effect_leaves_what_an_undisturbed_run_leaves(tmp_path, crash, undisturbed, step, count):
    untouched, lake, ledger = undisturbed
    settings = new_home(tmp_path, keys=untouched.settings.keyring_file.parent)
    crash(settings, step, count)
    house = ingest_all(settings)
    for name, frame in read_lake(house).items():
        assert_frame_equal(frame, lake[name])
    assert read_ledger(house) == ledger
    assert find_files(house) == ()


@pytest.mark.parametrize(
    ("step", "count", "grown_name"),
    [
        ("begin_commit", 1, "app.jsonl"),
        ("commit", 1, "app.jsonl"),
        ("commit", 3, "app.1.jsonl"),
        ("commit", 4, "app.jsonl"),
        ("record_delivery", 1, "app.1.jsonl"),
    ],
)
def test_crash_doubles_and_loses_no_line_of_a_file_that_grew_since(tmp_path, crash, step, count, grown_name):
    settings = new_home(tmp_path)
    landed = settings.landing / "access/app.jsonl"
    before = landed.read_bytes()
    crash(settings, step, count)
    landed.unlink(missing_ok=True)
    more = "\n".join(access_line(number) for number in range(30, 40)).encode()
    (settings.landing / "access" / grown_name).write_bytes(before + b" line\n" + more)
    house = ingest_all(settings)
    tables = read_lake(house)
    assert tables["page_views"]["line_number"].sort().to_list() == [*range(1, 31), *range(32, 42)]
    assert tables["security_events"].height == 40
    assert tables["rejected_lines"]["line_number"].unique().to_list() == [31]
    assert find_files(house) == ()


def test_crash_before_account_facts_are_entered_loses_none(tmp_path, crash):
    settings = new_home(tmp_path)
    (settings.landing / "access/app.jsonl").unlink()
    (settings.landing / "accounts/facts.jsonl").write_text("\n".join(account_line(number) for number in range(5)))
    crash(settings, "commit", 1)
    house = ingest_all(settings)
    facts = read_ledger(house)[-1]
    assert len(facts) == 5
    assert find_files(house) == ()


def test_crash_shows_no_half_of_a_table(tmp_path, crash):
    """Parts of every table are on disk, and nobody sees one."""
    settings = new_home(tmp_path)
    crash(settings, "write", 4)
    house = open_house(settings)
    assert list(settings.home.glob("lake/page_views/event_date=*/**/*.parquet"))
    assert [frame.height for frame in read_lake(house).values()] == [0, 0, 0, 0]
    assert len(find_files(house)) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_crash_leaves_no_event_id_that_another_file_does_not_see(tmp_path, crash, count):
    """The table that keeps event ids is committed first."""
    settings = new_home(tmp_path)
    (settings.landing / "access/app.jsonl").unlink()
    (settings.landing / "devices/app.jsonl").write_text("\n".join(event_line(number) for number in range(10)))
    crash(settings, "commit", count)
    (settings.landing / "devices/0.jsonl").write_text("\n".join(event_line(number) for number in range(5, 15)))
    house = ingest_all(settings)
    events = pl.read_delta(open_table(house.lake, house.catalogue.get("lake", "device_events")))
    assert events.height == events["event_pseudonym"].n_unique() == 15
    links = read_lake(house)["identity_links"]
    assert links.select("user_pseudonym", "purpose").is_unique().all()
    assert find_files(house) == ()
