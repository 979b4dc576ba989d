"""
# answer_requests

Answers requests for other rights than deletion. Access writes everything that is stored of a member into
`reports/access`; a correction changes survey answers and keeps what they said. Each is planned, **approved by a person
who read that plan**, carried out, compared with what is stored by code of its own, and certified. Suspension of use
asks nobody and is done when it is filed; where its proof had to wait for the warehouse, `accept_rights` ends it.

**Runs** every hour. **Publishes** `deletion_certificates`, the chain that all rights share, which starts
`audit_residue`.

**To approve**, one of the officers named in `TOKUMEI_OFFICERS` answers: at "Privacy" in the navigation, or in the task
`approve` itself. It is given once, by a named person, and nothing approves by itself. Rejecting leaves every request
as planned, and the next run plans anew; `tokumei rights refuse` closes one for good, on a ground of the policy.

**When `approve` waits for long**, people wait for an answer, and no further plan is made until it is given: remind the
officers. `tokumei rights status` shows by when each is due. Suspensions do not wait for it: every build of the marts
ends them.

**When `accept_rights` fails**, some member's use stays suspended without a certificate: its one-line error says why
the marts could not be built, or what they still count. Mend that and clear it.

**When `plan_rights` fails**, nothing was read or changed; its one-line error says what to do.

**When `carry_out_rights` says the plan changed**, nothing was done: the next run plans again. **When it fails in any
other way**, clear it: every step may be repeated.

**When `certify_rights` fails**, no certificate exists. Clear `carry_out_rights` to repeat both; if it stays, an export
leaves rows out, or rows of others changed, and a person has to look.

**Metrics**: `tokumei.run_rights.lake.{requests,done,failed,duration}`,
`tokumei.certify_rights.home.{requests,done,failed,duration}`,
`tokumei.finish_suspensions.marts.{requests,done,failed,duration}`. Alarm on `failed`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task

from pipelines import desk_tasks, orchestration
from pipelines.settings import load_settings

OFFICERS = [{"id": name, "name": name} for name in load_settings().officer_names]
PLAN = "ti.xcom_pull(task_ids='plan_rights')"


@dag(
    schedule=orchestration.at("30 * * * *"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["privacy"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
)
def answer_requests() -> None:
    # Beside the others, so that neither waits for the other, and the failure of either is the run's.
    task(pool=orchestration.WAREHOUSE_POOL, show_return_value_in_logs=False)(desk_tasks.accept_rights)()
    plan = task.short_circuit(show_return_value_in_logs=False)(desk_tasks.plan_rights)()
    approve = ApprovalOperator(
        task_id="approve",
        subject=f"Rights plan {{{{ {PLAN}['digest'] }}}}",
        body=f"{{{{ {PLAN}['request_count'] }}}} requests\n\n{{{{ {PLAN}['datasets'] | join('\n\n') }}}}",
        assigned_users=OFFICERS,
    )
    carried_out = task(pool=orchestration.WAREHOUSE_POOL, show_return_value_in_logs=False)(desk_tasks.carry_out_rights)(
        plan, approve.output
    )
    certified = task(
        outlets=[orchestration.CERTIFICATES], pool=orchestration.WAREHOUSE_POOL, show_return_value_in_logs=False
    )(desk_tasks.certify_rights)(plan)
    plan >> approve >> carried_out >> certified


answer_requests()
