"""
# propagate_deletions

Carries deletion requests to every stored dataset: files the requests that wait in `landing/requests`, decides who
is eligible, raises tombstones, plans, **asks a person to approve exactly that plan**, rewrites and purges the lake,
rebuilds the marts, scans every byte, and certifies.

**Runs** when marts were built, and every morning. **Publishes** `deletion_certificates`, which starts `audit_residue`.

**To approve**, one of the officers named in `TOKUMEI_OFFICERS` answers: at "Privacy" in the navigation, or in the task
`approve` itself, which is the same answer. It is given once, by a named person, and nothing approves by itself.
Rejecting leaves every request as planned, and the next run plans anew; so does an approval by whoever filed one of the
requests, which fails `carry_out_plan` where `TOKUMEI_FOUR_EYES` is set.

**When `approve` waits for long**, people who asked to be deleted wait: remind the compliance officer. Nothing else
is held up, but no further plan is made until it is answered. Deadline alerts look after 1, 7, 14, 21, 28 and 31 days
how many requests are due.

**When `report_deadlines` warns or fails**, requests are near their due date or past it; deletion goes on all the same.
`tokumei delete status` says what each waits for: approve its plan, mend what stops it, or refuse it with a reason and
tell the person. A request that a legal hold keeps is not counted, and goes on by itself once the hold is over.

**When `accept_requests` or `plan_deletions` fails**, nothing was deleted; its one-line error says what to do.

**When `carry_out_plan` says the plan changed**, nothing was deleted: the next run plans again. **When it fails in any
other way**, clear it: every step may be repeated.

**When `certify_deletions` fails**, the deletion is not complete and no certificate exists; the log names the places.
Clear `carry_out_plan` to repeat both.

**Metrics**: `tokumei.run_plan.lake.{requests,datasets,done,failed,duration}`, `tokumei.deletions.{due,overdue}`.
Alarm on `failed`, and on `overdue` above 0.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import AssetOrTimeSchedule, dag, task

from pipelines import desk_tasks, orchestration
from pipelines.settings import load_settings

OFFICERS = [{"id": name, "name": name} for name in load_settings().officer_names]
PLAN = "ti.xcom_pull(task_ids='plan_deletions')"


@dag(
    schedule=AssetOrTimeSchedule(timetable=orchestration.at("0 5 * * *"), assets=orchestration.MART_ASSETS),
    deadline=desk_tasks.APPROVAL_ALERTS,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["privacy"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def propagate_deletions() -> None:
    accepted = task(pool=orchestration.INGEST_POOL, show_return_value_in_logs=False)(orchestration.accept_requests)()
    deadlines = task(trigger_rule="all_done", show_return_value_in_logs=False)(desk_tasks.report_deadlines)()
    plan = task.short_circuit(show_return_value_in_logs=False)(orchestration.plan_deletions)()
    approve = ApprovalOperator(
        task_id="approve",
        subject=f"Deletion plan {{{{ {PLAN}['digest'] }}}}",
        body=f"{{{{ {PLAN}['request_count'] }}}} requests\n\n{{{{ {PLAN}['datasets'] | join('\n\n') }}}}",
        assigned_users=OFFICERS,
    )
    carried_out = task(pool=orchestration.WAREHOUSE_POOL, show_return_value_in_logs=False)(
        orchestration.carry_out_plan
    )(plan, approve.output)
    certified = task(
        outlets=[orchestration.CERTIFICATES], pool=orchestration.WAREHOUSE_POOL, show_return_value_in_logs=False
    )(orchestration.certify_deletions)(plan)
    accepted >> deadlines
    accepted >> plan >> approve >> carried_out >> certified


propagate_deletions()
