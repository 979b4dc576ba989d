"""The compliance desk's journeys as Airflow tasks: deadlines, other rights than deletion, what members are told.

As in `orchestration`, nothing heavy is imported before a task runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from pipelines.orchestration import open_installation, read_responder, task_step
from pipelines.task_metrics import send_counts, send_gauges
from pipelines.telemetry import logger


@task_step
def report_deadlines() -> dict[str, int]:
    """Count the requests that are near their due date, warning of them; fail, naming requests, when any is past it."""
    from pipelines.journeys.decide import find_due_requests, require_in_time

    house = open_installation()
    due = find_due_requests(house)
    counts = {"due": len(due.near), "overdue": len(due.overdue)}
    send_gauges("deletions", **counts)
    if due.near:
        days = house.settings.deadline_warning_days
        logger.warning("%d deletion requests are due within %d days and not done", len(due.near), days)
    require_in_time(due)
    return counts


# While a plan waits for its approval no other run begins, so that nothing else would tell how many people wait.
APPROVAL_ALERTS = [
    DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(days=days),
        callback=SyncCallback(report_deadlines),
        name=f"unfinished after {days} days",
    )
    for days in (1, 7, 14, 21, 28, 31)
]


@task_step
def accept_rights() -> dict[str, int]:
    """End the suspensions of use whose proof had to wait; returns the requests for rights by state."""
    from pipelines.control.rights import list_rights
    from pipelines.journeys.rights import finish_suspensions

    house = open_installation()
    finish_suspensions(house)
    states = [request.state for request in list_rights(house.ledger)]
    return {state: states.count(state) for state in sorted(set(states))}


@task_step
def plan_rights() -> dict[str, Any] | None:
    """Plan every open request for access or correction; returns digest, count and a line for each dataset, or None."""
    from pipelines.journeys.rights import plan_rights as plan

    planned = plan(open_installation())
    if planned is None:
        return None
    lines = [f"{item['table']}: {item['strategy']}, {item['rows']} rows" for item in planned.datasets]
    return {"digest": planned.digest, "request_count": len(planned.request_ids), "datasets": lines}


@task_step
def carry_out_rights(plan: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, int]:
    """Record who approved the plan, as Airflow's server says, and carry it out; returns the rows of each right."""
    from pipelines.journeys.rights import approve_rights, run_rights

    responder, house = read_responder(answer), open_installation()
    approve_rights(house, plan["digest"], approved_by=responder)
    return {kind: sum(rows.values()) for kind, rows in run_rights(house, plan["digest"]).items()}


@task_step
def certify_rights(plan: Mapping[str, Any]) -> list[str]:
    """Compare what was done with what is stored, and certify; returns the certificates' file names."""
    from pipelines.journeys.rights import certify_rights as certify

    return [verified.path.name for verified in certify(open_installation(), plan["digest"])]


@task_step
def tell_delays() -> int:
    """Write to the members whose requests take long; returns how many requests do."""
    from pipelines.journeys.delays import tell_delays as tell

    return tell(open_installation())


@task_step
def flush_notices() -> dict[str, int]:
    """Send the messages that are due; returns how many were sent and failed, and how many are dead."""
    from pipelines.journeys.senders import flush_notices as flush

    counts = flush(open_installation())
    send_counts("notices", sent=counts["sent"], failed=counts["failed"])
    send_gauges("notices", dead=counts["dead"])
    return counts
