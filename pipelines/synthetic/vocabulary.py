"""The words of the service's world, read from the data files of this package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read_rows(file_name: str) -> tuple[tuple[str, ...], ...]:
    """The lines of a data file, each split at its tabs."""
    text = files("pipelines.synthetic").joinpath("data", file_name).read_text(encoding="utf-8")
    return tuple(tuple(line.split("\t")) for line in text.splitlines())


def read_lines(file_name: str) -> tuple[str, ...]:
    """The lines of a data file that has one column."""
    return tuple(first for first, *_ in read_rows(file_name))
