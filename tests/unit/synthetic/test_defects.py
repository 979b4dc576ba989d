"""What real logs have: bad lines of every kind, never many; a file under two names; events that come late."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pipelines.synthetic.batches import Batch
from pipelines.synthetic.defects import spoil_lines

if TYPE_CHECKING:
    from conftest import Landing


def make_batch(name: str, count: int = 4_000) -> Batch:
    line = '{"time":"2026-11-16T10:00:00.000+09:00","locale":"ja_JP"}' if "json" in name else (
        '203.113.45.67 - - [16/Nov/2026:10:00:00 +0900] "GET / HTTP/1.1" 200 12 "-" "Mozilla/5.0 (X11)"'
    )  # fmt: skip
    return Batch(PurePosixPath(name), pl.Series([line] * count), pl.Series([], dtype=pl.String))


def test_fewer_than_one_line_in_a_hundred_is_bad_in_every_file(landing: Landing):
    for path in landing.generated.files:
        lines = landing.read_lines(path)
        bad = len(lines) - sum(1 for _ in landing.parse_file(path))
        assert bad < 0.01 * len(lines), path.name


@pytest.mark.parametrize("kind", ["accounts", "requests"])
def test_exports_of_databases_have_no_bad_line(landing: Landing, kind: str):
    for path in landing.list_files(f"{kind}/*"):
        assert len(list(landing.parse_file(path))) == len(landing.read_lines(path))


@pytest.mark.parametrize("name", ["access/edge.log", "access/app.jsonl", "devices/devices.jsonl"])
def test_bad_lines_are_added_and_no_good_line_is_lost(name: str):
    batch = make_batch(name)
    spoiled = spoil_lines(batch, seed=1)

    good = batch.lines[0]
    assert spoiled.count(good) == len(batch.lines)
    assert 0 < len(spoiled) - len(batch.lines) < 0.005 * len(spoiled)


def test_combined_logs_get_every_kind_of_bad_line():
    good = make_batch("access/edge.log").lines[0]
    bad = [line for line in spoil_lines(make_batch("access/edge.log"), seed=1) if line != good]

    assert "" in bad
    assert any("\udcff" in line for line in bad)
    assert any("[31/Feb/2026:" in line for line in bad)
    assert any(line.count("+0900") == 2 for line in bad)
    assert any(line and "GET" not in line for line in bad)
    assert any(good.startswith(line) for line in bad if line)


def test_json_logs_get_every_kind_of_bad_line():
    good = make_batch("access/app.jsonl").lines[0]
    bad = [line for line in spoil_lines(make_batch("access/app.jsonl"), seed=1) if line != good]
    shaped = [line for line in bad if line and "\udcff" not in line and can_parse(line)]

    assert "" in bad
    assert any("\udcff" in line for line in bad)
    assert any("T25:61" in line for line in bad)
    assert any(line.count("{") == 2 for line in bad)
    assert any(good.startswith(line) for line in bad if line)
    assert any(json.loads(line) != json.loads(good) for line in shaped)


def can_parse(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("count", [0, 1, 20, 120])
def test_a_file_too_small_to_bear_a_bad_line_gets_none(count: int):
    batch = make_batch("access/edge.log", count)

    assert all(spoil_lines(batch, seed) == batch.lines.to_list() for seed in range(20))


def test_invalid_bytes_reach_the_disk(landing: Landing):
    with pytest.raises(UnicodeDecodeError):
        b"".join(landing.read_bytes(path) for path in landing.list_files("access/*")).decode()


def test_one_file_arrives_twice_under_two_names(landing: Landing):
    (resent,) = landing.list_files("access/*resent*")
    original = resent.with_name(resent.name.replace("-resent.log.gz", ".log"))

    assert gzip.decompress(resent.read_bytes()) == original.read_bytes()


def test_late_access_lines_are_of_the_day_before_their_file(landing: Landing):
    (late, *_) = landing.list_files("access/*late*")
    days = {str(record["time"])[:10] for record in landing.parse_file(late)}

    assert late.name == "app-20261117-late.jsonl"
    assert days == {"2026-11-16"}


def test_late_access_lines_are_missing_from_the_file_of_their_day(landing: Landing):
    on_time = {
        str(record["device_id"]) + str(record["time"]) for record in landing.read_records("access/app-20261116.jsonl")
    }
    late = {
        str(record["device_id"]) + str(record["time"])
        for record in landing.read_records("access/app-20261117-late.jsonl")
    }

    assert late
    assert not on_time & late


def test_devices_that_were_offline_report_the_next_day(landing: Landing):
    late = [
        record
        for number in range(1, 4)
        for record in landing.read_records(f"devices/devices-2026111{6 + number}.jsonl")
        if date.fromisoformat(str(record["time"])[:10]) < date(2026, 11, 16 + number)
    ]

    assert late
