"""What the embedded Airflow occupies on this machine: its folders, and two ports."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.embedded.environment import AirflowConfig
from pipelines.embedded.failures import HomeInUseError
from pipelines.errors import HomeUnwritableError, PortInUseError

PORT_SETTING = "TOKUMEI_AIRFLOW_PORT"


def check_ports(*ports: int) -> None:
    """Raise PortInUseError for a port of the loopback address that cannot be listened on."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left is free
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise PortInUseError(
                    f"port {port} on 127.0.0.1 is taken",
                    hint=f"set {PORT_SETTING} to a port that is free together with the next one",
                ) from error


def prepare_home(config: AirflowConfig) -> None:
    """Make the folders, closed to other users."""
    logs = task_logs(config.home)
    try:
        for folder in (config.home, logs, logs / "components"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
    except OSError as error:
        raise HomeUnwritableError(
            f"{config.home} cannot be written", hint="set TOKUMEI_HOME to a folder of your own"
        ) from error


@contextmanager
def temporary_folder(folder: Path) -> Iterator[None]:
    """Empty the folder of temporary files before the block and after it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked_home(home: Path) -> Iterator[int]:
    """Keep a second embedded Airflow out of the home; yield the lock's descriptor, which a child may keep longer."""
    lock = os.open(home / "running.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        _take_lock(lock, home)
        yield lock
    finally:
        os.close(lock)


def task_logs(home: Path) -> Path:
    """Return the folder that holds the tasks' logs, and the components'."""
    return home / "logs"


def component_log(home: Path, name: str) -> Path:
    """Return where a component's output goes. It may repeat what tasks print: never show it unasked."""
    return task_logs(home) / "components" / f"{name}.log"


def _take_lock(lock: int, home: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HomeInUseError(
            f"another Airflow runs, or is just ending, in {home}", hint="wait for its end, or set another TOKUMEI_HOME"
        ) from error
