"""Who comes on a day, when, with which client, from which address, and sent by whom."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipelines.synthetic.addresses import draw_interfaces, draw_ipv6_networks, spell_addresses, write_ipv6
from pipelines.synthetic.chance import Flags, Indices, Stream, choose
from pipelines.synthetic.clock import draw_times
from pipelines.synthetic.population import Population
from pipelines.synthetic.site import read_sources
from pipelines.synthetic.world import Day

FRONT_ENDS = ("edge", "legacy", "app")

_WEB_SHARES = (0.45, 0.33, 0.22)
_HOME_SHARES = {"desktop": 0.97, "tablet": 0.90, "mobile": 0.50, "app": 0.50, "feature_phone": 0.0}
_WEEKEND_FACTOR = 1.2
_LONGEST_SESSION = 60
_CANONICAL_SHARE = 0.91
_WITHOUT_DEVICE_ID = 0.03
_REMEMBERED = 0.75
_OF_PERSON = ("user_id", "language", "segment", "email", "phone", "full_name", "home", "leaving")


def begin_sessions(population: Population, day: Day) -> pl.DataFrame:
    """One row a session, with all that is known of its person and client, and how it begins.

    Its own columns: `start` (milliseconds since midnight), `front_end`, `remote_addr`, `source` (row of
    `read_sources`), `step_count`, `begins_signed_in`, `is_app`.
    """
    stream = day.open_stream("sessions")
    persons = _draw_persons(stream, population.people, day)
    clients = _draw_clients(stream, population.people, persons)
    people = population.people.select(_OF_PERSON)
    count = len(persons)
    is_member = people["user_id"].is_not_null().to_numpy()[persons]
    steps = np.minimum(stream.geometric(np.where(is_member, 1 / 7.3, 1 / 4.5)), _LONGEST_SESSION)
    sessions = pl.concat([population.clients[clients], people[persons]], how="horizontal").with_columns(
        pl.Series("start", draw_times(stream, count)),
        pl.Series("step_count", steps),
        is_app=pl.col("kind") == "app",
    )
    return sessions.with_columns(
        pl.Series("front_end", _draw_front_ends(stream, sessions)),
        pl.Series("remote_addr", _draw_addresses(stream, population, sessions, clients)),
        pl.Series("source", choose(stream, [float(share) for share, *_ in read_sources()], count)),
        _draw_signed_in(stream, sessions).alias("begins_signed_in"),
        _draw_device_ids(stream, sessions),
    )


def _draw_persons(stream: Stream, people: pl.DataFrame, day: Day) -> Indices:
    """The person of each session, in ascending order; who will leave comes twice a day at least."""
    factor = _WEEKEND_FACTOR if day.date.weekday() >= 5 else 1.0
    counts = stream.poisson(people["sessions_per_day"].to_numpy() * factor)
    counts = np.where(people["leaving"].is_not_null(), np.maximum(counts, 2), counts)
    return np.repeat(np.arange(people.height), counts)


def _draw_clients(stream: Stream, people: pl.DataFrame, persons: Indices) -> Indices:
    """One of the person's clients; who will leave opens the app, the last of their clients, first."""
    first: Indices = people["first_client"].to_numpy()[persons]
    count: Indices = people["client_count"].to_numpy()[persons]
    drawn = first + (stream.random(len(persons)) * count).astype(np.int64)
    leaves: Flags = people["leaving"].is_not_null().to_numpy()[persons]
    comes_first = np.diff(persons, prepend=-1) > 0
    return np.where(leaves & comes_first, first + count - 1, drawn)


def _draw_front_ends(stream: Stream, sessions: pl.DataFrame) -> pl.Series:
    """The app and part of the web go to the app servers; phones of old only know the legacy site."""
    drawn = pl.Series(FRONT_ENDS).gather(choose(stream, _WEB_SHARES, sessions.height))
    kind = sessions["kind"]
    forced = pl.when(kind == "app").then(pl.lit("app")).when(kind == "feature_phone").then(pl.lit("legacy"))
    return pl.select(forced.otherwise(drawn)).to_series()


def _draw_addresses(stream: Stream, population: Population, sessions: pl.DataFrame, clients: Indices) -> list[str]:
    """Home addresses are shared by the household; on the road each session has another one."""
    count, homes = sessions.height, population.homes
    home = sessions["home"].to_numpy()
    kind = sessions["kind"]
    at_home = stream.random(count) < kind.replace_strict(_HOME_SHARES, return_dtype=pl.Float64).to_numpy()
    on_ipv6 = np.where(at_home, homes.has_ipv6.to_numpy()[home], (kind != "feature_phone").to_numpy())
    on_ipv6 &= stream.random(count) < 0.62
    networks = np.where(at_home, homes.networks[home], draw_ipv6_networks(stream, count))
    interfaces = draw_interfaces(stream, population.clients.height)[clients]
    gateways = population.gateways.gather(stream.integers(0, len(population.gateways), count))
    ipv4 = pl.select(pl.when(pl.Series(at_home)).then(homes.ipv4.gather(home)).otherwise(gateways)).to_series()
    pairs = zip(on_ipv6, write_ipv6(networks, interfaces), ipv4, strict=True)
    addresses = [newer if uses_newer else older for uses_newer, newer, older in pairs]
    return spell_addresses(stream, addresses, canonical_share=_CANONICAL_SHARE)


def _draw_signed_in(stream: Stream, sessions: pl.DataFrame) -> pl.Expr:
    """Most members are remembered from last time, and who will leave always is in the app."""
    remembered = pl.Series(stream.random(sessions.height) < _REMEMBERED)
    return pl.col("user_id").is_not_null() & (remembered | (pl.col("is_app") & pl.col("leaving").is_not_null()))


def _draw_device_ids(stream: Stream, sessions: pl.DataFrame) -> pl.Expr:
    """Browsers that refuse cookies have no device id."""
    accepts = pl.Series(stream.random(sessions.height) >= _WITHOUT_DEVICE_ID)
    return pl.when(pl.col("is_app") | accepts).then("device_id")
