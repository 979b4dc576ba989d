"""What a run of a DAG has come to: its tasks' states as they change, and the outcome at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SUCCESS = "success"
FAILED = "failed"
AWAITING_INPUT = "awaiting_input"
FINISHED_RUN = frozenset({SUCCESS, FAILED})
NOTEWORTHY = frozenset({SUCCESS, FAILED, "up_for_retry", "upstream_failed", "skipped", AWAITING_INPUT})


@dataclass(frozen=True, slots=True)
class TaskReport:
    """One task instance at one moment; `map_index` is -1 for a task that is not mapped, `log` is on disk."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str
    try_number: int
    seconds: float
    log: Path

    @property
    def label(self) -> str:
        mapped = f"[{self.map_index}]" if self.map_index >= 0 else ""
        return f"{self.dag_id}.{self.task_id}{mapped}"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended, and each of its tasks."""

    dag_id: str
    run_id: str
    state: str
    tasks: tuple[TaskReport, ...]

    @property
    def succeeded(self) -> bool:
        return self.state == SUCCESS

    @property
    def failed_tasks(self) -> tuple[TaskReport, ...]:
        return tuple(task for task in self.tasks if task.state == FAILED)


OnProgress = Callable[[TaskReport], None]


def report_task(instance: dict[str, Any], logs: Path) -> TaskReport:
    """Return the report of a task instance as the API describes it."""
    return TaskReport(
        dag_id=instance["dag_id"],
        run_id=instance["dag_run_id"],
        task_id=instance["task_id"],
        map_index=instance["map_index"],
        state=instance["state"] or "none",
        try_number=instance["try_number"],
        seconds=instance["duration"] or 0.0,
        log=_log_path(instance, logs),
    )


def changed_reports(before: Iterable[TaskReport], after: Iterable[TaskReport]) -> Iterator[TaskReport]:
    """Yield the reports whose state is new and worth telling a person."""
    known = {(task.task_id, task.map_index): (task.state, task.try_number) for task in before}
    for task in after:
        if task.state in NOTEWORTHY and known.get((task.task_id, task.map_index)) != (task.state, task.try_number):
            yield task


def _log_path(instance: dict[str, Any], logs: Path) -> Path:
    """Return where Airflow's default log_filename_template puts the log of the latest try."""
    folder = logs / f"dag_id={instance['dag_id']}" / f"run_id={instance['dag_run_id']}"
    folder = folder / f"task_id={instance['task_id']}"
    if instance["map_index"] >= 0:
        folder = folder / f"map_index={instance['map_index']}"
    return folder / f"attempt={instance['try_number']}.log"
