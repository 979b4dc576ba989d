"""Journeys as Airflow tasks: errors become retry or fail, and only ids, paths and counts pass between tasks.

Imported by every DAG file, so nothing heavy may be imported before a task runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airflow.sdk import Asset, AssetWatcher, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from pipelines.errors import TokumeiError, TransientError
from pipelines.landing_trigger import LandingTrigger
from pipelines.task_metrics import send_gauges, send_metrics

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol as DagRun

    from pipelines.control.deliveries import Delivery
    from pipelines.journeys.house import House

P = ParamSpec("P")
R = TypeVar("R")

LANDING = Asset("landing", watchers=[AssetWatcher(name="landing_watcher", trigger=LandingTrigger())])

# What DAGs publish and wait for, named after the tables.
LAKE_ASSETS = [
    Asset(name) for name in ("page_views", "device_events", "searches", "survey_responses", "security_events")
]
MART_ASSETS = [
    Asset(name)
    for name in (
        "usage_daily",
        "active_users_daily",
        "retention_weekly",
        "usage_by_environment_daily",
        "usage_by_page_daily",
        "traffic_sources_daily",
        "bots_daily",
        "search_daily",
        "search_terms_daily",
        "satisfaction_weekly",
        "satisfaction_by_segment_weekly",
        "security_daily",
        "data_quality_daily",
        "deletions_monthly",
    )
]
CERTIFICATES = Asset("deletion_certificates")

# Their slots are in dags/pools.json: how many ingest at once, each within its memory; and one at a time who builds the
# warehouse, moves or removes rows of the lake, or searches it: a row that moves during a search might not be found.
INGEST_POOL = "ingest"
WAREHOUSE_POOL = "warehouse_writer"


def at(cron: str, *, timezone: str = "Asia/Tokyo") -> CronTriggerTimetable:
    """When a DAG runs: from the next such moment on, though it is unpaused shortly after one.

    Without the zero Airflow would make up for a moment that has passed by up to a tenth of the time between two.
    """
    return CronTriggerTimetable(cron, timezone=timezone, run_immediately=timedelta())


def task_step(step: Callable[P, R]) -> Callable[P, R]:
    """Run a step as a task: private files, and errors that Airflow understands and that hold no value.

    A TransientError is retried as the task says; every other error of ours fails the task at once. An unexpected
    exception is reported by its type and place only, since its own text may quote data.
    """

    @wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        os.umask(0o077)
        send_metrics()
        try:
            return step(*args, **kwargs)
        except TransientError as error:
            failure: AirflowException = AirflowException(str(error))
        except TokumeiError as error:
            failure = AirflowFailException(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, its text must not reach a log
            failure = AirflowFailException(f"{step.__name__} stopped with {type(error).__name__} at {_place(error)}")
        # Raised out here, so that no traceback can follow the context to the first error's text.
        raise failure

    return run


def _place(error: BaseException) -> str:
    """File and line of the innermost frame that is ours."""
    place, frame = "an unknown place", error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        if f"{os.sep}pipelines{os.sep}" in code.co_filename or f"{os.sep}anonymization{os.sep}" in code.co_filename:
            place = f"{Path(code.co_filename).name}:{frame.tb_lineno}"
        frame = frame.tb_next
    return place


def open_installation() -> House:
    """What every task needs; opened anew in each."""
    from pipelines.journeys.house import open_house
    from pipelines.settings import load_settings

    return open_house(load_settings())


@task_step
def ingest_accounts() -> dict[str, int]:
    """Ingest account facts, before anything that their consent decides about; returns line counts by outcome."""
    from pipelines.journeys.batches import FIRST_SOURCE
    from pipelines.journeys.ingest import find_files, ingest

    house = open_installation()
    return _count_lines(ingest(house, find_files(house, (FIRST_SOURCE,))))


@task_step
def list_batches() -> list[list[str]]:
    """The batches of files that wait, as tokens: Airflow stores what it is given, and names may hold identifiers."""
    from pipelines.journeys.batches import list_batches as find_batches

    waiting = find_batches(open_installation())
    send_gauges("landing", files=waiting.file_count, bytes=waiting.byte_count)
    return [list(batch) for batch in waiting.batches]


@task_step
def ingest_batch(tokens: Sequence[str]) -> dict[str, int]:
    """Ingest the files of a batch that still wait; returns line counts by outcome."""
    from pipelines.journeys.batches import find_batch
    from pipelines.journeys.ingest import ingest

    house = open_installation()
    return _count_lines(ingest(house, find_batch(house, tokens)))


def _count_lines(deliveries: Sequence[Delivery]) -> dict[str, int]:
    counts = [delivery.counts for delivery in deliveries]
    return {
        "files": len(deliveries),
        "read": sum(each.read for each in counts),
        "accepted": sum(each.accepted for each in counts),
        "rejected": sum(each.rejected for each in counts),
        "duplicate": sum(each.duplicate for each in counts),
        "suppressed": sum(each.suppressed for each in counts),
    }


@task_step
def report_held_files() -> None:
    """Fail when files are held, and say why; everything else was ingested and published all the same.

    Their names, which may hold identifiers, stay out of Airflow's logs.
    """
    from pipelines.control.deliveries import held_files
    from pipelines.errors import DataQualityError

    held = held_files(open_installation().ledger)
    if held:
        listed = "; ".join(f"one of {source}: {reason}" for source, _, reason in held)
        raise DataQualityError(
            f"{len(held)} files are held: {listed}", hint="`tokumei doctor` names them; mend them, and they are taken"
        )


@task_step
def build_marts(dag_run: DagRun | None = None) -> dict[str, int]:
    """Build and publish the marts of touched dates, in a backfill those of its date too; returns the rows of each."""
    from pipelines.journeys.build_marts import build_marts as build
    from pipelines.journeys.build_marts import rebuild_marts
    from pipelines.journeys.suspension import finish_suspensions

    house, day = open_installation(), find_backfill_date(dag_run)
    published = rebuild_marts(house, day, day) if day else build(house)
    finish_suspensions(house)  # those whose proof had to wait for this
    return dict(published.tables)


def find_backfill_date(dag_run: DagRun | None) -> date | None:
    """The event date that a run of `airflow backfill` is for: its logical date in UTC, as the command takes it."""
    if dag_run is None or dag_run.run_type != "backfill" or dag_run.logical_date is None:
        return None
    return dag_run.logical_date.astimezone(UTC).date()


@task_step
def accept_requests() -> dict[str, int]:
    """File the requests that wait in landing, and decide every open one again; returns requests by state."""
    from pipelines.control.requests import list_requests
    from pipelines.journeys.decide import decide_requests
    from pipelines.journeys.delete import accept_landed

    house = open_installation()
    accept_landed(house)
    decide_requests(house)
    states = [request.state for request in list_requests(house.ledger)]
    return {state: states.count(state) for state in sorted(set(states))}


@task_step
def plan_deletions() -> dict[str, Any] | None:
    """Plan every ready request; returns digest, counts, a line for each dataset and one on devices, None for nobody."""
    from pipelines.deletion.plan import describe_devices
    from pipelines.journeys.delete import plan_deletions as plan

    planned = plan(open_installation())
    if planned is None:
        return None
    lines = [
        f"{item['table']}: {item['strategy']}, {item['rows']} rows in {item['files']} files"
        for item in planned.datasets
    ]
    lines.append(describe_devices(planned.devices))
    return {"digest": planned.digest, "request_count": len(planned.request_ids), "datasets": lines}


@task_step
def carry_out_plan(plan: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Record who approved the plan, as Airflow's server says, and carry it out; returns rows and files by table."""
    from pipelines.journeys.delete import approve_plan, run_plan

    responder, house = read_responder(answer), open_installation()
    approve_plan(house, plan["digest"], approved_by=responder)
    return dict(run_plan(house, plan["digest"]))


