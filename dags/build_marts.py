"""
# build_marts

Builds the marts of every date that was touched, checks each by its contract and by `sql/marts/*/checks.sql`, and puts
the new warehouse in the place of the old one in one step. Readers of the old file keep it until they close.

**Runs** when `ingest_logs` has published the lake. **Publishes** the marts' Assets, which start `propagate_deletions`.

**When it fails**, the last good warehouse stays. A broken rule is named with its figure and limit: correct the source or
the query, then clear the task. A busy warehouse is retried.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Asset, dag, task

from pipelines import orchestration

LAKE = [Asset(name) for name in ("page_views", "device_events", "searches", "survey_responses", "security_events")]
MARTS = [
    Asset(name)
    for name in (
        "usage_daily",
        "usage_by_environment_daily",
        "search_terms_daily",
        "satisfaction_weekly",
        "data_quality_daily",
    )
]


@dag(
    schedule=LAKE,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["warehouse"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def build_marts() -> None:
    task(
        orchestration.build_marts,
        outlets=MARTS,
        pool="warehouse_writer",
        show_return_value_in_logs=False,
    )()


build_marts()
