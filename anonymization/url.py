"""URLs and referrers to what may be kept: a route template, a listed parameter, a channel and a known source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import unquote_plus, urlsplit

import polars as pl

from anonymization.distinct import map_distinct

OTHER = "(other)"
HOST = re.compile(r"[0-9a-z._:-]{1,253}")  # RFC 1035; browsers end a host where others read on, as at a backslash
MAXIMUM_REFERRER_LENGTH = 4096
MAXIMUM_VALUE_LENGTH = 100  # of a parameter, as it is written
ANDROID_APP = "android-app"
ORIGIN = r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*"
# An origin that no reader could end elsewhere: ASCII without white space, and then the path, the query or nothing.
PLAIN_ORIGIN = r"^([a-zA-Z][a-zA-Z0-9+.-]*://[!-~--/?#]*)(?:[/?#]|$)"


@dataclass(frozen=True, slots=True)
class Route:
    """Paths of one kind: the pattern they match, the template that stands for them, its group, and if it is a page."""

    pattern: str
    template: str
    group: str
    is_page: bool


@dataclass(frozen=True, slots=True)
class Referrer:
    """Hosts of one kind: the pattern they match, the channel and the source that stand for them.

    An Android application is matched as android-app:PACKAGE, in lower case.
    """

    pattern: str
    channel: str
    source: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of queries, kept where its whole decoded value matches the pattern, which ^ and $ anchor."""

    name: str
    pattern: str


def template_urls(urls: pl.Series, routes: Sequence[Route]) -> pl.DataFrame:
    """Columns route and group of distinct URLs, aligned with the input; the first route that matches, else (other)."""
    return map_distinct(_find_paths(urls), partial(_match_routes, routes=routes))


def _find_paths(urls: pl.Series) -> pl.Series:
    path = pl.col("url").str.replace(ORIGIN, "").str.extract(r"^([^?#]*)", 1)
    return urls.alias("url").to_frame().select(path)["url"]


def _match_routes(paths: pl.Series, routes: Sequence[Route]) -> pl.DataFrame:
    path = pl.col("path")
    first = pl.coalesce(
        *(pl.when(path.str.contains(route.pattern)).then(pl.lit(place)) for place, route in enumerate(routes)),
        pl.lit(len(routes)),
    )
    named = [(route.template, route.group) for route in routes]
    answers = pl.DataFrame([*named, (OTHER, OTHER)], schema={"route": pl.String, "group": pl.String}, orient="row")
    return answers[paths.alias("path").to_frame().with_columns(first=first)["first"]]


def extract_parameter(urls: pl.Series, parameter: Parameter) -> pl.Series:
    """The value of one query parameter of URLs, aligned with the input, decoded; null unless it matches its pattern.

    Of a name that is given twice the first value counts. A name that is itself percent-encoded is not looked for.
    """
    mentioning = pl.when(pl.col("url").str.contains(f"{parameter.name}=", literal=True)).then(pl.col("url"))
    candidates = urls.alias("url").to_frame().select(mentioning)["url"]
    return map_distinct(candidates, lambda distinct: _keep_matching(_find_values(distinct, parameter.name), parameter))[
        "value"
    ]


def _find_values(urls: pl.Series, name: str) -> pl.Series:
    query = pl.col("url").str.extract(r"^[^?#]*\?([^#]*)", 1)
    written = query.str.extract(rf"(?:^|&){re.escape(name)}=([^&]*)", 1)
    short = pl.when(written.str.len_bytes() <= MAXIMUM_VALUE_LENGTH).then(written)
    return urls.alias("url").to_frame().select(short)["url"]


def _keep_matching(values: pl.Series, parameter: Parameter) -> pl.DataFrame:
    decoded = [None if value is None else unquote_plus(value) for value in values.to_list()]
    value = pl.col("value")
    frame = pl.DataFrame({"value": decoded}, schema={"value": pl.String})
    return frame.select(pl.when(value.str.contains(parameter.pattern)).then(value))


def reduce_referrers(referrers: pl.Series, known: Sequence[Referrer], internal_hosts: Sequence[str]) -> pl.DataFrame:
    """Columns channel and source of distinct referrers, aligned with the input; an unlisted host is (other)."""
    compiled = [(re.compile(item.pattern), item) for item in known]
    internal = _spell_hosts(internal_hosts)

    def reduce_origins(origins: pl.Series) -> pl.DataFrame:
        rows = [_reduce(origin, compiled, internal) for origin in origins.to_list()]
        return pl.DataFrame(rows, schema={"channel": pl.String, "source": pl.String}, orient="row")

    return map_distinct(_shorten_to_origins(referrers), reduce_origins)


def template_referrers(referrers: pl.Series, internal_hosts: Sequence[str], routes: Sequence[Route]) -> pl.DataFrame:
    """Column route of distinct referrers, aligned with the input: of the service's own pages; null for every other."""
    internal = _spell_hosts(internal_hosts)
    own = [text if _host(text) in internal else None for text in referrers.to_list()]
    urls = pl.Series("url", own, dtype=pl.String)
    routed = template_urls(urls.str.strip_chars(), routes)["route"]
    return urls.to_frame().select(route=pl.when(urls.is_not_null()).then(routed))


def _shorten_to_origins(referrers: pl.Series) -> pl.Series:
    """What the host of each referrer can be read from: its origin, else all of it."""
    text = pl.col("referrer")
    shortened = pl.coalesce(text.str.extract(PLAIN_ORIGIN, 1), text)
    return referrers.alias("referrer").to_frame().select(shortened)["referrer"]


def _reduce(
    referrer: str | None,
    known: Sequence[tuple[re.Pattern[str], Referrer]],
    internal_hosts: frozenset[str],
) -> tuple[str, str]:
    host = _host(referrer)
    if host is None:
        return "direct", "direct"
    if host in internal_hosts:
        return "internal", "internal"
    match = next((item for pattern, item in known if pattern.search(host)), None)
    return (match.channel, match.source) if match else ("other", OTHER)


def _host(referrer: str | None) -> str | None:
    """The host as it is looked up, None for no referrer, and the empty text for one that cannot be read."""
    text = (referrer or "").strip()[:MAXIMUM_REFERRER_LENGTH]
    if text in {"", "-"}:
        return None
    try:
        parts = urlsplit(text)
        host = _spell_host(parts.hostname or "")
    except ValueError:
        return ""
    if not HOST.fullmatch(host):
        return ""
    return f"{ANDROID_APP}:{host}" if parts.scheme == ANDROID_APP else host


def _spell_hosts(hosts: Sequence[str]) -> frozenset[str]:
    return frozenset(_spell_host(host) for host in hosts)


def _spell_host(host: str) -> str:
    """Lower case, without the root's dot, an international name as browsers send it; ValueError if it is none."""
    bare = host.lower().removesuffix(".")
    return bare if bare.isascii() else bare.encode("idna").decode("ascii")
