"""Seeded chance: each topic of each day has a stream of its own, so that drawing more for one never shifts another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Stream = np.random.Generator
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float64]


def open_stream(seed: int, topic: str, day: int = 0) -> Stream:
    """The stream of one topic on one day; the same three arguments always give the same numbers."""
    return np.random.default_rng([seed, day, *topic.encode()])


def choose(stream: Stream, weights: Sequence[float] | Weights, count: int) -> Indices:
    """`count` indices into `weights`, each as likely as its weight."""
    cumulative = np.cumsum(weights)
    return np.searchsorted(cumulative / cumulative[-1], stream.random(count), side="right")


def zipf_weights(count: int, *, exponent: float = 1.0, offset: float = 1.0) -> Weights:
    """Zipf–Mandelbrot weights by rank; a larger `offset` flattens the head."""
    return (np.arange(count) + offset) ** -exponent
