"""
# ingest_logs

Takes in every file below `landing/`: accounts first, since they say who consents, then all other sources in parallel
batches of about 256 MB. Each file is committed once, known as a duplicate, or held; landing files are removed after
commit. Files are told apart by tokens here, since a name may hold an identifier and Airflow keeps what it is told.

**Runs** seconds after a file has come to rest in landing (the triggerer watches it), and hourly in case nobody watches.
**Publishes** the lake's Assets, which start `build_marts`. **Memory** is bounded by the slots of the pool `ingest`.

**When `report_held_files` fails**, everything else was ingested. Its log says which limit each held file broke;
`tokumei doctor` names the files. Mend the file or its contract: a file that changes in landing is taken at once, an
unchanged one by the hourly run.

**When `ingest_accounts` or `ingest_batch` fails**, its one-line error says what to do. Nothing is half-written, and a
batch takes only what still waits: clear the task to run it again, or let the next run do it.

**When `list_batches` fails**, landing cannot be listed: see to the disk, its permissions, or the object store.

**When files wait and nothing runs**, the triggerer is down (the page Health says so) or a pool is missing: import
`dags/pools.json` with `airflow pools import`. The hourly run takes what waits in any case.

**Metrics**: `tokumei.read_lines.SOURCE.lines` (progress), `tokumei.ingest_file.SOURCE.{read,accepted,committed,
duplicate,held,done,failed,duration}`, `tokumei.stage_file.SOURCE.{rejected,undeclared}`, and the gauges
`tokumei.landing.{files,bytes}` of what waited. Alarm on `held`, on `failed`, and on `landing.files` that never falls.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import AssetOrTimeSchedule, dag, task

from pipelines import orchestration


@dag(
    schedule=AssetOrTimeSchedule(timetable=orchestration.at("5 * * * *"), assets=[orchestration.LANDING]),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["lake"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def ingest_logs() -> None:
    pool = orchestration.INGEST_POOL
    accounts = task(pool=pool, show_return_value_in_logs=False)(orchestration.ingest_accounts)()
    batches = task(show_return_value_in_logs=False)(orchestration.list_batches)()
    ingested = task(pool=pool, show_return_value_in_logs=False)(orchestration.ingest_batch).expand(tokens=batches)

    @task(outlets=orchestration.LAKE_ASSETS, trigger_rule="none_failed")
    def publish_assets() -> None:
        """Tell the DAGs that wait for the lake."""

    held = task(retries=0)(orchestration.report_held_files)()
    accounts >> batches
    ingested >> publish_assets() >> held


ingest_logs()
