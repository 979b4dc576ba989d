"""Lines a second of `tokumei ingest`, end to end, and its peak memory at two sizes, beside `wc -l` of the same file.

Every figure is the median of some runs, taken in turn, of whole processes; quote ratios, they survive a noisy machine.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TOKUMEI = Path(sys.executable).with_name("tokumei")
SIZES = (200_000, 1_000_000)
RUNS = 3
LINES_A_MEMBER = 12  # what one member leaves in the plain logs of the generated days, with some to spare


@dataclass(frozen=True)
class Run:
    """One finished process: wall seconds, and the peak resident memory of its largest process in MiB."""

    seconds: float
    peak_mib: float


def main() -> None:
    """Print one row for each size, and how memory grew between them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lines", type=int, nargs=2, default=SIZES, help="two sizes of the file, in lines")
    arguments.add_argument("--runs", type=int, default=RUNS, help="runs of each; the median is printed")
    options = arguments.parse_args()
    print(f"{'lines':>10} {'wc -l s':>8} {'ingest s':>9} {'lines/s':>9} {'ingest / wc':>12} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as directory:
        traffic = generate_lines(Path(directory), max(options.lines))
        peaks = [measure(Path(directory), traffic, lines, options.runs) for lines in options.lines]
    print(f"peak memory ratio for {options.lines[1] / options.lines[0]:.0f} times the lines: {peaks[1] / peaks[0]:.2f}")


def measure(directory: Path, traffic: Path, lines: int, runs: int) -> float:
    """Time both commands in turn on the first lines of the traffic; returns the median peak memory of ingest."""
    source = directory / f"traffic-{lines}.log"
    with traffic.open("rb") as whole, source.open("wb") as part:
        part.writelines(line for line, _ in zip(whole, range(lines), strict=False))
    pairs = [(run(["wc", "-l", str(source)]), ingest(directory / "home", source)) for _ in range(runs)]
    count = statistics.median(pair[0].seconds for pair in pairs)
    taken = statistics.median(pair[1].seconds for pair in pairs)
    peak = statistics.median(pair[1].peak_mib for pair in pairs)
    print(
        f"{lines:>10} {count:>8.3f} {taken:>9.1f} {lines / taken:>9,.0f} {taken / count:>12,.0f} {peak:>9.0f}",
        flush=True,
    )
    return peak


def ingest(home: Path, source: Path) -> Run:
    """One ingest of one file into a fresh home."""
    shutil.rmtree(home, ignore_errors=True)
    run([str(TOKUMEI), "keys", "init"], home)
    shutil.copy(source, home / "landing" / "access" / source.name)
    return run([str(TOKUMEI), "ingest"], home)


def generate_lines(directory: Path, lines: int) -> Path:
    """Enough realistic traffic in one file, by the project's own generator."""
    generated = directory / "generated"
    size = ["--days", "5", "--users", str(lines // LINES_A_MEMBER)]
    run([str(TOKUMEI), "generate", "--out", str(generated), "--start", "2026-11-02", *size])
    traffic = directory / "traffic.log"
    with traffic.open("wb") as whole:
        for file in sorted((generated / "access").glob("*.log")):
            whole.write(file.read_bytes())
    shutil.rmtree(generated)
    return traffic


def run(command: Sequence[str], home: Path | None = None) -> Run:
    """Run a command to its end; CalledProcessError when it fails."""
    environment = {**os.environ, **({"TOKUMEI_HOME": str(home)} if home else {})}
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(seconds, _mib(usage))


def _mib(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