def read_responder(answer: Mapping[str, Any]) -> str:
    """The name of the user who approved, as Airflow's server says; DeletionError when nobody with a name did."""
    from pipelines.errors import DeletionError

    responder = (answer.get("responded_by_user") or {}).get("name")
    if answer.get("chosen_options") != ["Approve"] or not responder:
        raise DeletionError("the plan was not approved by a named user", hint="answer the task as a compliance user")
    return str(responder)


@task_step
def certify_deletions(plan: Mapping[str, Any]) -> list[str]:
    """Scan for what remains and certify; returns the certificates' file names."""
    from pipelines.journeys.certify import certify_deletions as certify

    return [verified.path.name for verified in certify(open_installation(), plan["digest"])]


@task_step
def audit_residue() -> dict[str, int]:
    """Check certificates, contracts and residue; returns what was looked at."""
    from dataclasses import asdict

    from pipelines.journeys.audit import audit

    return asdict(audit(open_installation()))


@task_step
def plant_canaries() -> dict[str, int]:
    """Land today's canaries, and the deletion requests of those of age; returns how many of each."""
    from pipelines.journeys.canaries import plant_canaries as plant

    landed, requested = plant(open_installation())
    return {"landed": landed, "requested": requested}


@task_step
def enforce_retention() -> dict[str, int]:
    """Remove what has reached its age, and merge small files; returns the rows removed from each table."""
    from pipelines.journeys.retain import retain

    return {report.table: report.expired_rows for report in retain(open_installation()).tables}
