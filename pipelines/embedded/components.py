"""Which `airflow` commands make up the embedded Airflow, and how their health shows."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import httpx

from pipelines.embedded.environment import AirflowConfig
from pipelines.embedded.home import component_log
from pipelines.embedded.processes import Component
from pipelines.errors import ConfigurationError


def list_components(config: AirflowConfig) -> tuple[Component, ...]:
    """Return the components in the order in which they start.

    There are two servers because one alone deadlocks on SQLite: a REST write waits, inside the event loop, for the lock
    of a task's state change, and that waits for the event loop.
    """
    airflow = _airflow_program()

    def component(name: str, *arguments: str, serves: bool = False) -> Component:
        return Component(name, (str(airflow), *arguments), str(component_log(config.home, name)), serves)

    def server(name: str, app: str, port: int) -> Component:
        return component(name, "api-server", "--apps", app, "--port", str(port), serves=True)

    return (
        server("execution-api", "execution", config.port + 1),
        server("api-server", "core", config.port),
        component("scheduler", "scheduler", "--skip-serve-logs"),
        component("dag-processor", "dag-processor"),
        *([component("triggerer", "triggerer", "--skip-serve-logs")] if config.with_triggerer else []),
    )


def are_healthy(config: AirflowConfig, http: httpx.Client, started_at: datetime) -> bool:
    """Tell whether both servers answer, and the others have shown a sign of life since the start.

    Asking the execution server also builds the task API, for seconds that the first task would wait otherwise.
    """
    with suppress(httpx.TransportError):
        if http.get(f"{config.execution_url}health").is_success:
            health = http.get(f"{config.url}/api/v2/monitor/health").json()
            beating = ["scheduler", "dag_processor", *(["triggerer"] if config.with_triggerer else [])]
            return all(_has_beaten(health[name], name, started_at) for name in beating)
    return False


def _has_beaten(health: dict[str, str | None], name: str, started_at: datetime) -> bool:
    """Tell whether the heartbeat is of this start: one of an earlier start counts as healthy for half a minute."""
    beat = health[f"latest_{name}_heartbeat"]
    return health["status"] == "healthy" and beat is not None and datetime.fromisoformat(beat) > started_at


def _airflow_program() -> Path:
    program = Path(sys.executable).with_name("airflow")
    if not program.exists():
        raise ConfigurationError(f"{program} does not exist", hint="run `make setup` to install Airflow")
    return program
