"""Seeded chance: each topic of each day has a stream of its own, so that drawing more for one never shifts another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

Stream = np.random.Generator
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float64]

Choice = TypeVar("Choice")


def open_stream(seed: int, topic: str, day: int = 0) -> Stream:
    """The stream of one topic on one day; the same three arguments always give the same numbers."""
    return np.random.default_rng([seed, day, *topic.encode()])


def choose(stream: Stream, weights: Sequence[float] | Weights, count: int) -> Indices:
    """`count` indices into `weights`, each as likely as its weight."""
    cumulative = np.cumsum(weights)
    return np.searchsorted(cumulative / cumulative[-1], stream.random(count), side="right")


def zipf_weights(count: int, *, exponent: float = 1.0, offset: float = 1.0) -> Weights:
    """Zipf–Mandelbrot weights by rank; a larger `offset` flattens the head."""
    return np.power(np.arange(count, dtype=np.float64) + offset, -exponent)


def choose_labels(stream: Stream, shares: Mapping[str, float], count: int) -> pl.Series:
    """`count` labels, each as likely as its share."""
    return pl.Series(list(shares)).gather(choose(stream, list(shares.values()), count))


def pick(stream: Stream, choices: Sequence[Choice]) -> Choice:
    """One of the choices, each as likely as any other."""
    return choices[int(stream.integers(len(choices)))]
