"""The embedded Airflow runs DAGs headless, asks a named person, stores no arguments, and ends whole."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.embedded.airflow import EmbeddedAirflow
from pipelines.embedded.credentials import COMPLIANCE_OFFICER, ENGINEER
from pipelines.embedded.environment import AirflowConfig
from pipelines.embedded.failures import ImportFailedError, RequestRefusedError
from pipelines.embedded.progress import AWAITING_INPUT, SUCCESS, TaskReport
from tests.end_to_end.ports import two_free_ports

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.xdist_group("embedded_airflow")]

CANARY = "canary-5f1c0e"

DAGS = """
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Asset, dag, task

first, second = Asset("first"), Asset("second")


@dag(schedule=None)
def approved_work():
    @task(show_return_value_in_logs=False)
    def plan() -> dict:
        return {"digest": "sha256:0123"}

    @task(show_return_value_in_logs=False)
    def work(answer: dict) -> None:
        if answer["responded_by_user"]["id"] != "compliance-officer":
            raise ValueError("answered by someone else")

    approve = ApprovalOperator(
        task_id="approve",
        subject="Plan {{ ti.xcom_pull(task_ids='plan')['digest'] }}",
        assigned_users=[{"id": "compliance-officer", "name": "compliance-officer"}],
        params={"note": ""},
    )
    plan() >> approve
    work(approve.output)


@dag(schedule=None)
def produce():
    @task
    def numbers(count: int = 2) -> list[int]:
        return list(range(count))

    @task
    def load(number: int) -> int:
        return number

    @task(outlets=[first, second], pool="warehouse_writer")
    def publish(loaded: list[int]) -> None:
        list(loaded)

    publish(load.expand(number=numbers()))


@dag(schedule=[first, second])
def consume():
    @task
    def read() -> None: ...

    read()


@dag(schedule=None)
def fail():
    @task(show_return_value_in_logs=False)
    def make() -> str:
        return "canary-" + "5f1c0e"

    @task(show_return_value_in_logs=False)
    def stop(value: str, literal: dict) -> None:
        raise RuntimeError("stopped")

    stop(make(), {"literal": "canary-" + "5f1c0e"})


approved_work()
produce()
consume()
fail()
"""

OTHER_DAG = """
from airflow.sdk import dag, task


@dag(schedule=None)
def other():
    @task
    def nothing() -> None: ...

    nothing()


other()
"""

UP = """
import sys
from pathlib import Path
from pipelines.embedded.environment import AirflowConfig
from pipelines.embedded.up import run_until_interrupted

home, dags, port = sys.argv[1:]
run_until_interrupted(AirflowConfig(Path(home), Path(dags), None, int(port)))
"""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What a person saw who ran `make up` and pressed Ctrl-C."""

    config: AirflowConfig
    output: str
    exit_code: int


def processes_naming(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found += [entry.name] * (text.encode() in (entry / "environ").read_bytes())
            except OSError:
                continue
    return found


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    dags = tmp_path_factory.mktemp("dags")
    (dags / "small.py").write_text(DAGS)
    (dags / "other.py").write_text(OTHER_DAG)
    home = tmp_path_factory.mktemp("tokumei") / "airflow"
    config = AirflowConfig(home=home, dags_folder=dags, plugins_folder=None, port=two_free_ports())
    command = [sys.executable, "-c", UP, str(home), str(dags), str(config.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        lines = []
        for line in up.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                up.send_signal(signal.SIGINT)
    return FirstStart(config, "".join(lines), up.returncode)


@pytest.fixture(scope="module")
def airflow(first_start: FirstStart) -> Iterator[EmbeddedAirflow]:
    with EmbeddedAirflow(first_start.config) as airflow:
        airflow.unpause(["approved_work", "produce", "consume", "fail"])
        yield airflow
    assert processes_naming(str(first_start.config.home)) == []


def test_up_says_where_to_log_in_and_ends_at_an_interrupt(first_start: FirstStart):
    assert first_start.exit_code == 0
    assert first_start.config.url in first_start.output
    assert "auditor, compliance-officer, engineer" in first_start.output
    assert str(first_start.config.home / "passwords.json") in first_start.output
    assert first_start.output.endswith("ending every process\n")


def test_approval_carries_the_name_of_the_assigned_officer_and_refuses_others(airflow: EmbeddedAirflow):
    seen: list[TaskReport] = []

    def answer(report: TaskReport) -> None:
        seen.append(report)
        if report.state != AWAITING_INPUT:
            return
        officer = airflow.client(COMPLIANCE_OFFICER)
        (asked,) = officer.pending_human_tasks(report.dag_id, report.run_id)
        assert asked.subject == "Plan sha256:0123"
        with pytest.raises(RequestRefusedError) as refusal:
            airflow.client(ENGINEER).answer_human_task(asked.dag_id, asked.run_id, asked.task_id)
        assert refusal.value.status == 403
        given = officer.answer_human_task(asked.dag_id, asked.run_id, asked.task_id, note="digest compared")
        assert (given.user, given.options) == (COMPLIANCE_OFFICER, ("Approve",))

    outcome = airflow.wait_for_run("approved_work", airflow.trigger("approved_work"), answer, timeout=60)
    assert outcome.succeeded
    assert [(report.task_id, report.state) for report in seen] == [
        ("plan", SUCCESS),
        ("approve", AWAITING_INPUT),
        ("approve", SUCCESS),
        ("work", SUCCESS),
    ]


def test_two_assets_of_one_task_start_one_run(airflow: EmbeddedAirflow):
    since = datetime.now(UTC)
    produced = airflow.wait_for_run("produce", airflow.trigger("produce"), timeout=60)
    assert produced.succeeded
    assert sorted(task.map_index for task in produced.tasks if task.task_id == "load") == [0, 1]
    assert airflow.wait_for_asset_run("consume", since, timeout=60).succeeded
    assert len(airflow.client().runs("consume")) == 1


def test_failed_task_is_named_with_its_try_and_its_log(airflow: EmbeddedAirflow):
    outcome = airflow.wait_for_run("fail", airflow.trigger("fail"), timeout=60)
    assert not outcome.succeeded
    (failed,) = outcome.failed_tasks
    assert (failed.dag_id, failed.task_id, failed.try_number) == ("fail", "stop", 1)
    assert "stopped" in failed.log.read_text()


def test_task_arguments_are_in_no_log_and_in_no_rendered_field(airflow: EmbeddedAirflow):
    airflow.wait_for_run("fail", airflow.trigger("fail"), timeout=60)
    home = airflow.config.home
    logs = [file for file in (home / "logs").rglob("*") if file.is_file()]
    assert logs
    assert [file for file in logs if CANARY in file.read_text(errors="replace")] == []
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        rows = database.execute("SELECT rendered_fields FROM rendered_task_instance_fields").fetchall()
    assert rows
    assert [fields for (fields,) in rows if CANARY in fields] == []


def test_everything_below_the_home_is_closed_to_other_users(airflow: EmbeddedAirflow):
    home = airflow.config.home
    assert [path for path in [home, *home.rglob("*")] if path.stat().st_mode & 0o077] == []


def test_dag_file_that_cannot_be_imported_is_named(airflow: EmbeddedAirflow):
    airflow.wait_for_dags(["other"])
    (airflow.config.dags_folder / "other.py").write_text(f"import no_such_module\n{OTHER_DAG}")
    with pytest.raises(ImportFailedError, match=r"other\.py"):
        airflow.wait_for_dags(["no_such_dag"], timeout=60)
