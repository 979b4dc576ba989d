"""
# build_marts

Builds the marts of every date that was touched, checks each by its contract and by `sql/marts/*/checks.sql`, and
puts the new warehouse in the place of the old one in one step. Readers of the old file keep it until they close.

**Runs** when `ingest_logs` has published the lake. **Publishes** the marts' Assets, which start `propagate_deletions`.

**When it fails**, the last good warehouse stays. A broken rule is named with its figure and limit: correct the source
or the query, then clear the task. A busy warehouse is retried.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from pipelines import orchestration


@dag(
    schedule=orchestration.LAKE_ASSETS,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["warehouse"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def build_marts() -> None:
    task(outlets=orchestration.MART_ASSETS, pool="warehouse_writer", show_return_value_in_logs=False)(
        orchestration.build_marts
    )()


build_marts()
