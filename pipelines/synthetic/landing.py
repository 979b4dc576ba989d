"""The effects of generating: whole files appear in the landing directory, or nothing does."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

_COMPRESSION_LEVEL = 4
_LINES_PER_WRITE = 20_000  # bounds the copies of a file that are in memory at once


def land_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes the lines as UTF-8 (compressed for `.gz`) to a file that only its owner reads.

    Lone surrogates become the single bytes that they stand for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        if path.suffix == ".gz":
            _write_compressed(stream, lines)
        else:
            _write_lines(stream, lines)
    partial.replace(path)


def _write_compressed(stream: BinaryIO, lines: Sequence[str]) -> None:
    """Gzip without a time and a name, so that equal content gives equal bytes."""
    with gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, fileobj=stream, mtime=0) as compressed:
        _write_lines(compressed, lines)


def _write_lines(stream: BinaryIO | gzip.GzipFile, lines: Sequence[str]) -> None:
    for first in range(0, len(lines), _LINES_PER_WRITE):
        chunk = lines[first : first + _LINES_PER_WRITE]
        stream.write("\n".join([*chunk, ""]).encode("utf-8", "surrogateescape"))
