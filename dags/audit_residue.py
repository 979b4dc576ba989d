"""
# audit_residue

Checks what was promised against what is on disk, with code that neither ingests nor deletes: the certificates' chain,
tables that no contract declares, the canary identifiers of `TOKUMEI_CANARIES`, and everybody who left.

**Runs** when deletions were certified, and every night.

**When it fails**, treat it as an incident: the log names file and place, never the identifier. Find which step wrote
that file, and file the deletion again once it is mended.
"""

from __future__ import annotations

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from pipelines import orchestration


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("30 3 * * *", timezone="Asia/Tokyo"),
        assets=[orchestration.CERTIFICATES],
    ),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["privacy"],
)
def audit_residue() -> None:
    task(show_return_value_in_logs=False)(orchestration.audit_residue)()


audit_residue()
