"""Files that arrive are taken in by themselves, figures go out as metrics, and a backfill builds dates anew."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.embedded.airflow import EmbeddedAirflow
from pipelines.embedded.environment import AirflowConfig, configure, process_environment
from pipelines.journeys.house import House, open_house
from pipelines.journeys.keys import make_keys
from pipelines.lake.append import commit_parts, write_parts
from pipelines.lake.layout import open_table
from pipelines.settings import load_settings, prepare_home
from pipelines.warehouse.query import run_query
from tests.end_to_end.ports import two_free_ports

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

MEMBER = "u873659021"
DAYS = ("2026-11-18", "2026-11-19", "2026-11-20")
SECONDS_TO_WATCH = 60  # until the dag processor has read an unpaused DAG again, on a busy machine
SECONDS_TO_NOTICE = 20  # two looks, two seconds apart, and a scheduler's round on a busy machine


@dataclass(frozen=True, slots=True)
class Watched:
    """A running Airflow that watches an empty landing, and whoever hears its metrics."""

    airflow: EmbeddedAirflow
    house: House
    listener: socket.socket


def visit(day: str, minute: int) -> str:
    request = {"request_method": "GET", "request_uri": "/", "status": 200, "user_id": MEMBER}
    return json.dumps({"time": f"{day}T10:{minute:02}:00+09:00", "remote_addr": "203.0.113.7", **request})


def land(house: House, name: str, lines: list[str]) -> None:
    """As a careful sender does: written under a hidden name first, then moved."""
    place = house.settings.landing / "access" / name
    hidden = place.with_name(f".{name}")
    hidden.write_text("".join(f"{line}\n" for line in lines))
    hidden.rename(place)


def wait_for(condition: Callable[[], object], seconds: float) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        time.sleep(0.2)
    return time.monotonic() - started


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    root = tmp_path_factory.mktemp("watched")
    settings = load_settings({"TOKUMEI_HOME": str(root / "home"), "TOKUMEI_AIRFLOW_PORT": str(two_free_ports())})
    prepare_home(settings)
    make_keys(settings)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.5)
        with EmbeddedAirflow(_with_metrics(configure(settings), listener.getsockname()[1])) as airflow:
            airflow.unpause(["build_marts", "ingest_logs"])
            _wait_until_watched(airflow)
            yield Watched(airflow, open_house(settings), listener)


def _with_metrics(config: AirflowConfig, port: int) -> AirflowConfig:
    metrics = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(port)}
    metrics |= {"METRICS_ALLOW_LIST": "tokumei"}
    settings = {f"AIRFLOW__METRICS__{name}": value for name, value in metrics.items()}
    return replace(config, environment={**config.environment, **settings})


def _wait_until_watched(airflow: EmbeddedAirflow) -> None:
    log = airflow.config.home / "logs" / "components" / "triggerer.log"
    wait_for(lambda: "trigger ID 1 starting" in log.read_text(errors="replace"), SECONDS_TO_WATCH)


def hear(listener: socket.socket) -> set[str]:
    """Every metric that has come so far, without the figures of timers."""
    heard = set()
    while True:
        try:
            packet = listener.recv(65536).decode()
        except TimeoutError:
            return heard
        heard |= {line.partition(":")[0] if line.endswith("|ms") else line for line in packet.splitlines()}


def test_file_that_arrives_is_taken_in_within_seconds_and_no_trace_of_its_name_stays(watched: Watched):
    home, since = watched.airflow.config.home, datetime.now(UTC)
    land(watched.house, f"export-of-{MEMBER}.jsonl", [visit(day, minute) for day in DAYS for minute in range(5)])
    noticed = wait_for(lambda: watched.airflow.client().runs("ingest_logs"), SECONDS_TO_NOTICE)
    ingested = watched.airflow.wait_for_asset_run("ingest_logs", since, timeout=120)
    assert ingested.succeeded
    assert watched.airflow.wait_for_asset_run("build_marts", since, timeout=120).succeeded
    assert list((watched.house.settings.landing / "access").iterdir()) == []
    assert noticed < SECONDS_TO_NOTICE
    holding = [path for path in home.rglob("*") if path.is_file() and MEMBER.encode() in path.read_bytes()]
    assert holding == []


def test_counts_and_progress_went_out_as_metrics_without_any_text_of_the_data(watched: Watched):
    heard = hear(watched.listener)
    expected = {"read_lines.access.lines:15|c", "ingest_file.access.read:15|c", "ingest_file.access.committed:1|c"}
    expected |= {"ingest_file.access.accepted:15|c", "ingest_file.access.duration", "build_marts.marts.done:1|c"}
    expected |= {"landing.files:1|g"}
    assert {f"airflow.tokumei.{name}" for name in expected} <= heard
    assert not any(MEMBER in name or "export" in name for name in heard)


def test_backfill_builds_the_dates_that_it_names_and_those_that_visits_reach(watched: Watched):
    """Rows that came by another way, say with a restored backup, touched no date that the ledger knows of."""
    contract = watched.house.catalogue.get("lake", "page_views")
    stored = pl.read_delta(open_table(watched.house.lake, contract))
    again = stored.with_columns(line_number=pl.col("line_number") + 1000)
    commit_parts(watched.house.lake, contract, write_parts(watched.house.lake, contract, again), "restored")
    done = _backfill(watched.airflow, DAYS[0], DAYS[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert _wait_for_backfills(watched.airflow) == [DAYS[0]]
    views = run_query(
        watched.house.settings.warehouse_file,
        "SELECT event_date, page_views FROM marts.usage_daily ORDER BY event_date",
        format="csv",
    )
    assert views.split()[1:] == [f"{DAYS[0]},10", f"{DAYS[1]},10", f"{DAYS[2]},5"]


def _backfill(airflow: EmbeddedAirflow, first: str, last: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("airflow"), "backfill", "create", "--dag-id", "build_marts"]
    command += ["--from-date", first, "--to-date", last]
    environment = process_environment(airflow.config)
    for _ in range(30):  # until the scheduler has noticed that the one before is complete
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        if "AlreadyRunningBackfill" not in done.stderr:
            break
        time.sleep(3)
    return done


def _wait_for_backfills(airflow: EmbeddedAirflow) -> list[str]:
    """The dates of the runs that a backfill started, each of which must succeed."""
    runs = airflow.client().runs("build_marts", run_type="backfill")
    for run in runs:
        assert airflow.wait_for_run("build_marts", run["dag_run_id"], timeout=120).succeeded
    return sorted(str(date.fromisoformat(run["logical_date"][:10])) for run in runs)


def test_backfill_of_a_date_past_its_retention_changes_nothing(watched: Watched):
    published = watched.house.settings.warehouse_file.read_bytes()
    done = _backfill(watched.airflow, "2020-01-01", "2020-01-01")
    assert done.returncode == 0, done.stdout + done.stderr
    [run] = watched.airflow.client().runs("build_marts", run_type="backfill", logical_date_lte="2020-12-31T00:00:00Z")
    assert watched.airflow.wait_for_run("build_marts", run["dag_run_id"], timeout=120).succeeded
    assert watched.house.settings.warehouse_file.read_bytes() == published
