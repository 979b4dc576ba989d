"""Rows of one source file on their way into the lake: buffered, written unseen, then committed or discarded whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from pipelines.contracts.model import Contract
from pipelines.ingestion.enrich import merge_rows, unite_links, withhold_rare_terms
from pipelines.lake.append import commit_parts, discard_parts, write_parts
from pipelines.lake.layout import DataFile, Lake

BUFFERED_ROWS = 100_000
MOST_UNITED_ROWS = 300_000


def _finish_links(rows: pl.DataFrame, _: Contract) -> pl.DataFrame:
    return unite_links(rows)


def _finish_searches(rows: pl.DataFrame, table: Contract) -> pl.DataFrame:
    return withhold_rare_terms(rows, table.minimum_people)


# Tables whose rows can only be judged when the whole file is there, so that they are buffered to its end.
Finisher = Callable[[pl.DataFrame, Contract], pl.DataFrame]
FINISHERS: Mapping[str, Finisher] = {"identity_links": _finish_links, "searches": _finish_searches}
# Of these, tables that may also be finished bit by bit, so that they grow with what they come to, not with the file.
UNITED = frozenset({"identity_links"})


@dataclass(frozen=True, slots=True)
class Staged:
    """What was staged for one table: files that were written, and rows that the whole file is to be judged by."""

    parts: Sequence[DataFile]
    rows: Sequence[pl.DataFrame]


@dataclass(slots=True)
class TableStage:
    """What one file adds to one table: rows not yet written, and parts not yet committed."""

    lake: Lake
    table: Contract
    buffered: list[pl.DataFrame] = field(default_factory=list)
    parts: list[DataFile] = field(default_factory=list)

    @property
    def waits_for_end(self) -> bool:
        return self.table.name in FINISHERS

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows; write them out once enough are buffered."""
        self.buffered.append(rows)
        self._unite()
        if not self.waits_for_end and self._count_buffered() >= BUFFERED_ROWS:
            self.write()

    def write(self) -> None:
        """Write what is buffered as uncommitted parts."""
        rows = merge_rows(self.buffered, self.table)
        finish = FINISHERS.get(self.table.name)
        self.parts += write_parts(self.lake, self.table, finish(rows, self.table) if finish else rows)
        self.buffered.clear()

    def hand_over(self) -> Staged:
        """Give away what is written, and rows that cannot be before the file's end; what is buffered stays."""
        rows: list[pl.DataFrame] = []
        if self.waits_for_end:
            rows, self.buffered = self.buffered, []
        parts, self.parts = self.parts, []
        return Staged(parts, rows)

    def receive(self, staged: Staged) -> None:
        """Take over what another process staged for this table."""
        self.parts += staged.parts
        self.buffered += staged.rows
        self._unite()

    def _unite(self) -> None:
        """Unite what waits whenever that is twice what came of it the last time, which is the first frame.

        Beyond MOST_UNITED_ROWS it is written: a link may then stand twice, which costs a deletion nothing, whereas what
        waits would grow with the file.
        """
        count = self._count_buffered()
        if self.table.name in UNITED and count >= BUFFERED_ROWS and count >= 2 * self.buffered[0].height:
            self.buffered = [FINISHERS[self.table.name](merge_rows(self.buffered, self.table), self.table)]
            if self.buffered[0].height >= MOST_UNITED_ROWS:
                self.write()

    def _count_buffered(self) -> int:
        return sum(frame.height for frame in self.buffered)

    def commit(self, batch: str) -> bool:
        """Make the rows visible once; False, with nothing left behind, when this batch was committed before."""
        # Forgotten first: after a commit of unknown outcome no part may be discarded, for it may be live.
        parts, self.parts = self.parts, []
        if not parts or commit_parts(self.lake, self.table, parts, batch):
            return True
        discard_parts(self.lake, self.table, parts)
        return False

    def discard(self) -> None:
        """Forget everything that is not committed."""
        parts, self.parts = self.parts, []
        self.buffered.clear()
        discard_parts(self.lake, self.table, parts)
