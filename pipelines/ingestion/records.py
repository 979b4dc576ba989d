"""CSV records, which may hold line ends in quotes; one quote that is never closed cannot swallow a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pipelines.ingestion.lines import MAXIMUM_LINE_BYTES
from pipelines.ingestion.readers import LINE_END, find_line_end

QUOTE = b'"'


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the index of its first line, where it begins and ends, and whether its quotes are as they must be."""

    line: int
    start: int
    end: int
    is_sound: bool


@cache
def _record_pattern(delimiter: str) -> re.Pattern[bytes]:
    """A record with its line end: fields in quotes, with doubled quotes and line ends in them, and plain ones."""
    mark = re.escape(delimiter.encode())
    quoted = rb'"[^"]*+(?:""[^"]*+)*+"(?=%b|\r?\n|\r?\Z)' % mark
    field = rb'(?:%b|(?!")[^%b\n]*+)' % (quoted, mark)
    return re.compile(rb"%b(?:%b%b)*+\r?(?:\n|\Z)" % (field, mark, field))


def find_records(data: bytes | bytearray, delimiter: str) -> Iterator[Record]:
    """Every record in order, without a gap; a line whose quotes are not sound is a record by itself.

    A record in quotes that is longer than MAXIMUM_LINE_BYTES is not sound either.
    """
    pattern, start, line = _record_pattern(delimiter), 0, 0
    while start < len(data):
        found = pattern.match(data, start, start + MAXIMUM_LINE_BYTES)
        is_sound = found is not None and (found.end() == len(data) or data[found.end() - 1] == LINE_END[0])
        end = found.end() if found and is_sound else data.find(LINE_END, start) + 1 or len(data)
        yield Record(line, start, end, is_sound)
        line += data.count(LINE_END, start, end)
        start = end


def find_record_end(data: bytes | bytearray, delimiter: str) -> int:
    """Where the last record ends that no later byte can change; 0 where there is none.

    As long as the limit is not reached, a quote that is still open may yet be closed.
    """
    if QUOTE not in data:
        return find_line_end(data)
    end = 0
    for record in find_records(data, delimiter):
        is_open = not record.is_sound and len(data) - record.start < MAXIMUM_LINE_BYTES
        if is_open or data[record.end - 1] != LINE_END[0]:
            break
        end = record.end
    return end
