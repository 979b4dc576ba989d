"""
# propagate_deletions

Carries deletion requests to every stored dataset: files the requests that wait in `landing/requests`, decides who
is eligible, raises tombstones, plans, **asks a person to approve exactly that plan**, rewrites and purges the lake,
rebuilds the marts, scans every byte, and certifies.

**Runs** when marts were built. **Publishes** `deletion_certificates`, which starts `audit_residue`.

**To approve**, a compliance user opens the task `approve` and answers; rejecting leaves every request as planned, and
the next run plans anew. Nothing approves by itself.

**When `carry_out_plan` says the plan changed**, nothing was deleted: the next run plans again. **When
`certify_deletions` fails**, the deletion is not complete and no certificate exists; the log names the places. Clear
`carry_out_plan` to repeat it: every step may be repeated.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task

from pipelines import orchestration

PLAN = "ti.xcom_pull(task_ids='plan_deletions')"
COMPLIANCE = {"id": "compliance-officer", "name": "compliance-officer"}


@dag(
    schedule=orchestration.MART_ASSETS,
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["privacy"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def propagate_deletions() -> None:
    accepted = task(show_return_value_in_logs=False)(orchestration.accept_requests)()
    plan = task.short_circuit(show_return_value_in_logs=False)(orchestration.plan_deletions)()
    approve = ApprovalOperator(
        task_id="approve",
        subject=f"Deletion plan {{{{ {PLAN}['digest'] }}}}",
        body=f"{{{{ {PLAN}['request_count'] }}}} requests\n\n{{{{ {PLAN}['datasets'] | join('\n\n') }}}}",
        assigned_users=[COMPLIANCE],
    )
    carried_out = task(pool="warehouse_writer", show_return_value_in_logs=False)(orchestration.carry_out_plan)(
        plan, approve.output
    )
    certified = task(outlets=[orchestration.CERTIFICATES], show_return_value_in_logs=False)(
        orchestration.certify_deletions
    )(plan)
    accepted >> plan >> approve >> carried_out >> certified


propagate_deletions()
