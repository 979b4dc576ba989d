"""A crash after any side effect of a replay, then another one: every line is taken in once, and none is lost."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipelines.control.deliveries import file_accounts
from pipelines.journeys.house import open_house
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.keys import make_keys
from pipelines.journeys.replay import replay_rejected
from pipelines.lake.layout import open_table
from pipelines.settings import REPOSITORY, load_settings, prepare_home

TABLES = ("page_views", "security_events", "identity_links", "rejected_lines", "quarantined_lines")
DEVICE = "7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a11"
POINTS = [
    pytest.param(("replace_rows", 1), id="claimed"),
    pytest.param(("write", 1), id="parts of table 1 written", marks=pytest.mark.slow),
    pytest.param(("commit", 1), id="table 1 committed"),
    pytest.param(("commit", 2), id="table 2 committed", marks=pytest.mark.slow),
    pytest.param(("commit", 3), id="table 3 committed", marks=pytest.mark.slow),
    pytest.param(("record_delivery", 1), id="entered in the ledger"),
    pytest.param(("replace_rows", 2), id="let go", marks=pytest.mark.slow),
    pytest.param(("purge_table", 1), id="purged", marks=pytest.mark.slow),
]


def write_contracts(directory: Path, time_key: str) -> Path:
    shutil.copytree(REPOSITORY / "data_contracts", directory)
    path = directory / "sources" / "access.odcs.yaml"
    limit = "- {property: maximumRejectPercent, value: 5}\n"
    asked = f"{limit.replace('5', '90')}      - {{property: quarantine, value: {{days: 7}}}}\n"
    path.write_text(
        path.read_text().replace("physicalName: time\n", f"physicalName: {time_key}\n").replace(limit, asked)
    )
    return directory


@pytest.fixture(scope="module")
def contracts(tmp_path_factory):
    root = tmp_path_factory.mktemp("contracts")
    return write_contracts(root / "before", "time"), write_contracts(root / "after", "at")


def open_at(home: Path, contracts: Path):
    return open_house(load_settings({"TOKUMEI_HOME": str(home), "TOKUMEI_CONTRACTS": str(contracts)}))


def visit(number, clock):
    request = {
        clock: f"2026-11-22T10:{number:02}:00+09:00",
        "remote_addr": f"203.0.113.{number}",
        "user_id": f"u{number:09}",
        "device_id": DEVICE[:-2] + f"{number:02}",
        "request_method": "POST",
        "request_uri": "/login",
        "status": 401,
    }
    return json.dumps(request)


@pytest.fixture(scope="module")
def founded(tmp_path_factory, contracts):
    """A home with two files taken in whose every third line has its clock under another key, or is none."""
    home = tmp_path_factory.mktemp("founded") / "home"
    settings = load_settings({"TOKUMEI_HOME": str(home)})
    prepare_home(settings)
    make_keys(settings)
    for first in (0, 20):
        lines = [visit(number, "at" if number % 3 else "time") for number in range(first, first + 20)]
        (settings.landing / "access" / f"{first}.jsonl").write_text("\n".join([*lines, "torn"]))
    house = open_at(home, contracts[0])
    ingest(house, find_files(house))
    house.ledger.dispose()
    return home


def read_lake(house):
    frames = {name: pl.read_delta(open_table(house.lake, house.catalogue.get("lake", name))) for name in TABLES}
    return {name: frame.drop("replay_id", "sealed_line", strict=False).sort(pl.all()) for name, frame in frames.items()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, founded, contracts):
    home = Path(shutil.copytree(founded, tmp_path_factory.mktemp("undisturbed") / "home"))
    house = open_at(home, contracts[1])
    (replayed,) = replay_rejected(house)
    assert (replayed.counts.read, replayed.counts.accepted) == (26, 26)
    lake = read_lake(house)
    assert (lake["page_views"].height, lake["quarantined_lines"].height) == (40, 2)
    return lake, file_accounts(house.ledger)


@pytest.fixture
def crash(tmp_path, crash_in, founded, contracts):
    """Replays until a point in a copy of the home, and is killed there; returns the home."""

    def crash_at(point: tuple[str, int]) -> Path:
        home = Path(shutil.copytree(founded, tmp_path / "home"))
        crash_in("replay_until.py", home, *point, contracts=str(contracts[1]))
        return home

    return crash_at


def land_more(house):
    """Another file comes between the crash and the next replay; a line of it is to be replayed too."""
    lines = [visit(50, "at"), visit(51, "time"), visit(52, "at")]
    (house.settings.landing / "access" / "more.jsonl").write_text("\n".join(lines))
    ingest(house, find_files(house))


@pytest.mark.parametrize("point", POINTS)
def test_crash_after_any_side_effect_takes_every_line_in_once(crash, contracts, undisturbed, point):
    lake, accounts = undisturbed
    house = open_at(crash(point), contracts[1])
    replay_rejected(house)
    for name, frame in read_lake(house).items():
        assert_frame_equal(frame, lake[name])
    assert_frame_equal(file_accounts(house.ledger), accounts)
    assert replay_rejected(house) == ()


@pytest.mark.parametrize("point", [("commit", 1)], ids=str)
def test_lines_that_come_after_the_crash_change_nothing_for_those_before(crash, contracts, point):
    home = crash(point)
    land_more(open_at(home, contracts[0]))
    house = open_at(home, contracts[1])
    assert sorted(delivery.counts.accepted for delivery in replay_rejected(house)) == [2, 26]
    views = read_lake(house)["page_views"]
    assert (views.height, views.select("file_id", "line_number").is_duplicated().any()) == (43, False)
