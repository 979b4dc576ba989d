"""`tokumei ingest` end to end, beside what others do with the same generated lines; prints Markdown tables.

Ours parses, ends identifiers, enriches, measures, gates and commits. Beside it run GoAccess with anonymised addresses,
a per-line Python reader that makes the same rows (on a sample, scaled), and commands that only read. All run in turn,
several times; medians are printed. Quote the ratios of CPU seconds, they survive a busy machine. benchmarks/traffic.py
says what the lines are like. `--check` has the naive reader say what must be stored, and compares.

Run it as a module, `python -m benchmarks.ingest`. GoAccess is left out when it is not installed.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.checks import check
from benchmarks.contenders import OURS_COMBINED, OURS_JSON, Contender, list_contenders, list_ours
from benchmarks.traffic import Traffic, make_base, write_traffic
from benchmarks.usage import Usage

LINES, SLOPE = 5_000_000, (1_000_000, 20_000_000)
RUNS = 3
START_UP_LINES = 1_000
NO_GOACCESS = "GoAccess is left out: it is not installed (`apt-get install goaccess`)."


def main() -> None:
    """Print a table of all at one size, and one of ourselves at every size; exits 1 when a check finds a difference."""
    options = read_options()
    base, ours = make_base(), {}
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        for size in sorted({START_UP_LINES, options.lines, *options.slope}):
            ours[size] = compare(Path(directory), write_traffic(Path(directory), base, size), options)
    print_slopes(ours)


def compare(directory: Path, traffic: Traffic, options: argparse.Namespace) -> Mapping[str, Usage]:
    """Measure everybody, or ourselves, at one size, check what was stored, and remove the traffic."""
    is_for_all = traffic.line_count == options.lines
    contenders = list_contenders(directory) if is_for_all else list_ours(directory)
    found = run_in_turn(contenders, traffic, options.runs)
    if is_for_all:
        print_comparison(found, traffic)
    if options.check and traffic.line_count > START_UP_LINES and not check(directory, traffic):
        sys.exit(1)
    for path in directory.glob(f"{traffic.line_count}.*"):
        path.unlink()
    return found


def read_options() -> argparse.Namespace:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lines", type=int, default=LINES, help="lines that everybody reads")
    arguments.add_argument("--slope", type=int, nargs="*", default=SLOPE, help="further sizes, for ourselves only")
    arguments.add_argument("--runs", type=int, default=RUNS, help="runs of each; the median is printed")
    arguments.add_argument("--check", action="store_true", help="compare what is stored with the naive reader")
    arguments.add_argument("--directory", type=Path, help="where 1.5 MB for each thousand lines may lie")
    return arguments.parse_args()


def run_in_turn(contenders: Sequence[Contender], traffic: Traffic, runs: int) -> Mapping[str, Usage]:
    """The medians of everybody, by name; one run of each before the next of any."""
    turns = [[contender.run(traffic) for contender in contenders] for _ in range(runs)]
    return {
        contender.name: take_medians(usages, traffic.line_count / min(contender.lines or math.inf, traffic.line_count))
        for contender, usages in zip(contenders, zip(*turns, strict=True), strict=True)
    }


def take_medians(usages: Sequence[Usage], scale: float) -> Usage:
    """Each figure's median; seconds scaled to all lines."""
    return Usage(
        statistics.median(usage.wall for usage in usages) * scale,
        statistics.median(usage.cpu for usage in usages) * scale,
        statistics.median(usage.peak_mib for usage in usages),
    )


def print_comparison(found: Mapping[str, Usage], traffic: Traffic) -> None:
    """Everybody at one size; the last column says how many times our CPU seconds for the format they need."""
    print(f"\n{traffic.line_count:,} lines, {traffic.combined.stat().st_size / 1e6:,.0f} MB combined, ", end="")
    print(f"{traffic.json_lines.stat().st_size / 1e6:,.0f} MB as JSON\n")
    if not shutil.which("goaccess"):
        print(f"{NO_GOACCESS}\n")
    print("| | wall s | CPU s | thousand lines a CPU s | peak MiB | CPU, ours = 1 |\n|---|--:|--:|--:|--:|--:|")
    for name, usage in found.items():
        ratio = usage.cpu / found[OURS_JSON if "JSON" in name else OURS_COMBINED].cpu
        rate = traffic.line_count / max(usage.cpu, 0.01) / 1000
        print(f"| {name} | {usage.wall:.1f} | {usage.cpu:.1f} | {rate:,.0f} | {usage.peak_mib:,.0f} | {ratio:.2f} |")
    sys.stdout.flush()


def print_slopes(ours: Mapping[int, Mapping[str, Usage]]) -> None:
    """Ourselves at every size, and how CPU seconds grow with it, start-up left out: 1 is in proportion."""
    start, *sizes = sorted(ours)
    print("\n| | lines | CPU s | CPU s a million | peak MiB |\n|---|--:|--:|--:|--:|")
    for name in (OURS_COMBINED, OURS_JSON):
        for size in (start, *sizes):
            usage = ours[size][name]
            print(f"| {name} | {size:,} | {usage.cpu:.1f} | {usage.cpu / size * 1e6:,.1f} | {usage.peak_mib:,.0f} |")
    for name in (OURS_COMBINED, OURS_JSON):
        whole = {size: ours[size][name].cpu for size in sizes}
        net = {size: cpu - ours[start][name].cpu for size, cpu in whole.items()}
        print(f"\n{name}: slope of log CPU over log lines {fit_slope(whole)}, without start-up {fit_slope(net)}")


def fit_slope(seconds: Mapping[int, float]) -> str:
    """The slope of the line that fits best, by least squares, on logarithms of size and seconds."""
    if len(seconds) < 2 or min(seconds.values()) <= 0:
        return "not to be told from these sizes"
    points = [(math.log(size), math.log(cpu)) for size, cpu in seconds.items()]
    return f"{statistics.linear_regression(*zip(*points, strict=True)).slope:.2f}"


if __name__ == "__main__":
    main()
