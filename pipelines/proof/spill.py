"""What DuckDB leaves in its temporary directory when it is killed: files of slots, a compressed block in each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import zstandard

from pipelines.proof.pieces import UNDECODABLE

# Blocks that shrink are kept in the file of the smallest slot that holds them, all others as they are in another file.
SLOTS = re.compile(r"duckdb_temp_.*storage_S(\d{1,4})K-\d+\.tmp")
SIZE_BYTES = 8
LARGEST_BLOCK_BYTES = 1 << 22


class SpilledBlockError(Exception):
    """A slot that cannot be unpacked: whatever it holds is out of reach."""


def find_slot_bytes(path: Path) -> int | None:
    """The size of a spill file's slots, as its name tells; None for any other file."""
    found = SLOTS.fullmatch(path.name)
    return int(found[1]) * 1024 if found else None


def unpack_slots(path: Path, slot_bytes: int) -> Iterator[bytes]:
    """The block in each slot; SpilledBlockError at the first that is damaged, but not for one never written."""
    with path.open("rb") as file:
        while slot := file.read(slot_bytes):
            if slot.strip(b"\0"):
                yield unpack_slot(slot)


def unpack_slot(slot: bytes) -> bytes:
    size = int.from_bytes(slot[:SIZE_BYTES], "little")
    try:
        return zstandard.ZstdDecompressor().decompress(slot[SIZE_BYTES : SIZE_BYTES + size], LARGEST_BLOCK_BYTES)
    except UNDECODABLE:
        raise SpilledBlockError from None
