"""Who there is: members, visitors, the homes that they share, and the few members who will ask to be forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from pipelines.synthetic.addresses import Halves, draw_ipv4, draw_ipv6_networks
from pipelines.synthetic.chance import Indices, Stream, Weights, choose, choose_labels, open_stream, zipf_weights
from pipelines.synthetic.clients import draw_clients
from pipelines.synthetic.vocabulary import read_rows

ELIGIBLE_LEAVERS = 4
WAITING_LEAVERS = 2

_LANGUAGE_SHARES = {"ja": 0.90, "en": 0.05, "zh": 0.03, "ko": 0.02}
_SEGMENT_SHARES = {"buyer": 0.62, "seller": 0.14, "both": 0.24}
_MEMBER_SESSIONS_PER_DAY = 0.75
_VISITOR_SESSIONS_PER_DAY = 0.35


@dataclass(frozen=True, slots=True)
class Homes:
    """One entry a household: its IPv4 address, its IPv6 network and whether the latter is used."""

    ipv4: pl.Series
    networks: Halves
    has_ipv6: pl.Series


@dataclass(frozen=True, slots=True)
class Population:
    """`people` (members first) and their `clients` (in the order of `people`), `homes`, and mobile `gateways`."""

    people: pl.DataFrame
    clients: pl.DataFrame
    homes: Homes
    gateways: pl.Series

    @property
    def members(self) -> pl.DataFrame:
        """The people who have an account."""
        return self.people.filter(pl.col("user_id").is_not_null())


def draw_population(users: int, seed: int) -> Population:
    """`users` members and as many visitors who have nothing but a device."""
    stream = open_stream(seed, "population")
    people = _draw_people(stream, users)
    clients = draw_clients(open_stream(seed, "clients"), people)
    counts = np.bincount(clients["person"].to_numpy(), minlength=people.height)
    people = people.with_columns(
        pl.Series("client_count", counts), pl.Series("first_client", np.cumsum(counts) - counts)
    )
    home_count = people["home"].n_unique()
    homes = Homes(
        ipv4=draw_ipv4(stream, home_count),
        networks=draw_ipv6_networks(stream, home_count),
        has_ipv6=pl.Series(stream.random(home_count) < 0.55),
    )
    return Population(people, clients, homes, gateways=draw_ipv4(stream, 8 + users // 5))


def _draw_people(stream: Stream, users: int) -> pl.DataFrame:
    languages = choose_labels(stream, _LANGUAGE_SHARES, 2 * users)
    members = _draw_members(stream, languages.head(users))
    visitors = pl.DataFrame({"language": languages.tail(users)})
    activity = np.concatenate(
        [
            _draw_activity(stream, users, _MEMBER_SESSIONS_PER_DAY),
            _draw_activity(stream, users, _VISITOR_SESSIONS_PER_DAY),
        ]
    )
    return pl.concat([members, visitors], how="diagonal").with_columns(
        pl.Series("sessions_per_day", activity), pl.Series("home", _draw_homes(stream, 2 * users))
    )


def _draw_members(stream: Stream, languages: pl.Series) -> pl.DataFrame:
    users = len(languages)
    names = _draw_names(stream, languages)
    numbers = stream.permutation(users) + 10
    hosts = np.array(["example.jp", "example.com", "example.net"])[choose(stream, (6, 3, 1), users)]
    emails = [f"{handle}{number}@{host}" for handle, number, host in zip(names["handle"], numbers, hosts, strict=True)]
    return pl.DataFrame(
        {
            "language": languages,
            "user_id": [f"u{number}" for number in 100_000_000 + _draw_distinct(stream, 900_000_000, users)],
            "email": emails,
            "phone": _draw_phones(stream, users),
            "full_name": names["full_name"],
            "segment": choose_labels(stream, _SEGMENT_SHARES, users),
            "leaving": _draw_leavers(stream, users),
        }
    )


def _draw_names(stream: Stream, languages: pl.Series) -> pl.DataFrame:
    """A full name and the same in letters for each person, after the person's language."""
    names = {language: list_names(language) for language in _LANGUAGE_SHARES}
    chances = stream.random(len(languages)).tolist()
    drawn = [names[lang][int(chance * len(names[lang]))] for lang, chance in zip(languages, chances, strict=True)]
    return pl.DataFrame(drawn, schema=["full_name", "handle"], orient="row")


@cache
def list_names(language: str) -> tuple[tuple[str, str], ...]:
    """Every full name of a language, with the same in letters for an e-mail address."""
    if language == "ja":
        given_names = read_rows("given_names.tsv")
        return tuple(
            (surname + given, f"{given_letters}.{letters}")
            for surname, letters in read_rows("surnames.tsv")
            for given, given_letters in given_names
        )
    given, surnames = next(row[1:] for row in read_rows("foreign_names.tsv") if row[0] == language)
    pairs = [(first, last) for first in given.split("|") for last in surnames.split("|")]
    return tuple((f"{first} {last}", f"{first}.{last}".lower()) for first, last in pairs)


def _draw_phones(stream: Stream, count: int) -> list[str]:
    """Distinct Japanese mobile numbers with hyphens; the digit after the prefix is never 0."""
    numbers = _draw_distinct(stream, 3 * 90_000_000, count).tolist()
    digits = [f"{7 + number // 90_000_000}0{10_000_000 + number % 90_000_000}" for number in numbers]
    return [f"0{text[:2]}-{text[2:6]}-{text[6:]}" for text in digits]


def _draw_distinct(stream: Stream, limit: int, count: int) -> Indices:
    return stream.choice(limit, count, replace=False, shuffle=True)


def _draw_leavers(stream: Stream, users: int) -> pl.Series:
    """`eligible` or `waiting` for the few who will ask to be forgotten, null for everyone else."""
    fates = ["eligible"] * ELIGIBLE_LEAVERS + ["waiting"] * WAITING_LEAVERS
    leavers = stream.permutation(users)[: len(fates)]
    return pl.Series([None] * users, dtype=pl.String).scatter(leavers, fates[: len(leavers)])


def _draw_activity(stream: Stream, count: int, mean: float) -> Weights:
    """Sessions a day: a few people come many times, most now and then."""
    weights = stream.permutation(zipf_weights(count, offset=1 + count / 20))
    scaled: Weights = weights / weights.mean() * mean
    return scaled


def _draw_homes(stream: Stream, count: int) -> Indices:
    """A household for each person, two people in each on average, whatever their order."""
    opens_home = stream.random(count) < 0.5
    return stream.permutation(np.cumsum(opens_home) - opens_home[0])
