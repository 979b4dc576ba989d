"""What real logs have: lines torn, cut, glued, garbled or not of this log at all.

A bad line is a damaged copy of a good one, or holds nothing of anybody, so that no identifier is written here first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pipelines.synthetic.batches import Batch
from pipelines.synthetic.chance import Stream, open_stream, pick

DEFECT_SHARE = 0.003

_SPOILED_SOURCES = ("access", "devices", "searches", "surveys")
_FOREIGN_LINES = (
    "worker process 4127 exited on signal 9",
    r'"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03" 400 157 "-" "-"',
    "logrotate: rotated and reopened",
)
_FOREIGN_OBJECTS = (
    '["GET", "/", 200]',
    '{"level":"warning","message":"connection pool exhausted","waited_ms":812}',
    '"restarted"',
    "null",
    '{"time":1795310100,"remote_addr":["unknown"],"status":"OK"}',
)

Damage = Callable[[str, Stream], str]


def spoil_lines(batch: Batch, seed: int) -> list[str]:
    """The batch's lines with a few bad ones among them, always under one per cent of the file.

    Invalid bytes are lone surrogates, as the error handler `surrogateescape` writes them.
    """
    lines = batch.lines.to_list()
    if batch.source not in _SPOILED_SOURCES:
        return lines
    stream = open_stream(seed, f"defects of {batch.path}")
    count = int(len(lines) * DEFECT_SHARE + stream.random())
    if count / max(len(lines), 1) > 2 * DEFECT_SHARE:
        return lines
    damages = _OBJECT_DAMAGES if "json" in batch.path.name else _LINE_DAMAGES
    first = int(stream.integers(len(damages)))
    bad = [_damage(lines, damages[(first + turn) % len(damages)], stream) for turn in range(count)]
    return _insert_evenly(lines, bad, stream)


def _damage(lines: Sequence[str], damage: Damage, stream: Stream) -> str:
    return damage(pick(stream, lines), stream)


def _insert_evenly(lines: list[str], bad: list[str], stream: Stream) -> list[str]:
    """Each bad line at a place of its own choosing; one pass, however long the file."""
    places = sorted(stream.integers(0, len(lines) + 1, len(bad)).tolist())
    spoiled, done = [], 0
    for line, place in zip(bad, places, strict=True):
        spoiled += [*lines[done:place], line]
        done = place
    return spoiled + lines[done:]


def _truncate(line: str, stream: Stream) -> str:
    """Cut within the last field, which never holds a short identifier: half of one would be listed nowhere."""
    return line[: -int(stream.integers(3, 14))]


def _glue(line: str, stream: Stream) -> str:
    """Two writers at once: the end of one line is lost, and the next follows without a break."""
    return _truncate(line, stream) + line


def _garble(line: str, stream: Stream) -> str:
    """Bytes that are no UTF-8, inside the last field."""
    place = len(line) - int(stream.integers(3, 9))
    return f"{line[:place]}\udc83\udcff{line[place:]}"


def _misdate(line: str, _: Stream) -> str:
    """A day or an hour that no calendar has."""
    if line.startswith("{"):
        return re.sub(r"T\d\d:\d\d", "T25:61", line, count=1)
    return re.sub(r"\[\d\d/\w{3}/", "[31/Feb/", line, count=1)


def _empty(_: str, __: Stream) -> str:
    return ""


def _replace_line(_: str, stream: Stream) -> str:
    return pick(stream, _FOREIGN_LINES)


def _replace_object(_: str, stream: Stream) -> str:
    return pick(stream, _FOREIGN_OBJECTS)


_LINE_DAMAGES: tuple[Damage, ...] = (_truncate, _garble, _empty, _misdate, _replace_line, _glue)
_OBJECT_DAMAGES: tuple[Damage, ...] = (_truncate, _replace_object, _garble, _misdate, _empty, _glue)
