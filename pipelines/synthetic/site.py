"""Where people go: every address of the auction site, of its API, and of the places that send visitors here.

All of them are rows of one table of *targets*, so that a page view is a row number, and so is its referrer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import quote_plus

import numpy as np
import polars as pl

from pipelines.synthetic.chance import Indices, open_stream
from pipelines.synthetic.terms import Terms
from pipelines.synthetic.vocabulary import read_lines, read_rows

ORIGIN = "https://rakuichi.example.jp"
SEARCH_FORMS = ("", "category", "&page=2", "&page=3")  # asked plainly, within a category, or leafing on

TARGET_SCHEMA = pl.Schema(
    {
        "uri": pl.String(),
        "api_uri": pl.String(),
        "url": pl.String(),
        "identifiers": pl.List(pl.String),
        "query": pl.String(),
        "query_identifier": pl.String(),
        "category": pl.String(),
        "page_number": pl.Int64(),
    }
)


class Page(IntEnum):
    """Kinds of target; the value is the place of each kind in `Site.first` and `Site.count`."""

    HOME = 0
    SEARCH = 1
    CATEGORY = 2
    ITEM = 3
    SELLER = 4
    WATCHLIST = 5
    MYPAGE = 6
    LOGIN = 7
    SIGN_IN = 8
    BID = 9
    SELL = 10
    HELP = 11
    PAYMENT = 12
    SIGNUP = 13
    ASSET = 14
    SOURCE = 15
    NUISANCE = 16


_FIXED_PAGES = {
    Page.HOME: ("/", "/api/v1/home"),
    Page.WATCHLIST: ("/mypage/watchlist", "/api/v1/watchlist"),
    Page.MYPAGE: ("/mypage", "/api/v1/me"),
    Page.LOGIN: ("/login", "/api/v1/session"),
    Page.SIGN_IN: ("/login", "/api/v1/session"),
    Page.SELL: ("/sell", "/api/v1/listings"),
    Page.HELP: ("/help", "/api/v1/help"),
    Page.PAYMENT: ("/payment", "/api/v1/payments"),
    Page.SIGNUP: ("/signup", "/api/v1/users"),
}


@dataclass(frozen=True, slots=True)
class Site:
    """`targets` as in `TARGET_SCHEMA`, and for each kind of page its first row and number of rows.

    `uri` is what a browser asks for, `api_uri` what the app asks for, `url` what a referrer says; `identifiers` are
    spelled as in those, `query_identifier` as in `query`.
    """

    targets: pl.DataFrame
    first: Indices
    count: Indices


def build_site(user_ids: pl.Series, terms: Terms, seed: int) -> Site:
    """The targets of every kind of page, for a service with these members and terms."""
    items = _draw_item_numbers(seed, 2000 + 4 * len(user_ids))
    parts = {
        **{page: _describe_pages(pl.Series([uri]), pl.Series([api])) for page, (uri, api) in _FIXED_PAGES.items()},
        Page.SEARCH: _describe_searches(terms),
        Page.CATEGORY: _describe_pages("/category/" + terms.categories, "/api/v1/categories/" + terms.categories),
        Page.ITEM: _describe_pages("/item/" + items, "/api/v1/items/" + items),
        Page.BID: _describe_pages("/bid/" + items, "/api/v1/items/" + items + "/bids"),
        Page.SELLER: _describe_pages("/user/" + user_ids, "/api/v1/users/" + user_ids, user_ids),
        Page.ASSET: _describe_files("assets.txt"),
        Page.SOURCE: _complete(pl.DataFrame({"url": [url or None for _, url, _ in read_sources()]})),
        Page.NUISANCE: _describe_files("nuisances.txt"),
    }
    counts = np.array([parts[page].height for page in Page])
    return Site(pl.concat([parts[page] for page in Page]), first=np.cumsum(counts) - counts, count=counts)


def read_sources() -> tuple[tuple[str, ...], ...]:
    """Share, address (empty for direct visits) and campaign parameters of each place that sends visitors."""
    return read_rows("sources.tsv")[1:]


def extend_targets(targets: pl.DataFrame, parameters: pl.Series, identifiers: pl.Series | None = None) -> pl.DataFrame:
    """The targets with one query parameter more in each address, which may hold one identifier more."""
    asks_already = pl.coalesce("uri", "url").str.contains("?", literal=True)
    joint = pl.when(asks_already).then(pl.lit("&")).otherwise(pl.lit("?"))
    known = pl.col("identifiers").fill_null(pl.lit([], pl.List(pl.String)))
    return targets.with_columns(
        *(pl.concat_str(column, joint, parameters).alias(column) for column in ("uri", "api_uri", "url")),
        identifiers=known if identifiers is None else pl.concat_list(known, identifiers),
    )


def describe_queries(queries: list[str], identifiers: list[str], spelled: list[str]) -> pl.DataFrame:
    """Targets of searches that hold one identifier each, written in the address as `spelled`."""
    encoded = pl.Series([quote_plus(query) for query in queries], dtype=pl.String)
    described = _describe_pages(
        "/search?q=" + encoded, "/api/v1/search?q=" + encoded, pl.Series(spelled, dtype=pl.String)
    )
    return described.with_columns(
        pl.Series("query", queries, dtype=pl.String),
        pl.Series("query_identifier", identifiers, dtype=pl.String),
        page_number=pl.lit(1, pl.Int64),
    )


def _draw_item_numbers(seed: int, count: int) -> pl.Series:
    numbers = open_stream(seed, "items").integers(1_000_000_000, 10_000_000_000, count)
    return pl.Series(numbers).cast(pl.String)


def _describe_searches(terms: Terms) -> pl.DataFrame:
    """A target for each term in each of `SEARCH_FORMS`, in the order of the terms."""
    asked = pl.DataFrame({"query": terms.texts, "slug": terms.term_categories}).with_columns(
        encoded=pl.Series([quote_plus(text) for text in terms.texts])
    )
    forms = pl.DataFrame({"form": SEARCH_FORMS, "page_number": [1, 1, 2, 3]})
    within = pl.col("form") == "category"
    tail = pl.when(within).then(pl.lit("&category=") + pl.col("slug")).otherwise("form").fill_null("")
    searches = asked.join(forms, how="cross", maintain_order="left_right").with_columns(
        tail=tail, category=pl.when(within).then("slug")
    )
    return _complete(
        searches.with_columns(
            uri=pl.format("/search?q={}{}", "encoded", "tail"),
            api_uri=pl.format("/api/v1/search?q={}{}", "encoded", "tail"),
            url=pl.format(ORIGIN + "/search?q={}{}", "encoded", "tail"),
        )
    )


def _describe_files(file_name: str) -> pl.DataFrame:
    paths = pl.Series(read_lines(file_name))
    return _describe_pages(paths, paths)


def _describe_pages(uris: pl.Series, api_uris: pl.Series, identifiers: pl.Series | None = None) -> pl.DataFrame:
    frame = pl.DataFrame({"uri": uris, "api_uri": api_uris, "url": ORIGIN + uris})
    if identifiers is not None:
        frame = frame.with_columns(pl.concat_list(identifiers).alias("identifiers"))
    return _complete(frame)


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every column of a target, null where it has nothing to say."""
    missing = [pl.lit(None, kind).alias(name) for name, kind in TARGET_SCHEMA.items() if name not in frame.columns]
    return frame.with_columns(missing).select(*TARGET_SCHEMA).cast(TARGET_SCHEMA)
