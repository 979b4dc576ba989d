"""
# enforce_retention

Removes the rows of every lake table that are older than its contract's retention, and their files from the disk. Marts
keep the figures that were counted while the rows lived.

**Runs** every night.

**When it fails**, nothing is half-removed: a busy table is retried, and any other error says what to do. Clear the task
to run it again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task

from pipelines import orchestration


@dag(
    schedule=CronTriggerTimetable("15 2 * * *", timezone="Asia/Tokyo"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["privacy"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def enforce_retention() -> None:
    task(show_return_value_in_logs=False)(orchestration.enforce_retention)()


enforce_retention()
