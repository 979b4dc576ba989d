"""What a page is made of: sections of sentences, headline figures and charts, each with the table of its figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure that stands for many: its name, its value and what to think of it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of a chart, written out; the first column names each row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing with what it says in words and how to read it; svg is markup, everything else is text."""

    title: str
    message: str
    svg: str
    legend: str
    table: Table


@dataclass(frozen=True, slots=True)
class Section:
    """One subject of the page; sentences come first, notes say what its figures cannot tell."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    headlines: tuple[Headline, ...] = ()
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
