"""Airflow's processes: each component leads a session, so that all it starts is found again and ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
STEP_SECONDS = 5.0  # for each step of stopping, before the next


@dataclass(frozen=True, slots=True)
class Component:
    """One command and where its output goes; the others need those that serve until they have ended themselves."""

    name: str
    command: tuple[str, ...]
    log: str
    serves: bool = False


@dataclass(frozen=True, slots=True)
class RunningComponent:
    """A started component."""

    component: Component
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None


@dataclass(frozen=True, slots=True)
class Process:
    """A living process as the kernel lists it."""

    pid: int
    parent: int
    group: int
    session: int


def open_log(log: str | Path) -> int:
    """Open an emptied log that only its owner reads: LocalExecutor repeats there, unmasked, what tasks print."""
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)


def start_component(component: Component) -> RunningComponent:
    """Start one component in a session of its own, in this process's environment."""
    output = open_log(component.log)
    try:
        process = subprocess.Popen(
            component.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    finally:
        os.close(output)
    return RunningComponent(component, process)


def stop_components(running: Sequence[RunningComponent]) -> None:
    """End the components and everything they started; after this call none of their processes exists.

    The servers go last: whoever is ending still reports to them. A task that is still running keeps the scheduler from
    ending, so after a while it is ended first; Airflow runs it again at the next start.
    """
    clients = [each for each in running if not each.component.serves]
    servers = [each for each in running if each.component.serves]
    sessions = {process.session for process in list_family(running)}

    _terminate(clients)
    for number in (signal.SIGTERM, signal.SIGKILL):  # operators clean up at TERM, Python tasks ignore it
        if _wait_until_ended(clients):
            break
        _signal_tasks(running, number)
    _wait_until_ended(clients)

    _terminate(servers)
    _wait_until_ended(servers)
    _kill_sessions(running, sessions)


def list_family(running: Iterable[RunningComponent]) -> list[Process]:
    """Return the components' living processes: their sessions, and descendants that made sessions of their own."""
    family = {each.pid for each in running}
    processes = _list_processes()
    while newly := [p for p in processes if p.pid not in family and (p.session in family or p.parent in family)]:
        family.update(process.pid for process in newly)
    return [process for process in processes if process.pid in family]


def _terminate(running: Iterable[RunningComponent]) -> None:
    for each in running:
        if each.is_alive:
            each.process.terminate()


def _signal_tasks(running: Sequence[RunningComponent], number: signal.Signals) -> None:
    """Signal the tasks and what they started: unlike the executor's workers, these left the component's group."""
    leaders = {each.pid for each in running}
    for process in list_family(running):
        if process.group not in leaders:
            _send(process.pid, number)


def _kill_sessions(running: Sequence[RunningComponent], sessions: set[int]) -> None:
    def is_empty() -> bool:
        survivors = [process for process in _list_processes() if process.session in sessions]
        for process in survivors:
            _send(process.pid, signal.SIGKILL)
        return not survivors and not any(each.is_alive for each in running)

    _wait_until(is_empty)


def _wait_until_ended(running: Sequence[RunningComponent]) -> bool:
    return _wait_until(lambda: not any(each.is_alive for each in running))


def _wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + STEP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _list_processes() -> list[Process]:
    listed = (_read_process(entry) for entry in PROC.iterdir() if entry.name.isdigit())
    return [process for process in listed if process is not None]


def _read_process(entry: Path) -> Process | None:
    """Return the process, None when it has ended; the fields after the command name are those of proc(5)."""
    try:
        stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, parent, group, session, *_ = stat.rpartition(")")[2].split()
    return None if state in "ZX" else Process(int(entry.name), int(parent), int(group), int(session))
