"""URLs and referrers to what may be kept: a route template, a channel, a known source; never a path or a query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import polars as pl

OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Route:
    """Paths of one kind: the pattern they match, the template that stands for them, its group, and if it is a page."""

    pattern: str
    template: str
    group: str
    is_page: bool


@dataclass(frozen=True, slots=True)
class Referrer:
    """Hosts of one kind: the pattern they match, the channel and the source that stand for them."""

    pattern: str
    channel: str
    source: str


def template_urls(urls: pl.Series, routes: Sequence[Route]) -> pl.DataFrame:
    """Columns route and group of URLs, aligned with the input; the first matching route decides, else (other)."""
    path = pl.col("url").str.replace(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*", "").str.extract(r"^([^?#]*)", 1)
    route = group = pl.lit(OTHER)
    for candidate in reversed(routes):
        matches = pl.col("path").str.contains(candidate.pattern)
        route = pl.when(matches).then(pl.lit(candidate.template)).otherwise(route)
        group = pl.when(matches).then(pl.lit(candidate.group)).otherwise(group)
    return urls.alias("url").to_frame().with_columns(path=path).with_columns(route=route, group=group)["route", "group"]


def reduce_referrers(referrers: pl.Series, known: Sequence[Referrer], internal_hosts: Sequence[str]) -> pl.DataFrame:
    """Columns channel and source of distinct referrers, aligned with the input; an unlisted host is (other)."""
    compiled = [(re.compile(item.pattern), item) for item in known]
    internal = frozenset(host.lower() for host in internal_hosts)
    rows = [_reduce(referrer, compiled, internal) for referrer in referrers.to_list()]
    return pl.DataFrame(rows, schema={"channel": pl.String, "source": pl.String}, orient="row")


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
    """The lower-case host, None for no referrer, and the empty text for one that cannot be read."""
    text = (referrer or "").strip()
    if text in {"", "-"}:
        return None
    try:
        return (urlsplit(text).hostname or "").removesuffix(".")
    except ValueError:
        return ""
