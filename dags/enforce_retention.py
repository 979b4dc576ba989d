"""
# enforce_retention

Destroys visitor keys that are overdue, removes the rows of every lake table that are older than its contract's
retention unless a hold keeps them, merges the small files of past days, and takes from the disk what has ended. Marts
keep the figures that were counted while the rows lived. Files that an open deletion plan names are not merged.

**Runs** every night, beside ingestion, but never beside a build or a deletion (pool `warehouse_writer`).

**When it fails**, nothing is half-removed. A busy table is retried; any other error says what to do. Clear the task to
run it again: every step may be repeated. Until then rows are held for longer than the contracts allow, so do not wait.

**When a merged file does not read back equal**, nothing was committed: check the disk and its memory first.

**When rows stay that should have gone**, a hold keeps them: `tokumei hold list` says on what basis and until when.

**Metrics**: `tokumei.retain.TABLE.{rows,files,merged,removed,done,failed,duration}` and
`tokumei.retain.visitor_keys.keys`. Alarm on `failed`, and on a day without `done`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from pipelines import orchestration


@dag(
    schedule=orchestration.at("15 2 * * *"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["privacy"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def enforce_retention() -> None:
    task(pool=orchestration.WAREHOUSE_POOL, show_return_value_in_logs=False)(orchestration.enforce_retention)()


enforce_retention()
