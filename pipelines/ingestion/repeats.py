"""Lines that an earlier delivery brought already: the beginning of a file that grew after it was taken in."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from pipelines.ingestion.parse import ParsedLines


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
