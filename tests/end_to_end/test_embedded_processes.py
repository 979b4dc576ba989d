"""Whatever ends the program that started Airflow, no process of Airflow's stays; shown on processes that start fast."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.embedded.airflow import EmbeddedAirflow
from pipelines.embedded.environment import AirflowConfig
from pipelines.embedded.failures import HomeInUseError
from pipelines.embedded.home import locked_home
from pipelines.embedded.processes import Component
from pipelines.embedded.supervisor import start_supervisor
from pipelines.errors import HomeUnwritableError, PortInUseError

# A component whose child left its session, as the command of a bash task does.
FAMILY = "setsid sleep 600 & echo $! > {pids}; sleep 600 & echo $! >> {pids}; echo $$ >> {pids}; wait"

PROGRAM = """
import os, sys, time
from pipelines.embedded.processes import Component
from pipelines.embedded.signals import ending_signals_raised
from pipelines.embedded.supervisor import start_supervisor

script, folder = sys.argv[1:]
with ending_signals_raised(), open(f"{folder}/lock", "w") as lock:
    component = Component("family", ("sh", "-c", script), f"{folder}/family.log")
    supervisor = start_supervisor([component], environment=os.environ, log=f"{folder}/log", lock=lock.fileno())
    try:
        time.sleep(600)
    finally:
        supervisor.stop()
"""


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def config_in(folder: Path, port: int = 1) -> AirflowConfig:
    return AirflowConfig(home=folder / "airflow", dags_folder=folder, plugins_folder=None, port=port)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_ended_program_leaves_no_process_of_any_component(tmp_path: Path, number: signal.Signals):
    pids = tmp_path / "pids"
    script = FAMILY.format(pids=pids)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, script, tmp_path], stderr=subprocess.DEVNULL) as program:
        wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 3)
        family = [int(pid) for pid in pids.read_text().split()]
        assert all(is_running(pid) for pid in family)
        program.send_signal(number)
    wait_until(lambda: not any(is_running(pid) for pid in family))


def test_component_that_ends_by_itself_is_told_with_its_log_and_exit_code(tmp_path: Path):
    log = tmp_path / "failing.log"
    component = Component("failing", ("sh", "-c", "echo why; exit 3"), str(log))
    with (tmp_path / "lock").open("w") as lock:
        supervisor = start_supervisor(
            [component], environment=os.environ, log=tmp_path / "supervisor.log", lock=lock.fileno()
        )
        try:
            told = []
            wait_until(lambda: bool(told.append(supervisor.ended_component()) or told[-1]))
        finally:
            supervisor.stop()
    assert (told[-1].name, told[-1].log, told[-1].exit_code) == ("failing", log, 3)
    assert log.read_text() == "why\n"
    assert log.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("offset", [0, 1])
def test_taken_port_is_named_before_anything_starts(tmp_path: Path, offset: int):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port {port} .* TOKUMEI_AIRFLOW_PORT"):
            EmbeddedAirflow(config_in(tmp_path, port - offset)).__enter__()
    assert not (tmp_path / "airflow").exists()


def test_second_airflow_in_one_home_is_refused_and_leaves_the_first_alone(tmp_path: Path):
    config = config_in(tmp_path, free_port())
    config.temporary_folder.mkdir(parents=True)
    with locked_home(config.home), pytest.raises(HomeInUseError, match="another Airflow"):
        EmbeddedAirflow(config).__enter__()
    assert config.temporary_folder.exists()


def test_unwritable_home_is_named(tmp_path: Path):
    (tmp_path / "airflow").write_text("a file where the folder should be")
    with pytest.raises(HomeUnwritableError, match="TOKUMEI_HOME"):
        EmbeddedAirflow(config_in(tmp_path, free_port())).__enter__()
