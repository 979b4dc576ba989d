"""The effects of generating: whole files appear in the landing directory, or nothing does."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Sequence
from pathlib import Path

_COMPRESSION_LEVEL = 4


def land_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes the lines as UTF-8 (compressed for `.gz`) to a file that only its owner reads.

    Lone surrogates become the single bytes that they stand for.
    """
    content = "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
    _replace_file(path, _compress(content) if path.suffix == ".gz" else content)


def _compress(content: bytes) -> bytes:
    """Gzip without a time and a name, so that equal content gives equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_COMPRESSION_LEVEL, fileobj=buffer, mtime=0) as stream:
        stream.write(content)
    return buffer.getvalue()


def _replace_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
    partial.replace(path)
