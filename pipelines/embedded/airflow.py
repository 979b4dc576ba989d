"""Airflow on this machine for as long as a `with` block lasts: started, watched, asked over REST, and ended whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx

from pipelines.embedded.credentials import ENGINEER, load_passwords
from pipelines.embedded.database import prepare_database
from pipelines.embedded.environment import AirflowConfig, process_environment
from pipelines.embedded.failures import AirflowTimeoutError, ComponentExitedError, HomeInUseError, ImportFailedError
from pipelines.embedded.processes import Component, RunningComponent, start_component, stop_components
from pipelines.embedded.progress import FINISHED_RUN, OnProgress, RunOutcome, TaskReport, changed_reports, report_task
from pipelines.embedded.rest import AirflowClient, ImportFailure
from pipelines.embedded.signals import EndingSignals
from pipelines.errors import ConfigurationError, HomeUnwritableError, PortInUseError

PORT_SETTING = "TOKUMEI_AIRFLOW_PORT"
HEALTH_SECONDS = 180.0
PARSE_SECONDS = 120.0
POLL_SECONDS = 0.4

Found = TypeVar("Found")


def _ignore_progress(_report: TaskReport) -> None:
    """Tell nobody."""


class EmbeddedAirflow:
    """Airflow's components over one home; entering waits until all are healthy, leaving ends every process."""

    def __init__(self, config: AirflowConfig) -> None:
        self.config = config
        self._running: list[RunningComponent] = []
        self._resources = ExitStack()
        self._clients: dict[str, AirflowClient] = {}
        self._signals = EndingSignals()

    def __enter__(self) -> Self:
        with ExitStack() as resources:
            resources.enter_context(self._signals.raised())
            check_ports(self.config.port, self.config.port + 1)
            prepare_home(self.config)
            resources.enter_context(locked_home(self.config.home))
            load_passwords(self.config.home)
            environment = process_environment(self.config)
            prepare_database(self.config.home, environment, component_log(self.config.home, "database"))
            resources.callback(self._stop)
            self._start(environment)
            self._wait_until_healthy()
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.__exit__(kind, error, trace)

    def client(self, user: str = ENGINEER) -> AirflowClient:
        """Return the REST client of a user, logged in with the user's own password."""
        if user not in self._clients:
            self._clients[user] = AirflowClient(self.config.url, user, load_passwords(self.config.home)[user])
        return self._clients[user]

    def wait_for_dags(self, dag_ids: Iterable[str], timeout: float = PARSE_SECONDS) -> None:
        """Wait until the files of these DAGs have been read since this start; a file that fails to import ends it.

        Airflow knows the DAGs of an earlier start at once, but as their files were then.
        """
        for dag_id in dag_ids:
            self._wait_for(f"DAG {dag_id} to be read", lambda dag_id=dag_id: self._is_read(dag_id), timeout)

    def unpause(self, dag_ids: Iterable[str]) -> None:
        """Wait for these DAGs, then let schedules and assets start them."""
        wanted = list(dag_ids)
        self.wait_for_dags(wanted)
        self.client().unpause(wanted)

    def give_up_unfinished_runs(self, dag_ids: Iterable[str]) -> int:
        """Fail the runs that an interrupted earlier start left unfinished, and return how many there were."""
        unfinished = [
            (dag_id, run["dag_run_id"])
            for dag_id in dag_ids
            for run in self.client().runs(dag_id)
            if run["state"] not in FINISHED_RUN
        ]
        for dag_id, run_id in unfinished:
            self.client().fail_run(dag_id, run_id)
        return len(unfinished)

    def trigger(self, dag_id: str, conf: dict[str, object] | None = None) -> str:
        """Unpause the DAG, start a run and return its run id; `conf` is stored, so it never holds an identifier."""
        self.unpause([dag_id])
        return self.client().trigger(dag_id, conf)

    def wait_for_run(
        self, dag_id: str, run_id: str, on_progress: OnProgress = _ignore_progress, timeout: float = 900.0
    ) -> RunOutcome:
        """Wait until the run ends, telling of each task that ends or waits for a person, and return the outcome."""
        reports: tuple[TaskReport, ...] = ()

        def ended_state() -> str | None:
            nonlocal reports
            state = self.client().run_state(dag_id, run_id)  # before the tasks: an ended run's tasks are final
            latest = self._report_tasks(dag_id, run_id)
            for report in changed_reports(reports, latest):
                on_progress(report)
            reports = latest
            return state if state in FINISHED_RUN else None

        state = self._wait_for(f"run {run_id} of DAG {dag_id} to end", ended_state, timeout)
        return RunOutcome(dag_id, run_id, state, reports)

    def wait_for_asset_run(
        self, dag_id: str, since: datetime, on_progress: OnProgress = _ignore_progress, timeout: float = 900.0
    ) -> RunOutcome:
        """Wait for the first run that assets started after `since` (aware), then for its end."""
        started = time.monotonic()

        def first_run() -> str | None:
            runs = self.client().runs(dag_id, run_type="asset_triggered", run_after_gte=since.isoformat())
            return str(runs[0]["dag_run_id"]) if runs else None

        run_id = self._wait_for(f"an asset to start DAG {dag_id}", first_run, timeout)
        return self.wait_for_run(dag_id, run_id, on_progress, timeout - (time.monotonic() - started))

    def import_errors(self) -> tuple[ImportFailure, ...]:
        """Return the DAG files that Airflow could not import."""
        return self.client().import_errors()

    def wait_until_interrupted(self) -> None:
        """Keep Airflow running until a signal ends the program or a component ends by itself."""
        while True:
            self._check_components()
            time.sleep(1)

    def _start(self, environment: dict[str, str]) -> None:
        self._started_at = datetime.now(UTC)
        airflow = airflow_command()
        for component in list_components(self.config):
            log = component_log(self.config.home, component.name)
            with self._signals.held():
                self._running.append(start_component(component, airflow=airflow, environment=environment, log=log))

    def _stop(self) -> None:
        with self._signals.held():
            for client in self._clients.values():
                client.close()
            stop_components(self._running)
            shutil.rmtree(self.config.temporary_folder, ignore_errors=True)

    def _wait_until_healthy(self) -> None:
        with httpx.Client(timeout=30, trust_env=False) as http:
            self._wait_for("Airflow to become healthy", lambda: self._is_healthy(http) or None, HEALTH_SECONDS)

    def _is_healthy(self, http: httpx.Client) -> bool:
        with suppress(httpx.TransportError):
            # Asking also builds the task API, which takes seconds that the first task would wait for.
            if http.get(f"{self.config.execution_url}health").status_code != 200:
                return False
            health = http.get(f"{self.config.url}/api/v2/monitor/health").json()
            return all(self._has_beaten(health, name) for name in self._beating_components())
        return False

    def _beating_components(self) -> list[str]:
        return ["scheduler", "dag_processor", *(["triggerer"] if self.config.with_triggerer else [])]

    def _has_beaten(self, health: dict[str, dict[str, str | None]], name: str) -> bool:
        """Tell whether the component is healthy by a heartbeat of this start; a recent older one looks the same."""
        beat = health[name][f"latest_{name}_heartbeat"]
        is_ours = beat is not None and datetime.fromisoformat(beat) > self._started_at
        return is_ours and health[name]["status"] == "healthy"

    def _is_read(self, dag_id: str) -> bool | None:
        read_at = self.client().last_parsed(dag_id)
        if read_at is not None and read_at > self._started_at:
            return True
        if failures := self.import_errors():
            names = ", ".join(sorted(failure.file.name for failure in failures))
            raise ImportFailedError(
                f"Airflow could not import {names}", hint=f"run the file with {sys.executable} to see why"
            )
        return None

    def _report_tasks(self, dag_id: str, run_id: str) -> tuple[TaskReport, ...]:
        logs = self.config.home / "logs"
        return tuple(report_task(each, logs) for each in self.client().task_instances(dag_id, run_id))

    def _wait_for(self, what: str, find: Callable[[], Found | None], timeout: float) -> Found:
        deadline = time.monotonic() + timeout
        while (found := find()) is None:
            self._check_components()
            if time.monotonic() > deadline:
                logs = component_log(self.config.home, "scheduler").parent
                raise AirflowTimeoutError(f"waited {timeout:.0f} s for {what}", hint=f"read the logs in {logs}")
            time.sleep(POLL_SECONDS)
        return found

    def _check_components(self) -> None:
        for each in self._running:
            if not each.is_alive:
                raise ComponentExitedError(
                    f"Airflow's {each.component.name} ended with exit code {each.process.returncode}",
                    hint=f"read {each.log}",
                )


