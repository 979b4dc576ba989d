"""What holds for every DAG file: it loads, it is thin, it is light, and it tells its reader what to do."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.contracts.model import load_catalogue
from pipelines.settings import REPOSITORY

DAG_FILES = sorted((REPOSITORY / "dags").glob("*.py"))
HEAVY = ("polars", "duckdb", "presidio_analyzer", "great_expectations", "deltalake", "pandas", "pyarrow")
RETURNS_NOTHING = {"publish_assets", "report_held_files", "approve"}
PROBE = """
import runpy, sys, time
import airflow.sdk, airflow.providers.standard.operators.hitl
started = time.perf_counter()
runpy.run_path(sys.argv[1])
print(time.perf_counter() - started, *(name for name in sys.argv[2:] if name in sys.modules))
"""

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def bag(metadata_database: None):
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(REPOSITORY / "dags")


def test_every_file_gives_one_dag_named_after_it(bag):
    assert bag.import_errors == {}
    assert sorted(bag.dags) == [file.stem for file in DAG_FILES]
    assert len(DAG_FILES) >= 4


def test_every_dag_has_tags_and_a_runbook_that_says_what_to_do_when_which_alarm_rings(bag):
    for dag in bag.dags.values():
        assert f"# {dag.dag_id}" in dag.doc_md
        assert re.search(r"\*\*When .*? fails.*?\*\*", dag.doc_md, re.DOTALL)
        assert re.search(r"\*\*Metrics\*\*: .*`tokumei\..*Alarm on `failed`|Alarm on `held`", dag.doc_md, re.DOTALL)
        assert dag.tags


def test_every_task_that_a_person_may_be_called_for_is_in_its_runbook(bag):
    for dag in bag.dags.values():
        if len(dag.tasks) > 1:
            silent = {task.task_id for task in dag.tasks if f"`{task.task_id}`" not in dag.doc_md}
            assert silent <= {"publish_assets"}, dag.dag_id


def test_every_pool_is_declared_where_a_deployment_finds_it(bag):
    declared = set(json.loads((REPOSITORY / "dags" / "pools.json").read_text()))
    used = {task.pool for dag in bag.dags.values() for task in dag.tasks}
    assert used - {"default_pool"} == declared


def test_nothing_moves_or_removes_rows_while_another_task_builds_from_them_or_searches_them(bag):
    alone = {"build_marts", "carry_out_plan", "certify_deletions", "enforce_retention", "audit_residue"}
    alone |= {"accept_rights", "carry_out_rights", "certify_rights"}
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    assert {task.task_id for task in tasks if task.pool == "warehouse_writer"} == alone
    assert json.loads((REPOSITORY / "dags" / "pools.json").read_text())["warehouse_writer"]["slots"] == 1


def test_nothing_runs_in_the_past_and_nothing_runs_twice_at_once(bag):
    for dag in bag.dags.values():
        assert dag.catchup is False
        assert dag.max_active_runs == 1


def test_return_values_stay_out_of_task_logs(bag):
    for dag in bag.dags.values():
        for task in dag.tasks:
            if task.task_id not in RETURNS_NOTHING:
                settings = getattr(task, "partial_kwargs", vars(task))
                assert settings["show_return_value_in_logs"] is False, task.task_id


@pytest.mark.parametrize("dag_id", ["propagate_deletions", "answer_requests"])
def test_approval_has_no_default_and_no_time_limit(bag, dag_id: str):
    approve = bag.dags[dag_id].get_task("approve")
    assert approve.defaults is None
    assert approve.response_timeout is None
    assert approve.assigned_users


def test_assets_are_named_after_tables_of_the_contracts():
    from pipelines.orchestration import LAKE_ASSETS, MART_ASSETS

    catalogue = load_catalogue(REPOSITORY / "data_contracts")
    assert {asset.name for asset in LAKE_ASSETS} <= {contract.name for contract in catalogue.layer("lake")}
    assert {asset.name for asset in MART_ASSETS} == {contract.name for contract in catalogue.layer("marts")}


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.stem)
def test_dag_file_is_thin_and_imports_nothing_heavy(file: Path):
    assert len(file.read_text().splitlines()) <= 80
    probe = [sys.executable, "-c", PROBE, str(file), *HEAVY]
    seconds, *loaded = subprocess.run(probe, check=True, capture_output=True, text=True).stdout.split()
    assert loaded == []
    assert float(seconds) < 2.0
