"""A process between this program and Airflow's: it starts the components, and ends them when the program is gone.

The program holds one end of a pipe. Whatever ends the program, a signal, a crash or `kill -9`, closes that end, and
the supervisor stops every process before it ends itself.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import IO, cast

from pipelines.embedded.processes import Component, RunningComponent, open_log, start_component, stop_components

POLL_SECONDS = 0.5
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class EndedComponent:
    """A component that ended by itself."""

    name: str
    log: Path
    exit_code: int


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The program's hold on the supervisor process."""

    components: tuple[Component, ...]
    log: Path
    process: subprocess.Popen[str]

    def ended_component(self) -> EndedComponent | None:
        """Return a component that ended by itself, if there is one to tell."""
        output = cast("IO[str]", self.process.stdout)
        if not select.select([output], [], [], 0)[0]:
            return None
        if not (line := output.readline()):
            return EndedComponent("supervisor", self.log, self.process.wait())
        index, exit_code = json.loads(line)
        return EndedComponent(self.components[index].name, Path(self.components[index].log), exit_code)

    def stop(self) -> None:
        """Let go of the pipe, and wait until every process has ended."""
        with self.process:
            cast("IO[str]", self.process.stdin).close()
            self.process.wait(STOP_SECONDS)


def start_supervisor(
    components: Iterable[Component], *, environment: Mapping[str, str], log: Path, lock: int
) -> Supervisor:
    """Start the components under a supervisor that keeps the lock (a file descriptor) until the last has ended."""
    wanted = tuple(components)
    errors = open_log(log)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            pass_fds=(lock,),
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
            umask=0o077,
        )
    finally:
        os.close(errors)
    stdin = cast("IO[str]", process.stdin)
    stdin.write(json.dumps([asdict(component) for component in wanted]) + "\n")
    stdin.flush()
    return Supervisor(wanted, log, process)


def main() -> None:
    """Start what the first line of the input lists, tell who ends by itself, and stop all when the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _go_on)
    running: list[RunningComponent] = []
    try:
        components = [Component(**description) for description in json.loads(sys.stdin.readline())]
        running.extend(start_component(component) for component in components)  # one by one: those started are stopped
        _watch(running)
    finally:
        stop_components(running)


def _watch(running: list[RunningComponent]) -> None:
    told: set[int] = set()
    while not select.select([sys.stdin], [], [], POLL_SECONDS)[0]:
        ended = {index for index, each in enumerate(running) if not each.is_alive}
        for index in sorted(ended - told):
            sys.stdout.write(json.dumps([index, running[index].process.returncode]) + "\n")
            sys.stdout.flush()
        told |= ended


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Outlive the signal: only the pipe ends the supervisor. A handler, unlike ignoring, is not inherited."""


if __name__ == "__main__":
    main()
