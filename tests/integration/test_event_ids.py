"""Lines that come again in another file are known by their event id, where the source's contract names one."""

import json
import shutil
from dataclasses import replace
from uuid import uuid4

import polars as pl
import pytest

from pipelines.control.deliveries import LineCounts
from pipelines.control.ledger import open_ledger
from pipelines.journeys import ingest as journey
from pipelines.journeys import stage as staging
from pipelines.journeys.house import open_house
from pipelines.journeys.ingest import find_files, ingest, ingest_file
from pipelines.journeys.keys import make_keys, rotate_key
from pipelines.lake.layout import open_table
from pipelines.proof.scan import scan
from pipelines.settings import load_settings, prepare_home

IDS = [str(uuid4()) for _ in range(50)]
DEVICE = "7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a"


@pytest.fixture(scope="module")
def new_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("new") / "home"
    settings = load_settings({"TOKUMEI_HOME": str(home)})
    prepare_home(settings)
    make_keys(settings)
    return home


@pytest.fixture
def house(tmp_path, new_home):
    shutil.copytree(new_home, tmp_path / "home")
    return open_house(load_settings({"TOKUMEI_HOME": str(tmp_path / "home")}))


def event(number, *, has_id=True, day="22"):
    common = {"event": "app_open", "platform": "ios", "time": f"2026-11-{day}T10:{number:02}:00+09:00"}
    return common | {"device_id": f"{DEVICE}{number:02}", "event_id": IDS[number] if has_id else None}


def deliver(house, name, events):
    path = house.settings.landing / "devices" / name
    path.write_text("".join(json.dumps(each) + "\n" for each in events))


def take_in(house):
    return [delivery.counts for delivery in ingest(house, find_files(house))]


def read(house, table="device_events"):
    return pl.read_delta(open_table(house.lake, house.catalogue.get("lake", table)))


def test_overlapping_delivery_brings_only_what_is_new(house):
    deliver(house, "a.jsonl", [event(number) for number in range(10)])
    deliver(house, "b.jsonl", [event(number) for number in range(5, 15)])
    assert take_in(house) == [LineCounts(read=10, accepted=10), LineCounts(read=10, accepted=5, duplicate=5)]
    assert read(house)["event_pseudonym"].n_unique() == read(house).height == 15


def test_event_that_comes_twice_in_a_file_counts_once_and_one_without_id_always(house, monkeypatch):
    nameless = event(9, has_id=False)
    deliver(house, "a.jsonl", [event(1), nameless, event(2), event(1), nameless])
    assert take_in(house) == [LineCounts(read=5, accepted=4, duplicate=1)]
    assert read(house)["line_number"].sort().to_list() == [1, 2, 3, 5]


def test_cut_copy_of_a_committed_file_brings_nothing(house):
    events = [event(number) for number in range(10)]
    for name, delivered in (("a.jsonl", events), ("b.jsonl", events[:4])):
        deliver(house, name, delivered)
    assert take_in(house)[1] == LineCounts(read=4, duplicate=4)


def test_event_is_known_under_every_live_key(house):
    deliver(house, "a.jsonl", [event(1)])
    take_in(house)
    rotate_key(house.settings, "usage")
    deliver(house, "b.jsonl", [event(1), event(2)])
    assert take_in(house) == [LineCounts(read=2, accepted=1, duplicate=1)]


def test_event_that_another_run_stores_meanwhile_counts_once(house, monkeypatch):
    """The second to commit notices, whatever it saw while it read."""
    deliver(house, "a.jsonl", [event(number) for number in range(10)])
    deliver(house, "b.jsonl", [event(number) for number in range(5, 15)])
    first, second = find_files(house)
    stage_file, others = staging._stage_file, [second]
    rival = replace(house, ledger=open_ledger(house.settings.control_url))

    def stage_while_another_runs(*arguments):
        stage = stage_file(*arguments)
        if others:
            ingest_file(rival, others.pop())
        return stage

    monkeypatch.setattr(staging, "_stage_file", stage_while_another_runs)
    assert ingest_file(house, first).counts == LineCounts(read=10, accepted=5, duplicate=5)
    assert read(house).height == 15
    assert len(list((house.settings.home / "lake/device_events").rglob("part-*.parquet"))) == len(
        open_table(house.lake, house.catalogue.get("lake", "device_events")).file_uris()
    )
    rival.ledger.dispose()


def test_file_does_not_take_its_own_events_for_known_after_a_crash(house, monkeypatch):
    deliver(house, "a.jsonl", [event(number) for number in range(10)])
    deliver(house, "b.jsonl", [event(number) for number in range(5, 15)])
    first, second = find_files(house)

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(journey, "record_delivery", die)
        with pytest.raises(KeyboardInterrupt):
            ingest_file(house, first)
    assert ingest_file(house, second).counts == LineCounts(read=10, accepted=5, duplicate=5)
    assert ingest_file(house, first).counts == LineCounts(read=10, accepted=10)
    assert read(house).height == 15


def test_no_raw_event_id_is_stored(house):
    deliver(house, "a.jsonl", [event(number) for number in range(20)])
    take_in(house)
    assert read(house).height == 20
    assert scan([house.settings.home], IDS).findings == ()


def test_events_of_different_days_do_not_meet(house):
    """An event that is sent again carries its own time, so only its own day is looked at."""
    deliver(house, "a.jsonl", [event(1)])
    deliver(house, "b.jsonl", [event(2, day="21")])
    assert [counts.accepted for counts in take_in(house)] == [1, 1]
