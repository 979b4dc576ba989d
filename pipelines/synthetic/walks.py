"""The way of each session through the site, from landing to leaving, drawn step by step for all sessions at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from pipelines.synthetic.chance import Flags, Indices, Stream, Weights, choose
from pipelines.synthetic.site import Page
from pipelines.synthetic.vocabulary import read_rows

_MEAN_DWELL_MILLISECONDS = 26_000


@dataclass(frozen=True, slots=True)
class Walks:
    """One entry a page view, session after session: its `session`, its `page`, and when (milliseconds of the day)."""

    session: Indices
    page: Indices
    time: Weights

    @property
    def begins(self) -> Flags:
        """Whether the page view is the first of its session."""
        return np.diff(self.session, prepend=-1) > 0

    def select(self, keep: Flags) -> Walks:
        """The marked page views only."""
        return Walks(self.session[keep], self.page[keep], self.time[keep])

    def find_latest(self, marked: Flags) -> Indices:
        """For each page view the latest one, itself included, that is marked; the first of all where there is none."""
        latest: Indices = np.maximum.accumulate(np.where(marked, np.arange(len(marked)), 0))
        return latest


def walk_pages(stream: Stream, starts: Weights, step_counts: Indices) -> Walks:
    """A walk for each session, which begins at `starts` and makes `step_counts` page views."""
    landing, cumulative = _read_flow()
    walkers, pages = np.arange(len(starts)), choose(stream, landing, len(starts))
    trail = [(walkers, pages)]
    while walkers.size:
        goes_on = step_counts[walkers] > len(trail)
        walkers, pages = walkers[goes_on], _step(stream, cumulative[pages[goes_on]])
        trail.append((walkers, pages))
    session = np.concatenate([walkers for walkers, _ in trail])
    order = np.argsort(session, kind="stable")
    page = np.concatenate([pages for _, pages in trail])[order]
    return _time_walks(stream, session[order], page, starts)


def _step(stream: Stream, cumulative: Weights) -> Indices:
    """The next page for each row of cumulative chances."""
    passed: Indices = (stream.random((len(cumulative), 1)) >= cumulative).sum(axis=1)
    return passed


def _time_walks(stream: Stream, session: Indices, page: Indices, starts: Weights) -> Walks:
    elapsed = np.cumsum(stream.exponential(_MEAN_DWELL_MILLISECONDS, len(session)))
    first = np.flatnonzero(np.diff(session, prepend=-1))
    return Walks(session, page, starts[session] + elapsed - elapsed[first][session])


@cache
def _read_flow() -> tuple[Weights, Weights]:
    """Chances of each landing page, and the cumulative chances of each next page by page."""
    (_, *landing), *rows = read_rows("page_flow.tsv")
    chances = np.zeros((len(Page), len(Page)))
    for page, *nexts in rows:
        chances[Page[page]] = _read_chances(nexts)
    totals = np.maximum(chances.sum(axis=1, keepdims=True), 1.0)
    return _read_chances(landing), np.cumsum(chances / totals, axis=1).round(12)


def _read_chances(pairs: Sequence[str]) -> Weights:
    chances = np.zeros(len(Page))
    for page, _, weight in (pair.partition(":") for pair in pairs):
        chances[Page[page]] = float(weight)
    return chances
