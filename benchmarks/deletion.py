"""Deleting subjects from 30 days of page views: ours beside DELETE IN, MERGE and a full rewrite, as Markdown tables.

All run in turn on copies of one generated table, each in a process of its own, for 1, 100 and 10,000 subjects with
their devices; medians are printed. Start-up does not count in the seconds, but in the peak of memory. Ours reads back
what it wrote, the others do not. Then: bytes written for each byte of the rows that matched, the independent scan of
the touched partitions beside the deletion and its purge, and how our CPU seconds grow with rows and with subjects, as
slopes of logarithms. benchmarks/page_views.py says what the rows are like, benchmarks/erasers.py what each way does.

Run it as a module, `python -m benchmarks.deletion`; it needs 25 bytes of disk for a row, three times over.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.erasers import WAYS
from benchmarks.ingest import fit_slope
from benchmarks.page_views import TABLE, People, write_table
from benchmarks.usage import measure

ROWS, SLOPE, SUBJECTS, RUNS = 12_000_000, (1_000_000, 4_000_000), (1, 100, 10_000), 1
NAMES = {"ours": "Tokumei", "delete": "delta-rs DELETE IN", "merge": "delta-rs MERGE", "full": "full rewrite"}
SLOPE_SUBJECTS = 100


@dataclass(frozen=True, slots=True)
class Erasure:
    """What one way came to: the figures that its process tells, and that one's peak of memory at its end in MiB."""

    figures: Mapping[str, float]
    final_peak_mib: float


def main() -> None:
    """Print what everybody takes at one size, and what we take at every size."""
    options = read_options()
    by_subjects: dict[int, float] = {}
    by_rows: dict[int, float] = {}
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        for row_count in sorted({*options.slope, options.rows}):
            lake = Path(directory) / "lake"
            people = write_table(lake, row_count)
            print_table(lake, row_count)
            for count in options.subjects if row_count == options.rows else [SLOPE_SUBJECTS]:
                ways = WAYS if row_count == options.rows else ["ours"]
                found = compare(lake, choose_subjects(people, count), ways, options.runs)
                print_comparison(found, count, lake, row_count)
                cpu = found["ours"].figures["cpu"]
                by_rows |= {row_count: cpu} if count == min(SLOPE_SUBJECTS, people.count) else {}
                by_subjects |= {count: cpu} if row_count == options.rows else {}
            shutil.rmtree(lake)
    print_slopes(by_rows, by_subjects)


def read_options() -> argparse.Namespace:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=ROWS, help="rows from which everybody deletes")
    arguments.add_argument("--slope", type=int, nargs="*", default=SLOPE, help="further sizes, for ourselves only")
    arguments.add_argument("--subjects", type=int, nargs="+", default=SUBJECTS, help="how many are deleted at once")
    arguments.add_argument("--runs", type=int, default=RUNS, help="runs of each; the median is printed")
    arguments.add_argument("--directory", type=Path, help="where the tables may lie")
    return arguments.parse_args()


def choose_subjects(people: People, count: int, seed: int = 5) -> pl.DataFrame:
    """People drawn evenly, each with a request of their own, their pseudonym and those of their devices."""
    chosen = np.random.default_rng(seed).choice(people.count, min(count, people.count), replace=False)
    devices = [people.devices.gather([2 * person, 2 * person + 1]).to_list() for person in chosen.tolist()]
    return pl.DataFrame(
        {
            "request": [f"request {person}" for person in chosen.tolist()],
            "user_pseudonym": people.users.gather(chosen),
            "device_pseudonym": pl.Series(devices, dtype=pl.List(pl.Binary)),
        }
    )


def compare(
    lake: Path, subjects: pl.DataFrame, ways: Sequence[str] | Mapping[str, object], runs: int
) -> dict[str, Erasure]:
    """The medians of each way, by name; one run of each before the next of any. Everybody must match the same rows."""
    turns = [{way: erase(lake, subjects, way) for way in ways} for _ in range(runs)]
    found = {way: _take_medians([turn[way] for turn in turns]) for way in ways}
    if len({erasure.figures["rows"] for erasure in found.values()}) != 1:
        sys.exit("the ways do not agree on the rows that are to be deleted")
    return found


def erase(lake: Path, subjects: pl.DataFrame, way: str) -> Erasure:
    """One way on a copy of the lake; files are never changed, so links to them will do."""
    copy, wanted = lake.with_name("copy"), lake.with_name("subjects.parquet")
    result = lake.with_name("result.json")
    subjects.write_parquet(wanted)
    shutil.copytree(lake, copy, copy_function=os.link)
    usage = measure([sys.executable, "-m", "benchmarks.erasers", way, copy, wanted, result])
    shutil.rmtree(copy)
    return Erasure(json.loads(result.read_text()), usage.peak_mib)


def _take_medians(erasures: Sequence[Erasure]) -> Erasure:
    names = erasures[0].figures
    figures = {name: statistics.median(each.figures[name] for each in erasures) for name in names}
    return Erasure(figures, statistics.median(each.final_peak_mib for each in erasures))


def print_table(lake: Path, row_count: int) -> None:
    """How much there is to delete from."""
    files = _list_files(lake)
    print(f"\n{row_count:,} rows in {len(files):,} files, {sum(files) / 1e6:,.0f} MB")


def _list_files(lake: Path) -> list[int]:
    return [path.stat().st_size for path in (lake / TABLE).rglob("part-*.parquet")]


def print_comparison(found: Mapping[str, Erasure], count: int, lake: Path, row_count: int) -> None:
    """Everybody for one number of subjects; the last columns say how many times our seconds they need."""
    ours = found["ours"].figures
    matched_bytes = ours["rows"] * sum(_list_files(lake)) / row_count
    print(f"\n{count:,} subjects with {ours['rows']:,.0f} rows\n")
    print("| | wall s | CPU s | peak MiB | MB written | bytes a byte matched | wall, ours = 1 | CPU, ours = 1 |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for way, erasure in found.items():
        wall, cpu, peak, written = (erasure.figures[name] for name in ("wall", "cpu", "peak_mib", "bytes"))
        print(f"| {NAMES[way]} | {wall:.2f} | {cpu:.2f} | {peak:,.0f} | {written / 1e6:,.1f} ", end="")
        print(f"| {written / max(matched_bytes, 1):,.1f} | {wall / ours['wall']:.2f} | {cpu / ours['cpu']:.2f} |")
    deletion = ours["wall"] + ours["purge_wall"]
    print(f"\nProof: {ours['proof_wall']:.2f} s, {ours['proof_wall'] / deletion:.2f} of deletion and purge", end="")
    print(f" ({deletion:.2f} s); peak {found['ours'].final_peak_mib:,.0f} MiB", flush=True)


def print_slopes(by_rows: Mapping[int, float], by_subjects: Mapping[int, float]) -> None:
    """How our CPU seconds grow; 1 is in proportion."""
    print("\n| ours | CPU s |\n|---|--:|")
    for row_count, cpu in by_rows.items():
        print(f"| {SLOPE_SUBJECTS} subjects of {row_count:,} rows | {cpu:.2f} |")
    for count, cpu in by_subjects.items():
        print(f"| {count:,} subjects of the most rows | {cpu:.2f} |")
    print(f"\nSlope of log CPU over log rows {fit_slope(by_rows)}, over log subjects {fit_slope(by_subjects)}")


if __name__ == "__main__":
    main()
