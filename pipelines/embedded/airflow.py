"""Airflow on this machine for as long as a `with` block lasts: started, watched, asked over REST, and ended whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import httpx

from pipelines.embedded.components import are_healthy, list_components
from pipelines.embedded.credentials import ENGINEER, load_passwords
from pipelines.embedded.database import prepare_database
from pipelines.embedded.environment import AirflowConfig, process_environment
from pipelines.embedded.failures import (
    AirflowTimeoutError,
    ComponentExitedError,
    ImportFailedError,
    ServerUnreachableError,
)
from pipelines.embedded.home import check_ports, component_log, locked_home, prepare_home, task_logs, temporary_folder
from pipelines.embedded.progress import FINISHED_RUN, OnProgress, RunOutcome, TaskReport, changed_reports, report_task
from pipelines.embedded.rest import AirflowClient, ImportFailure
from pipelines.embedded.signals import ending_signals_raised
from pipelines.embedded.supervisor import Supervisor, start_supervisor

HEALTH_SECONDS = 180.0
PARSE_SECONDS = 120.0
RUN_SECONDS = 900.0
POLL_SECONDS = 0.3

Found = TypeVar("Found")


def ignore_progress(_report: TaskReport) -> None:
    """Tell nobody."""


def ignore_announcement(_text: str) -> None:
    """Tell nobody."""


class EmbeddedAirflow:
    """Airflow over one home: entering the block returns once all is healthy, leaving it ends every process.

    Entering raises PortInUseError before anything starts, HomeUnwritableError, HomeInUseError for a second start in
    the same home, ComponentExitedError and AirflowTimeoutError. The last two may come from every method that waits.
    """

    def __init__(self, config: AirflowConfig, announce: Callable[[str], None] = ignore_announcement) -> None:
        """Take the configuration, and who hears, in plain words, how far starting and ending have come."""
        self.config = config
        self._announce = announce
        self._clients: dict[str, AirflowClient] = {}

    def __enter__(self) -> Self:
        home = self.config.home
        with ExitStack() as resources:
            resources.enter_context(ending_signals_raised())
            check_ports(self.config.port, self.config.port + 1)
            prepare_home(self.config)
            lock = resources.enter_context(locked_home(home))
            resources.enter_context(temporary_folder(self.config.temporary_folder))
            self._passwords = load_passwords(home, self.config.officers)
            environment = process_environment(self.config)
            self._announce("preparing the metadata database")
            prepare_database(home, environment, component_log(home, "database"))
            self._start(resources, environment, lock)
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._announce("ending every process")
        self._resources.__exit__(kind, error, trace)

    def client(self, user: str = ENGINEER) -> AirflowClient:
        """Return the REST client of a user, who logs in with the user's own password."""
        if user not in self._clients:
            client = AirflowClient(self.config.url, user, self._passwords[user])
            self._clients[user] = self._resources.enter_context(client)
        return self._clients[user]

    def wait_for_dags(self, dag_ids: Iterable[str], timeout: float = PARSE_SECONDS) -> None:
        """Wait until Airflow has read the files of these DAGs since it started; ImportFailedError if it cannot.

        DAGs of an earlier start are known at once, but as their files were then.
        """
        for dag_id in dag_ids:
            self._wait_for(f"DAG {dag_id} to be read", partial(self._find_dag, dag_id), timeout)

    def unpause(self, dag_ids: Iterable[str]) -> None:
        """Wait for these DAGs, then let schedules and assets start them; a paused DAG misses the asset for ever."""
        wanted = list(dag_ids)
        self.wait_for_dags(wanted)
        self.client().unpause(wanted)

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Unpause the DAG, start a run and return its run id; `conf` is stored, so it never holds an identifier."""
        self.unpause([dag_id])
        return self.client().trigger(dag_id, conf)

    def wait_for_run(
        self, dag_id: str, run_id: str, on_progress: OnProgress = ignore_progress, timeout: float = RUN_SECONDS
    ) -> RunOutcome:
        """Wait until the run ends and return its outcome, telling of each task that ends or waits for a person."""
        reports: tuple[TaskReport, ...] = ()

        def find_outcome() -> RunOutcome | None:
            nonlocal reports
            state = self.client().run_state(dag_id, run_id)  # first: the tasks of an ended run change no more
            latest = self._report_tasks(dag_id, run_id)
            for report in changed_reports(reports, latest):
                on_progress(report)
            reports = latest
            return RunOutcome(dag_id, run_id, state, latest) if state in FINISHED_RUN else None

        return self._wait_for(f"run {run_id} of DAG {dag_id} to end", find_outcome, timeout)

    def wait_for_asset_run(
        self, dag_id: str, since: datetime, on_progress: OnProgress = ignore_progress, timeout: float = RUN_SECONDS
    ) -> RunOutcome:
        """Wait for the first run that assets started after `since` (aware), then for its end."""

        def find_run() -> str | None:
            runs = self.client().runs(dag_id, run_type="asset_triggered", run_after_gte=since.isoformat())
            return str(runs[0]["dag_run_id"]) if runs else None

        run_id = self._wait_for(f"assets to start DAG {dag_id}", find_run, timeout)
        return self.wait_for_run(dag_id, run_id, on_progress, timeout)

    def wait_until_interrupted(self) -> None:
        """Keep Airflow running until a signal ends the program, or a component ends by itself."""
        while True:
            self._check_components()
            time.sleep(POLL_SECONDS)

    def import_errors(self) -> tuple[ImportFailure, ...]:
        """Return the DAG files that Airflow could not import."""
        return self.client().import_errors()

    def _start(self, resources: ExitStack, environment: Mapping[str, str], lock: int) -> None:
        started_at = self._started_at = datetime.now(UTC)
        components = list_components(self.config)
        self._announce(f"starting {', '.join(component.name for component in components)}")
        self._supervisor: Supervisor = start_supervisor(
            components,
            environment=environment,
            log=component_log(self.config.home, "supervisor"),
            lock=lock,
        )
        resources.callback(self._supervisor.stop)
        with httpx.Client(timeout=30, trust_env=False) as http:
            self._wait_for(
                "Airflow to become healthy",
                lambda: are_healthy(self.config, http, started_at) or None,
                HEALTH_SECONDS,
            )
        self._announce(f"healthy on {self.config.url}")

    def _find_dag(self, dag_id: str) -> str | None:
        read_at = self.client().last_parsed(dag_id)
        if read_at is not None and read_at > self._started_at:
            return dag_id
        if failed := [failure.file.name for failure in self.import_errors() if failure.seen_at > self._started_at]:
            names = ", ".join(sorted(failed))
            raise ImportFailedError(f"Airflow could not import {names}", hint="import the file in Python to see why")
        return None

    def _report_tasks(self, dag_id: str, run_id: str) -> tuple[TaskReport, ...]:
        logs = task_logs(self.config.home)
        return tuple(report_task(each, logs) for each in self.client().task_instances(dag_id, run_id))

    def _wait_for(self, what: str, find: Callable[[], Found | None], timeout: float) -> Found:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self._check_components()
            with suppress(ServerUnreachableError):  # when it has ended, the next round says so
                if (found := find()) is not None:
                    return found
            time.sleep(POLL_SECONDS)
        raise AirflowTimeoutError(
            f"waited {timeout:.0f} s for {what}", hint=f"read the logs under {task_logs(self.config.home)}"
        )

    def _check_components(self) -> None:
        if ended := self._supervisor.ended_component():
            raise ComponentExitedError(
                f"Airflow's {ended.name} ended with exit code {ended.exit_code}", hint=f"read {ended.log}"
            )
