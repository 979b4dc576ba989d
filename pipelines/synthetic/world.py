"""Everything that stays the same from day to day: the people, what they may look for, and the site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pipelines.synthetic.chance import Stream, open_stream
from pipelines.synthetic.population import Population, draw_population
from pipelines.synthetic.site import Site, build_site
from pipelines.synthetic.terms import Terms, draw_terms


@dataclass(frozen=True, slots=True)
class World:
    """People, terms and site of one seed."""

    seed: int
    population: Population
    terms: Terms
    site: Site


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the period: its date, its number from 0, the number of days, and the seed of its streams."""

    date: date
    number: int
    day_count: int
    seed: int

    @property
    def is_second(self) -> bool:
        """Whether this is the second day, or the only one."""
        return self.number == min(1, self.day_count - 1)

    @property
    def is_last(self) -> bool:
        """Whether no day follows."""
        return self.number == self.day_count - 1

    def open_stream(self, topic: str) -> Stream:
        """The stream of one topic on this day."""
        return open_stream(self.seed, topic, self.number)


def list_days(start: date, day_count: int, seed: int) -> list[Day]:
    """The days of a period, in order."""
    return [Day(start + timedelta(number), number, day_count, seed) for number in range(day_count)]


def draw_world(users: int, seed: int) -> World:
    """The world of `users` members; the same arguments always give the same world."""
    population, terms = draw_population(users, seed), draw_terms(seed)
    return World(seed, population, terms, build_site(population.members["user_id"], terms, seed))
