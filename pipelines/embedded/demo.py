"""`make demo`: a week of traffic through the real Airflow, from raw lines to a verified deletion certificate."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from pipelines.embedded.airflow import EmbeddedAirflow
from pipelines.embedded.environment import configure
from pipelines.embedded.progress import AWAITING_INPUT, RunOutcome, TaskReport
from pipelines.embedded.summary import print_summary
from pipelines.errors import DataQualityError, TokumeiError
from pipelines.journeys.keys import make_keys
from pipelines.settings import Settings, load_settings, prepare_home
from pipelines.synthetic import generate

DAYS, USERS = 7, 300
CAUSES = {
    "ingest_logs": "the files in landing",
    "build_marts": "Assets",
    "propagate_deletions": "Assets",
    "audit_residue": "Assets",
}
RUN_SECONDS = 900


def main() -> None:
    """Exit 0 when every task succeeded and nothing that was planted is left; else 1, and say what to do."""
    os.umask(0o077)
    try:
        run_demo(load_settings())
    except TokumeiError as error:
        typer.echo(f"\ntokumei: {error}", err=True)
        sys.exit(1)


def run_demo(settings: Settings) -> None:
    """Generate, run the chain, summarise."""
    prepare_home(settings)
    make_keys(settings)
    planted = _generate_week(settings)
    config = configure(replace(settings, canaries=str(planted)))
    typer.echo("\nAirflow (SQLite, LocalExecutor, loopback only)")
    since = datetime.now(UTC)
    with EmbeddedAirflow(config, announce=lambda text: typer.echo(f"    {text}")) as airflow:
        _run_chain(airflow, since)
    print_summary(settings, planted)


def _generate_week(settings: Settings) -> Path:
    """A fresh week each time: traffic of other people, the identifiers of all weeks in one list beside the home."""
    planted = settings.home.with_name(f"{settings.home.name}-planted.txt")
    known = set(planted.read_text().splitlines()) if planted.exists() else set()
    first = datetime.now(UTC).astimezone(settings.zone).date() - timedelta(days=DAYS)
    with _stage(f"Generating {DAYS} days of traffic of {USERS} members from {first}"):
        done = generate(settings.landing, days=DAYS, users=USERS, seed=_next_seed(settings), start=first, plant=planted)
        both = sorted(known.union(planted.read_text().splitlines()))
        planted.write_text("\n".join(both) + "\n")
    typer.echo(f"    {done.line_count} lines in {len(done.files)} files, {len(both)} raw identifiers planted")
    return planted


def _next_seed(settings: Settings) -> int:
    from pipelines.control.deliveries import file_accounts  # noqa: PLC0415 - the first run has no ledger to read
    from pipelines.control.ledger import open_ledger  # noqa: PLC0415 - as above

    return 1 + file_accounts(open_ledger(settings.control_url)).height


def _run_chain(airflow: EmbeddedAirflow, since: datetime) -> None:
    """What waits in landing starts the first DAG, Assets the others; the compliance user approves through the API."""
    airflow.wait_for_dags(CAUSES)
    airflow.client().fail_unfinished_runs(CAUSES, before=since)  # an interrupted demo's would hold this one up
    airflow.unpause(reversed(CAUSES))  # landing is watched last of all

    def show(report: TaskReport) -> None:
        typer.echo(f"    {report.label} {report.state} {report.seconds:.1f} s")
        if report.state == AWAITING_INPUT:
            _approve(airflow, report)

    for dag_id, cause in CAUSES.items():
        with _stage(f"{dag_id}, started by {cause}"):
            _require_success(airflow.wait_for_asset_run(dag_id, since, show, timeout=RUN_SECONDS))


def _approve(airflow: EmbeddedAirflow, report: TaskReport) -> None:
    name = airflow.config.officers[0]
    officer = airflow.client(name)
    for task in officer.pending_human_tasks(report.dag_id, report.run_id):
        typer.echo(f"    {name} reads: {task.subject}")
        officer.answer_human_task(task.dag_id, task.run_id, task.task_id, option="Approve", note="plan checked")
        typer.echo(f"    {name} approves")


def _require_success(outcome: RunOutcome) -> None:
    if outcome.succeeded and not outcome.failed_tasks:
        return
    failed = "; ".join(f"{task.label} (log: {task.log})" for task in outcome.failed_tasks) or "no task says why"
    raise DataQualityError(
        f"{outcome.dag_id} failed: {failed}", hint="read the last error in that log, it says what to do"
    )


@contextmanager
def _stage(title: str) -> Iterator[None]:
    typer.echo(f"\n{title}")
    started = time.monotonic()
    yield
    typer.echo(f"    done in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
