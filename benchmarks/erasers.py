"""One way of deleting subjects from the table of page views, in a process of its own, and what it came to as JSON.

Arguments: the way, the lake's directory, the file of subjects, the file to write. Ours is what a deletion does to one
table. Beside it, each as its documentation has it: delta-rs with DELETE ... IN, delta-rs with MERGE (one for each
subject column, since an OR would compare every pair), and Polars rewriting the table by an anti-join, streaming.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from benchmarks.page_views import TABLE, open_page_views
from pipelines.lake.layout import live_files, open_table
from pipelines.lake.purge import purge_table
from pipelines.lake.rewrite import Requests, remove_subjects
from pipelines.proof.scan import scan

COLUMNS = ("user_pseudonym", "device_pseudonym")
PLAN = "benchmark"


def main() -> None:
    """Delete, and write down seconds, peak memory in MiB, rows matched and bytes written; for ours the proof's too."""
    way, lake, subjects = sys.argv[1], Path(sys.argv[2]), pl.read_parquet(sys.argv[3])
    before = _sizes(lake)
    found = time_work(lambda: WAYS[way](lake, subjects))
    found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    after = _sizes(lake)
    found["rows"] = sum(rows for rows, _ in before.values()) - sum(rows for rows, _ in after.values())
    found["bytes"] = sum(size for path, (_, size) in after.items() if path not in before)
    if way == "ours":
        gone = [path for path in before if path not in after]
        found |= prove(lake, subjects, gone)
    Path(sys.argv[4]).write_text(json.dumps(found))


def time_work(work: Callable[[], object]) -> dict[str, float]:
    """Seconds by the wall and of all cores that some work took, started up already."""
    started, cpu = time.perf_counter(), _cpu_seconds()
    work()
    return {"wall": time.perf_counter() - started, "cpu": _cpu_seconds() - cpu}


def prove(lake_directory: Path, subjects: pl.DataFrame, replaced: list[str]) -> Mapping[str, float]:
    """What it takes to purge old versions and to look for every subject in the partitions that were touched."""
    lake, contract = open_page_views(lake_directory)
    purge = time_work(lambda: purge_table(lake, contract))
    root = lake_directory / TABLE
    touched = sorted({place for path in replaced if any((place := (root / path).parent).iterdir())})
    identifiers = [value for name in COLUMNS for value in _list_wanted(subjects, name)]
    reports = []
    proof = time_work(lambda: reports.append(scan([*touched, root / "_delta_log"], identifiers)))
    if not reports[0].clean:
        sys.exit("the scan found somebody, or could not read a file")
    return {"purge_wall": purge["wall"], "proof_wall": proof["wall"], "proof_cpu": proof["cpu"]}


def erase_ours(lake_directory: Path, subjects: pl.DataFrame) -> None:
    """As a deletion does it: locate, rewrite what is touched, read it back, commit."""
    lake, contract = open_page_views(lake_directory)
    requests: Requests = {
        row["request"]: {"user_pseudonym": [row["user_pseudonym"]], "device_pseudonym": row["device_pseudonym"]}
        for row in subjects.iter_rows(named=True)
    }
    remove_subjects(lake, contract, requests, plan=PLAN, announce=lambda _: None)


def delete_in(lake_directory: Path, subjects: pl.DataFrame) -> None:
    """delta-rs: DELETE with every pseudonym in the predicate."""
    lists = {name: ", ".join(f"X'{value.hex()}'" for value in _list_wanted(subjects, name)) for name in COLUMNS}
    _open(lake_directory).delete(" OR ".join(f"{name} IN ({listed})" for name, listed in lists.items()))


def merge(lake_directory: Path, subjects: pl.DataFrame) -> None:
    """delta-rs: MERGE ... WHEN MATCHED DELETE."""
    for name in COLUMNS:
        source = pl.DataFrame({"pseudonym": _list_wanted(subjects, name)}, schema={"pseudonym": pl.Binary})
        merger = _open(lake_directory).merge(
            source.to_arrow(compat_level=pl.CompatLevel.oldest()),
            predicate=f"stored.{name} = gone.pseudonym",
            source_alias="gone",
            target_alias="stored",
        )
        merger.when_matched_delete().execute()


def rewrite_all(lake_directory: Path, subjects: pl.DataFrame) -> None:
    """Polars: every row but theirs into new files of the same partitions."""
    kept = pl.scan_delta(str(lake_directory / TABLE))
    for name in COLUMNS:
        gone = pl.LazyFrame({name: _list_wanted(subjects, name)}, schema={name: pl.Binary})
        kept = kept.join(gone, on=name, how="anti")
    kept.sink_delta(str(lake_directory / TABLE), mode="overwrite")


def _open(lake_directory: Path) -> DeltaTable:
    return DeltaTable(str(lake_directory / TABLE))


def _list_wanted(subjects: pl.DataFrame, name: str) -> list[bytes]:
    values = subjects[name]
    return (values.explode() if values.dtype == pl.List else values).to_list()


def _sizes(lake_directory: Path) -> dict[str, tuple[int, int]]:
    lake, contract = open_page_views(lake_directory)
    return {file.path: (file.row_count, file.byte_count) for file in live_files(open_table(lake, contract))}


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


WAYS: Mapping[str, Callable[[Path, pl.DataFrame], None]] = {
    "ours": erase_ours,
    "delete": delete_in,
    "merge": merge,
    "full": rewrite_all,
}

if __name__ == "__main__":
    main()
