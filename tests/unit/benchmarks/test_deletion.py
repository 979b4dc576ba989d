"""The benchmark of deletion runs at any size, and everybody in it deletes the same rows."""

import subprocess
import sys

import polars as pl
import pytest

from benchmarks.deletion import choose_subjects
from benchmarks.page_views import DAYS, TABLE, open_page_views, write_table
from pipelines.contracts.derive import polars_schema
from pipelines.lake.layout import open_table
from pipelines.settings import REPOSITORY

SIZES = ["--rows", "3000", "--slope", "1500", "--subjects", "1", "20", "--runs", "1"]


@pytest.mark.slow
def test_benchmark_of_deletion_prints_every_way_the_proof_and_the_slopes(tmp_path):
    command = [sys.executable, "-m", "benchmarks.deletion", *SIZES, "--directory", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, timeout=250, text=True)
    counts = {"Tokumei": 3, "delta-rs DELETE IN": 2, "delta-rs MERGE": 2, "full rewrite": 2}
    assert {way: done.stdout.count(f"| {way} |") for way in counts} == counts
    assert done.stdout.count("Proof: ") == 3
    assert "Slope of log CPU over log rows" in done.stdout
    assert not list(tmp_path.iterdir())


def test_generated_page_views_have_our_schema_and_layout_and_as_many_rows_as_asked_for(tmp_path):
    people = write_table(tmp_path, 1500)
    lake, contract = open_page_views(tmp_path)
    rows = pl.read_delta(open_table(lake, contract))
    assert rows.schema == polars_schema(contract)
    assert (rows.height, rows["event_date"].n_unique()) == (1500, DAYS)
    first_bytes = rows["visitor_pseudonym"].bin.slice(0, 1).bin.encode("hex").str.to_integer(base=16)
    assert (first_bytes % 4).cast(pl.Int32).equals(rows["subject_bucket"].cast(pl.Int32), check_names=False)
    assert {path.name.partition("=")[0] for path in (tmp_path / TABLE).iterdir()} == {"_delta_log", "event_date"}
    subjects = choose_subjects(people, 20)
    assert subjects["user_pseudonym"].n_unique() == 20
    assert subjects["device_pseudonym"].list.len().to_list() == [2] * 20
