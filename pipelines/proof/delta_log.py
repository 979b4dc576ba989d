"""Which files a Delta table consists of now, read from its log as the protocol says, by nobody who wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson
import pyarrow.parquet as pq

CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(\.\d+\.\d+)?\.parquet")
COMMIT = re.compile(r"(\d{20})\.json")
READ_ATTEMPTS = 20


def list_live_files(table: Path) -> tuple[Path, ...]:
    """The data files of the newest version, by path; none for a directory without a log.

    A log that is cleaned up while it is read is read again.
    """
    for _ in range(READ_ATTEMPTS - 1):
        try:
            return read_log(table)
        except FileNotFoundError:
            continue
    return read_log(table)


def read_log(table: Path) -> tuple[Path, ...]:
    entries = sorted((table / "_delta_log").glob("*"))
    versions = {path: int(found[1]) for path in entries if (found := CHECKPOINT.fullmatch(path.name))}
    newest = max(versions.values(), default=-1)
    live = {path for file, version in versions.items() if version == newest for path in read_checkpoint(file)}
    for entry in entries:
        found = COMMIT.fullmatch(entry.name)
        if found and int(found[1]) > newest:
            for action in read_commit(entry):
                if "add" in action:
                    live.add(unquote(action["add"]["path"]))
                if "remove" in action:
                    live.discard(unquote(action["remove"]["path"]))
    return tuple(table / path for path in sorted(live))


def read_checkpoint(file: Path) -> Iterator[str]:
    rows: list[dict[str, Any] | None] = pq.read_table(file, columns=["add"]).column("add").to_pylist()
    yield from (unquote(row["path"]) for row in rows if row and row["path"] is not None)


def read_commit(file: Path) -> Iterator[dict[str, Any]]:
    yield from (orjson.loads(line) for line in file.read_bytes().splitlines() if line.strip())