def list_components(config: AirflowConfig) -> tuple[Component, ...]:
    """Return the components in the order in which they start.

    There are two servers because one alone deadlocks on SQLite: a REST write waits inside the event loop for the lock
    of a task's state change, which waits for the event loop.
    """
    triggerer = (Component("triggerer", ("triggerer", "--skip-serve-logs")),) if config.with_triggerer else ()
    return (
        _server("execution-api", "execution", config.port + 1),
        _server("api-server", "core", config.port),
        Component("scheduler", ("scheduler", "--skip-serve-logs")),
        Component("dag-processor", ("dag-processor",)),
        *triggerer,
    )


def _server(name: str, app: str, port: int) -> Component:
    return Component(name, ("api-server", "--apps", app, "--port", str(port)), serves=True)


def airflow_command() -> Path:
    """Return the `airflow` program of the environment that this program runs in."""
    command = Path(sys.executable).with_name("airflow")
    if not command.exists():
        raise ConfigurationError(f"{command} does not exist", hint="run `make setup` to install Airflow")
    return command


def check_ports(*ports: int) -> None:
    """Raise PortInUseError for a loopback port that cannot be listened on."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise PortInUseError(
                    f"port {port} on 127.0.0.1 is taken",
                    hint=f"set {PORT_SETTING} to a port that is free, and the next",
                ) from error


def component_log(home: Path, name: str) -> Path:
    """Return where the output of a component goes. It may repeat what tasks print: never show it unasked."""
    return home / "logs" / "components" / f"{name}.log"


def prepare_home(config: AirflowConfig) -> None:
    """Make the folders, closed to other users, and empty the temporary one."""
    shutil.rmtree(config.temporary_folder, ignore_errors=True)
    folders = [config.home, config.home / "logs", component_log(config.home, "").parent, config.temporary_folder]
    try:
        for folder in folders:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
    except OSError as error:
        raise HomeUnwritableError(
            f"{config.home} cannot be written", hint="set TOKUMEI_HOME to a folder of your own"
        ) from error


@contextmanager
def locked_home(home: Path) -> Iterator[None]:
    """Keep a second embedded Airflow out of the home for the block; the lock dies with the program."""
    descriptor = os.open(home / "running.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise HomeInUseError(f"another Airflow runs in {home}", hint="stop it, or set another TOKUMEI_HOME") from error
    finally:
        os.close(descriptor)
