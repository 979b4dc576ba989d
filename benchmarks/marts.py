"""Building the marts of a month of page views beside the bare SQL, and a late day beside the month, in Markdown.

Each run is a process of its own, one after the other, on the same lake; medians are printed. `by hand` runs the same
SQL files in DuckDB on the same Parquet files, and nothing else; `full build` is the journey with its gates and
publication; `late day` the journey once more after one day in the middle was touched. Start-up (imports, opening the
house) does not count in the seconds, and has a column of its own; it does count in the peak of memory.
benchmarks/page_views.py says what the rows are like, benchmarks/mart_builders.py what each way does. Tables other than
page views are empty.

Run it as a module, `python -m benchmarks.marts`, on a machine that does nothing else: 20 million rows need 400 MB of
disk. Where it is busy, trust the ratios of CPU seconds more than those of the wall.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.page_views import write_table
from benchmarks.usage import measure
from pipelines.journeys.keys import make_keys
from pipelines.settings import Settings, load_settings, prepare_home

ROWS, RUNS = 20_000_000, 3
NAMES = {"hand": "by hand", "full": "full build", "late": "late day"}
# The figure that each ratio is held against.
AIMS = {"full": ("hand", 1.3), "late": ("full", 0.1)}
PEAK_MIB = 2048


@dataclass(frozen=True, slots=True)
class Building:
    """What one way came to: seconds by the wall and of all cores, seconds to start up, peak memory in MiB."""

    wall: float
    cpu: float
    start_up: float
    peak_mib: float
    rows: Mapping[str, int]


def main() -> None:
    """Print what each way takes."""
    options = read_options()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        settings = make_home(Path(directory) / "home", options.rows)
        turns = [build_all_ways(settings) for _ in range(options.runs)]
    require_same_rows(turns)
    print_table({way: take_medians([turn[way] for turn in turns]) for way in NAMES}, options.rows)


def read_options() -> argparse.Namespace:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=ROWS, help="page views in the month")
    arguments.add_argument("--runs", type=int, default=RUNS, help="runs of each way; the median is printed")
    arguments.add_argument("--directory", type=Path, help="where the lake may lie")
    return arguments.parse_args()


def make_home(home: Path, row_count: int) -> Settings:
    """A new installation with that many page views in its lake."""
    settings = load_settings({"TOKUMEI_HOME": str(home)})
    prepare_home(settings)
    make_keys(settings)
    write_table(Path(settings.lake_uri), row_count)
    return settings


def build_all_ways(settings: Settings) -> dict[str, Building]:
    """Each way once, from nothing: the late day on the file of the full build."""
    shutil.rmtree(settings.warehouse_directory)
    settings.home.with_name("hand.duckdb").unlink(missing_ok=True)
    return {way: build(settings, way) for way in NAMES}


def build(settings: Settings, way: str) -> Building:
    """One way in a process of its own."""
    result = settings.home.with_name("result.json")
    usage = measure([sys.executable, "-m", "benchmarks.mart_builders", way, settings.home, result])
    return Building(peak_mib=usage.peak_mib, **json.loads(result.read_text()))


def require_same_rows(turns: Sequence[Mapping[str, Building]]) -> None:
    """All ways must come to the same number of rows in each mart."""
    counts = [building.rows for turn in turns for building in turn.values()]
    if any(count != counts[0] for count in counts):
        sys.exit("the ways do not agree on the rows of the marts")


def take_medians(buildings: Sequence[Building]) -> Building:
    """The median of each figure."""
    figures = {
        name: statistics.median(getattr(building, name) for building in buildings)
        for name in ("wall", "cpu", "start_up", "peak_mib")
    }
    return Building(rows=buildings[0].rows, **figures)


def print_table(found: Mapping[str, Building], row_count: int) -> None:
    """Seconds, memory, and how each compares to what it is held against."""
    print(f"\n{row_count:,} page views in 30 days, {len(found['full'].rows)} marts\n")
    print("| | wall s | CPU s | start-up s | peak MiB | wall ratio | CPU ratio | aim |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for way, building in found.items():
        print(f"| {NAMES[way]} | {building.wall:.2f} | {building.cpu:.2f} | {building.start_up:.2f} ", end="")
        print(f"| {building.peak_mib:,.0f} | {_compare(found, way)} |")
    print(f"\nAim of the peak: {PEAK_MIB:,} MiB", flush=True)


def _compare(found: Mapping[str, Building], way: str) -> str:
    if way not in AIMS:
        return "1 | 1 | "
    other, aim = AIMS[way]
    wall, cpu = found[way].wall / found[other].wall, found[way].cpu / found[other].cpu
    return f"{wall:.2f} | {cpu:.2f} | {aim} of {NAMES[other]}"


if __name__ == "__main__":
    main()
