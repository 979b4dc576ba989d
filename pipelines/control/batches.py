"""Many rows, a batch at a time: as many as one statement of the control ledger may name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

BATCH = 500
Item = TypeVar("Item")


def split_batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items in order, at most BATCH at a time."""
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
