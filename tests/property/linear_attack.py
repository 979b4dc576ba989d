"""Who wants to know more than the marts tell, with all that they publish and integer programs over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, inf

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

Range = tuple[float, float]
Cell = tuple[str, ...]
Term = tuple[int, float]


@dataclass(frozen=True)
class Told:
    """What a build tells of one period: people and events (page views, answers) of all and of each cell shown.

    minimum: people that every cell shown has. blur: a merged one may have up to as many more, less two.
    merged: what is told of (other), None when nothing was merged.
    """

    minimum: int
    blur: int
    people: Range
    events: Range
    shown: Mapping[Cell, tuple[Range, Range]]
    merged: tuple[Range, Range] | None

    @property
    def is_withheld(self) -> bool:
        return not self.shown and self.merged is None


class Attacker:
    """Knows the labels there are, not which of them occur; each build adds unknowns and what is told of them."""

    def __init__(self, labels: Sequence[Cell]) -> None:
        self.labels = labels
        self.ranges: list[Range] = []
        self.rules: list[tuple[list[Term], float, float]] = []
        self.people: list[dict[Cell, int]] = []
        self.events: list[dict[Cell, int]] = []

    def learn(self, told: Told) -> None:
        """Take in one build; later ones hold the events of all before, and late ones."""
        shown = told.shown
        people = {cell: self._add(shown[cell][0] if cell in shown else (0, told.people[1])) for cell in self.labels}
        events = {cell: self._add(shown[cell][1] if cell in shown else (0, told.events[1])) for cell in self.labels}
        self.people.append(people)
        self.events.append(events)
        self._rule(_ones(people.values()), told.people[0], inf)
        self._rule(_ones(events.values()), *told.events)
        for cell in self.labels:
            self._rule([(events[cell], 1), (people[cell], -1)], 0, inf)
        hidden = [cell for cell in self.labels if cell not in shown]
        if told.merged is not None:
            self._learn_merged(told, hidden)
        elif not told.is_withheld:
            self._rule(_ones(events[cell] for cell in hidden), 0, 0)
        if len(self.people) > 1:
            self._learn_late()

    def _learn_merged(self, told: Told, hidden: Sequence[Cell]) -> None:
        """Small ones, with at most the next smallest beside them, and all together enough."""
        people, events = self.people[-1], self.events[-1]
        merged_people, merged_events = told.merged or ((0, 0), (0, 0))
        most_of_small = told.minimum + told.blur - 2
        self._rule(_ones(events[cell] for cell in hidden), *merged_events)
        self._rule(_ones(people[cell] for cell in hidden), merged_people[0], inf)
        joined = {cell: self._add((0, 1)) for cell in hidden}
        self._rule(_ones(joined.values()), 0, 1)
        for cell in hidden:
            room = max(merged_people[1] - most_of_small, 0)
            self._rule([(people[cell], 1)], 0, merged_people[1])
            self._rule([(people[cell], 1), (joined[cell], -room)], -inf, most_of_small)
            for other in told.shown:
                self._rule([(people[other], 1), (people[cell], -1), (joined[cell], -1000)], -1000, inf)

    def _learn_late(self) -> None:
        """Late events only add, and nobody comes into a cell without one."""
        (people, more_people), (events, more_events) = self.people[-2:], self.events[-2:]
        for cell in self.labels:
            self._rule([(more_people[cell], 1), (people[cell], -1)], 0, inf)
            added = [(more_events[cell], 1.0), (events[cell], -1.0), (more_people[cell], -1.0), (people[cell], 1.0)]
            self._rule(added, 0, inf)

    def find_people(self, cell: Cell, build: int = 0) -> Range:
        """The fewest and the most people that a cell can have had in one build."""
        return self._solve([(self.people[build][cell], 1)])

    def find_late(self, cell: Cell) -> Range:
        """The fewest and the most people that can have come into a cell between the first build and the last."""
        return self._solve([(self.people[-1][cell], 1), (self.people[0][cell], -1)])

    def _add(self, found: Range) -> int:
        self.ranges.append(found)
        return len(self.ranges) - 1

    def _rule(self, terms: list[Term], low: float, high: float) -> None:
        if terms:
            self.rules.append((terms, low, high))

    def _solve(self, terms: Sequence[Term]) -> Range:
        wanted = np.zeros(len(self.ranges))
        for place, factor in terms:
            wanted[place] = factor
        ends = [self._minimise(wanted), -self._minimise(-wanted)]
        return ceil(ends[0] - 1e-6), floor(ends[1] + 1e-6)

    def _minimise(self, wanted: np.ndarray) -> float:
        found = milp(wanted, constraints=self._constraints, bounds=self._bounds, integrality=np.ones(len(self.ranges)))
        assert found.success, "what is told must be possible, or the attacker has misunderstood it"
        return float(found.fun)

    @cached_property
    def _constraints(self) -> LinearConstraint:
        matrix = lil_array((len(self.rules), len(self.ranges)))
        for row, (terms, _, _) in enumerate(self.rules):
            for place, factor in terms:
                matrix[row, place] += factor
        lows, highs = ([rule[end] for rule in self.rules] for end in (1, 2))
        return LinearConstraint(matrix.tocsr(), lows, highs)

    @cached_property
    def _bounds(self) -> Bounds:
        return Bounds([low for low, _ in self.ranges], [high for _, high in self.ranges])


def _ones(places: Iterator[int] | Sequence[int]) -> list[Term]:
    return [(place, 1.0) for place in places]
