"""Everything that stays the same from day to day: the people, what they may look for, and the site."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipelines.synthetic.chance import Stream, open_stream
from pipelines.synthetic.population import Population, draw_population
from pipelines.synthetic.site import Site, build_site
from pipelines.synthetic.terms import Terms, draw_terms


@dataclass(frozen=True, slots=True)
class World:
    seed: int
    population: Population
    terms: Terms
    site: Site


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the period: its number from 0, its date, and the seed whose streams it draws from."""

    number: int
    date: date
    seed: int

    def open_stream(self, topic: str) -> Stream:
        """The stream of one topic on this day."""
        return open_stream(self.seed, topic, self.number)


def draw_world(users: int, seed: int) -> World:
    """The world of `users` members; the same arguments always give the same world."""
    population, terms = draw_population(users, seed), draw_terms(seed)
    return World(seed, population, terms, build_site(population.members["user_id"], terms, seed))
