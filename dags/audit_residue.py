"""
# audit_residue

`audit_residue` checks what was promised against what is on disk, with code that neither ingests nor deletes: the
certificates' chain, tables that no contract declares, the canary identifiers of `TOKUMEI_CANARIES`, and everybody who
left.

Beside that, `plant_canaries` plants the day's `TOKUMEI_CANARY_SUBJECTS`: people who do not exist, whose lines land in
every source, who ask to be forgotten three days later, and who must then be absent in every form. How many were is the
`canary_recall` of `deletions_monthly`; their requests stand in the plans that a person approves.

**Runs** when deletions were certified, and every night.

**When it fails with residual occurrences**, treat it as an incident: the log names file and place, never the
identifier. Find which step wrote that file, and file the deletion again once it is mended.

**When it fails for a missing or invalid certificate**, restore the certificates from a copy kept elsewhere, and tell
the compliance officer; nothing was deleted or brought back by it.

**When it fails for a table that no contract declares**, no deletion reaches that table: declare it, or remove it.

**Metrics**: `tokumei.audit.home.{certificates,files,bytes,done,failed,duration}`. Alarm on `failed`, and on a day
without `done`.
"""

from __future__ import annotations

from airflow.sdk import AssetOrTimeSchedule, dag, task

from pipelines import orchestration


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=orchestration.at("30 3 * * *"),
        assets=[orchestration.CERTIFICATES],
    ),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["privacy"],
)
def audit_residue() -> None:
    task(pool=orchestration.WAREHOUSE_POOL, show_return_value_in_logs=False)(orchestration.audit_residue)()
    task(show_return_value_in_logs=False)(orchestration.plant_canaries)()


audit_residue()
