"""
# ingest_logs

Takes in every file below `landing/`: accounts first, since they say who consents, then all other sources in parallel
batches. Each file is committed once, known as a duplicate, or held; landing files are removed after commit.

**Runs** hourly. **Publishes** the lake's Assets, which start `build_marts`.

**When `report_held_files` fails**, everything else was ingested. The task log names each held file, the limit it broke
and what to do; mend the file or its contract, and the next run takes it. **When another task fails**, its one-line
error says what to do; nothing is half-written, so clear the task to run it again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task

from pipelines import orchestration


@dag(
    schedule=CronTriggerTimetable("5 * * * *", timezone="Asia/Tokyo"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["lake"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def ingest_logs() -> None:
    accounts = task(show_return_value_in_logs=False)(orchestration.ingest_accounts)()
    batches = task(show_return_value_in_logs=False)(orchestration.list_batches)()
    ingested = task(show_return_value_in_logs=False)(orchestration.ingest_batch).expand(paths=batches)

    @task(outlets=orchestration.LAKE_ASSETS, trigger_rule="none_failed")
    def publish_assets() -> None:
        """Tell the DAGs that wait for the lake."""

    held = task(retries=0)(orchestration.report_held_files)()
    accounts >> batches
    ingested >> publish_assets() >> held


ingest_logs()
