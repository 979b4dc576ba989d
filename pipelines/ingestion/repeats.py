"""Lines that came before: at the beginning of a file that grew since, or with an event id that is stored already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from anonymization.keyring import Key, Keyring
from anonymization.operators import pseudonymise
from pipelines.contracts.derive import find_event_column
from pipelines.contracts.model import Catalogue, Contract
from pipelines.ingestion.parse import ParsedLines
from pipelines.lake.layout import Lake, live_files, open_table, read_file

EVENT = "event"
NO_IDS = pl.Series(dtype=pl.Binary)


@dataclass(slots=True)
class LastLine:
    """The last record seen of a file, by the line at which it begins."""

    number: int = 0
    is_rejected: bool = False

    def see(self, parsed: ParsedLines) -> None:
        """Note where a chunk ends."""
        for records, is_rejected in ((parsed.rows, False), (parsed.rejects, True)):
            for number in records.select(pl.col("line_number").max()).drop_nulls().to_series():
                if number > self.number:
                    self.number, self.is_rejected = number, is_rejected

    def count_settled(self, line_count: int, *, is_ended: bool) -> int:
        """How many of a file's lines a longer copy need not bring again: not the one that was refused as it was torn.

        is_ended: the last of the file's line_count lines has its line end. A record may hold line ends.
        """
        is_torn = self.is_rejected and (self.number != line_count or not is_ended)
        return self.number - 1 if is_torn else line_count


def leave_out_known(parsed: ParsedLines, line_count: int) -> ParsedLines:
    """A chunk in which those of its lines that are among the first line_count of the file count as duplicates."""
    if not line_count:
        return parsed
    is_new = pl.col("line_number") > line_count
    rows, rejects = parsed.rows.filter(is_new), parsed.rejects.filter(is_new)
    count = parsed.rows.height + parsed.rejects.height - rows.height - rejects.height
    return replace(parsed, rows=rows, rejects=rejects, duplicate_count=parsed.duplicate_count + count)


@dataclass(slots=True)
class EventIds:
    """The event ids of one file against those that its table holds, both only as pseudonyms.

    A line comes again with its own event date, so only the days that the file touches are looked at; an id is known as
    long as its row is kept. is_own: rows that the very lines at hand may have left before a crash. keys: those under
    which the table's pseudonyms may be, the current one first.
    """

    lake: Lake
    table: Contract
    stored_column: str
    column: str
    is_own: pl.Expr
    keys: Sequence[Key]
    stored: pl.Series = field(default_factory=NO_IDS.clone)
    brought: pl.Series = field(default_factory=NO_IDS.clone)
    days: set[date] = field(default_factory=set)
    paths_read: set[str] = field(default_factory=set)
    is_overtaken: bool = False

    def leave_out(self, parsed: ParsedLines) -> ParsedLines:
        """A chunk in which lines whose event came before, in this file or another, count as duplicates."""
        self.days |= set(parsed.rows["event_date"].unique().to_list())
        self._read_new()
        ids = parsed.rows.select(
            pseudonymise(pl.col(self.column), EVENT, key).alias(str(number)) for number, key in enumerate(self.keys)
        )
        known = pl.any_horizontal(pl.all().is_in(self.stored.implode()))
        first = pl.col("0").is_first_distinct() & ~pl.col("0").is_in(self.brought.implode())
        is_new = ids.select(pl.col("0").is_null() | (first & ~known))["0"]
        for number in ids.columns:
            self.brought = self.brought.append(ids.filter(is_new)[number].drop_nulls())
        rows = parsed.rows.filter(is_new)
        count = parsed.rows.height - rows.height
        return replace(parsed, rows=rows, duplicate_count=parsed.duplicate_count + count)

    def came_meanwhile(self) -> bool:
        """True when somebody stored an event of this file after its line was judged."""
        self._read_new()
        return self.is_overtaken

    def _read_new(self) -> None:
        """Take note of the ids that files of other contents hold, of the days at hand, as far as not read before."""
        for file in live_files(open_table(self.lake, self.table), sorted(self.days)):
            if file.path not in self.paths_read:
                self.paths_read.add(file.path)
                rows = read_file(self.lake, self.table, file.path, [self.stored_column, "file_id", "line_number"])
                ids = rows.filter(~self.is_own)[self.stored_column].drop_nulls()
                self.is_overtaken |= bool(ids.is_in(self.brought.implode()).any())
                self.stored = self.stored.append(ids)


def open_event_ids(lake: Lake, catalogue: Catalogue, source: str, keyring: Keyring, is_own: pl.Expr) -> EventIds | None:
    """What tells a file's events from those stored before; None where the source's contract names no event id."""
    kept = find_event_column(catalogue, source)
    if kept is None:
        return None
    table, column = kept
    current = keyring.current(table.key_purpose)
    keys = [current, *(key for key in keyring.live(table.key_purpose) if key != current)]
    column_read = str(catalogue.get("sources", source).properties["eventId"])
    return EventIds(lake, table, column.name, column_read, is_own, keys)
