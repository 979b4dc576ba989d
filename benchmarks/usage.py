"""What a command and all processes that it starts cost: seconds by the wall and of all cores, and peak memory."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.1
PR_SET_CHILD_SUBREAPER = 36
PROPORTIONAL = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)
PEAK = re.compile(rb"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds by the wall, user and system seconds of the whole process tree, and its peak memory in MiB."""

    wall: float
    cpu: float
    peak_mib: float


def measure(command: Sequence[str | Path], variables: Mapping[str, str] | None = None) -> Usage:
    """Run a command to its end, and whatever it left behind; CalledProcessError when it fails.

    Ten times a second, memory is summed over the tree, shared out among the processes that share it (PSS). A peak
    between two looks is not missed where it is one process's, whose own the kernel remembers (VmHWM).
    """
    _adopt_orphans()
    environment = {**os.environ, **(variables or {})}
    sampler = Sampler()
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    with sampler:
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        usages = [usage, *_reap_orphans()]
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Usage(wall, sum(each.ru_utime + each.ru_stime for each in usages), sampler.peak_kib / 1024)


class Sampler:
    """Watches the memory of everything that this process has started, from a thread of its own."""

    def __init__(self) -> None:
        self.peak_kib = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            found = [_read_memory(process) for process in _list_descendants(os.getpid())]
            largest = max((peak for _, peak in found), default=0)
            self.peak_kib = max(self.peak_kib, largest, sum(now for now, _ in found))


def _list_descendants(process: int) -> Iterator[int]:
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # ended meanwhile
            continue
        for child in map(int, found):
            yield child
            yield from _list_descendants(child)


def _read_memory(process: int) -> tuple[int, int]:
    """KiB in use now, and at the peak so far; 0 for a process that ended meanwhile."""
    try:
        now = PROPORTIONAL.search(Path(f"/proc/{process}/smaps_rollup").read_bytes())
        peak = PEAK.search(Path(f"/proc/{process}/status").read_bytes())
    except OSError:
        return 0, 0
    return int(now[1]) if now else 0, int(peak[1]) if peak else 0


def _adopt_orphans() -> None:
    """Have the kernel give us what a command leaves running, or its seconds would be nobody's."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("the kernel has no child subreaper")


def _reap_orphans() -> Iterator[resource.struct_rusage]:
    while True:
        try:
            yield os.wait4(-1, 0)[2]
        except ChildProcessError:
            return
