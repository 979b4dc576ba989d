"""Airflow itself asks after the due dates of requests while a run waits for its approval, and names no member."""

import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.embedded.airflow import EmbeddedAirflow
from pipelines.embedded.environment import AirflowConfig
from pipelines.journeys.delete import request_deletion
from pipelines.journeys.house import open_house
from pipelines.journeys.keys import make_keys
from pipelines.settings import load_settings, prepare_home
from tests.end_to_end.ports import two_free_ports

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

MEMBER = "u873659021"
SECONDS_TO_ALERT = 120  # on a busy machine
HURRIED = """
from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag
from airflow.sdk.definitions.deadline import DeadlineAlert

from pipelines.desk_tasks import APPROVAL_ALERTS

alert = APPROVAL_ALERTS[0]


@dag(schedule=None, deadline=DeadlineAlert(alert.reference, timedelta(seconds=2), alert.callback, alert.name))
def waits():
    ApprovalOperator(task_id="approve", subject="plan")


waits()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("deadlines")
    settings = load_settings({"TOKUMEI_HOME": str(root / "home")})
    prepare_home(settings)
    make_keys(settings)
    (root / "dags").mkdir()
    (root / "dags" / "waits.py").write_text(HURRIED)
    return root / "home"


def read_callbacks(home: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{home}/airflow/airflow.db?mode=ro", uri=True)) as database:
        return [state for (state,) in database.execute("SELECT state FROM callback")]


def test_run_that_waits_for_approval_is_asked_about_overdue_requests(home: Path):
    house = open_house(load_settings({"TOKUMEI_HOME": str(home)}))
    long_ago = house.now() - timedelta(days=60)
    request_id = request_deletion(house, MEMBER, request_key="old", facts=None, requested_at=long_ago)
    house.ledger.dispose()
    variables = {"TOKUMEI_HOME": str(home)}
    config = AirflowConfig(home / "airflow", home.parent / "dags", None, two_free_ports(), variables)
    with EmbeddedAirflow(config) as airflow:
        airflow.unpause(["waits"])
        airflow.trigger("waits", {})
        started = time.monotonic()
        while read_callbacks(home) != ["failed"]:
            assert time.monotonic() - started < SECONDS_TO_ALERT
            time.sleep(0.5)
    [log] = (path for path in (home / "airflow" / "logs" / "executor_callbacks").rglob("*") if path.is_file())
    assert f"1 deletion requests are past their due date: {request_id} (received)" in log.read_text()
    written = (path for path in (home / "airflow").rglob("*") if path.is_file())
    assert not any(MEMBER.encode() in path.read_bytes() for path in written)
