"""What waits in landing, in batches for tasks, told by tokens: who runs tasks remembers what it tells them.

A name in landing may hold an identifier. A token is keyed, so that it says nothing of the name to who has no key.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from pipelines.ingestion.landing import mark_file
from pipelines.ingestion.sources import SourceFile
from pipelines.journeys.house import House
from pipelines.journeys.ingest import INGESTED_SOURCES, find_files
from pipelines.telemetry import record_step

FIRST_SOURCE = "accounts"
BATCHED_SOURCES = tuple(source for source in INGESTED_SOURCES if source != FIRST_SOURCE)
BATCH_BYTES = 256 * 1024 * 1024
MOST_BATCHES = 64
FILE_BYTES = 1024 * 1024  # what a file costs besides its content: a gate, commits, an entry in the ledger
TOKEN_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits in landing, and the tokens of each batch."""

    file_count: int
    byte_count: int
    batches: tuple[tuple[str, ...], ...]


def list_batches(house: House) -> Waiting:
    """Batches of about BATCH_BYTES, at most MOST_BATCHES of them, each of consecutive files."""
    with record_step("list_batches", "landing") as step:
        sizes = list(_measure_files(house))
        costs = [(token, size + FILE_BYTES) for token, size in sizes]
        # Any two neighbours cost more than one batch may, or they would be one.
        most = max(BATCH_BYTES, 2 * sum(cost for _, cost in costs) // (MOST_BATCHES - 1) + 1)
        waiting = Waiting(len(sizes), sum(size for _, size in sizes), split_batches(costs, most))
        step.count(files=waiting.file_count, bytes=waiting.byte_count, batches=len(waiting.batches))
    return waiting


def _measure_files(house: House) -> Iterator[tuple[str, int]]:
    """Token and size of each file that waits; one that another run takes away meanwhile waits no more."""
    for file in find_files(house, BATCHED_SOURCES):
        with suppress(FileNotFoundError):
            yield name_token(house, file), mark_file(file.path).byte_count


def split_batches(costs: Iterable[tuple[str, int]], most: int) -> tuple[tuple[str, ...], ...]:
    """Consecutive tokens in batches that cost no more than that, but for what costs more alone."""
    batches: list[list[str]] = []
    filled = most
    for token, cost in costs:
        if filled + cost > most:
            batches.append([])
            filled = 0
        batches[-1].append(token)
        filled += cost
    return tuple(map(tuple, batches))


def find_batch(house: House, tokens: Collection[str]) -> tuple[SourceFile, ...]:
    """The files of a batch that still wait; what an earlier try or another run took in is not among them."""
    wanted = frozenset(tokens)
    return tuple(file for file in find_files(house, BATCHED_SOURCES) if name_token(house, file) in wanted)


def name_token(house: House, file: SourceFile) -> str:
    """What stands for a file's place in landing."""
    key = house.keyring.current("membership").derive("landing names")
    return hmac.digest(key, f"{file.source}/{file.place}".encode(), "sha256").hex()[:TOKEN_DIGITS]
