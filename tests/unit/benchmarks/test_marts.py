"""The benchmark of the marts runs at any size, and every way comes to the same rows."""

import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.marts import Building, require_same_rows, take_medians
from pipelines.settings import REPOSITORY

BUILDING = Building(wall=3, cpu=2, start_up=1, peak_mib=100, rows={"usage_daily": 30})


@pytest.mark.slow
def test_benchmark_of_marts_prints_the_bare_sql_the_build_and_the_late_day(tmp_path):
    command = [sys.executable, "-m", "benchmarks.marts", "--rows", "3000", "--runs", "1", "--directory", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, timeout=250, text=True)
    assert [done.stdout.count(f"| {way} | ") for way in ("by hand", "full build", "late day")] == [1, 1, 1]
    assert "3,000 page views in 30 days" in done.stdout
    assert not list(tmp_path.iterdir())


def test_ways_that_come_to_other_rows_are_no_comparison():
    require_same_rows([{"hand": BUILDING, "full": BUILDING}])
    with pytest.raises(SystemExit, match="do not agree"):
        require_same_rows([{"hand": BUILDING, "full": replace(BUILDING, rows={"usage_daily": 29})}])


def test_the_median_of_each_figure_is_printed():
    runs = [replace(BUILDING, wall=wall, cpu=cpu) for wall, cpu in ((1, 9), (2, 8), (30, 7))]
    assert (take_medians(runs).wall, take_medians(runs).cpu) == (2, 8)
