"""
# build_marts

Builds the marts of every date that was touched, checks each by its contract and by `sql/marts/*/checks.sql`, and
puts the new warehouse in the place of the old one in one step. Readers of the old file keep it until they close.

**Runs** when `ingest_logs` has published the lake, and once a day for dates that were touched in another way.
**Publishes** the marts' Assets, which start `propagate_deletions`.

**To build dates anew**, say after a query was corrected: `airflow backfill create --dag-id build_marts --from-date
2026-11-01 --to-date 2026-11-07`, with `--reprocess-behavior completed` for dates that were built in this way before.
A run's logical date is the event date that it builds anew; both ends are included.

**When it fails with a broken rule**, the last good warehouse stays. The rule is named with its figure and limit:
correct the source or the query, then clear the task.

**When a backfill succeeds and a date's figures stay as they were**, the lake holds nothing of it any longer: what was
counted while its rows lived stays published.

**When a task stays queued**, another one holds the pool `warehouse_writer`: wait for it, or see why it does not end.

**Metrics**: `tokumei.build_marts.marts.{dates,rows,done,failed,duration}`. Alarm on `failed`, and on a day without
`done`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import AssetOrTimeSchedule, dag, task

from pipelines import orchestration


@dag(
    schedule=AssetOrTimeSchedule(
        # In UTC, as `airflow backfill` reads its dates.
        timetable=orchestration.at("0 0 * * *", timezone="UTC"),
        assets=orchestration.LAKE_ASSETS,
    ),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["warehouse"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def build_marts() -> None:
    task(outlets=orchestration.MART_ASSETS, pool=orchestration.WAREHOUSE_POOL, show_return_value_in_logs=False)(
        orchestration.build_marts
    )()


build_marts()
