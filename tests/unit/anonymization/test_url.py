"""Of a URL remains its route, of a referrer its channel and source: words of the service, never of the visitor."""

import polars as pl
import pytest

from anonymization.columns import Vocabulary
from anonymization.url import reduce_referrers, template_urls

ROUTES = [
    ("/item/0123456789", "/item/{id}"),
    ("/item/1?from=mail&user=u000000001", "/item/{id}"),
    ("/item/1#taro@example.jp", "/item/{id}"),
    ("/search?q=taro@example.jp", "/search"),
    ("https://www.auction.example.jp/search?q=x", "/search"),
    ("http://taro:secret@www.auction.example.jp/item/1", "/item/{id}"),
    ("/item/u000000001", "(other)"),
    ("/item/1/u000000001", "(other)"),
    ("/item/1\n/search", "(other)"),
    ("//search", "(other)"),
    ("/SEARCH", "(other)"),
    ("/%73earch", "(other)"),
    ("*", "(other)"),
    ("", "(other)"),
    (None, "(other)"),
]
REFERRERS = [
    (None, ("direct", "direct")),
    ("", ("direct", "direct")),
    (" - ", ("direct", "direct")),
    ("https://www.auction.example.jp/search?q=taro@example.jp", ("internal", "internal")),
    ("https://WWW.Auction.example.jp:443/", ("internal", "internal")),
    ("https://www.auction.example.jp./", ("internal", "internal")),
    ("https://www.google.co.jp/search?q=u000000001", ("search_engine", "google")),
    ("https://taro@google.com/", ("search_engine", "google")),
    ("https://www.google.com@attacker.example/", ("other", "(other)")),
    ("https://notgoogle.com/", ("other", "(other)")),
    ("https://taro-yamada.example.com/u000000001", ("other", "(other)")),
    ("www.google.com", ("other", "(other)")),
    ("https://[2001:db8::1", ("other", "(other)")),
    ("about:blank", ("other", "(other)")),
]


@pytest.mark.parametrize(("url", "route"), ROUTES)
def test_url_becomes_the_first_route_that_its_path_matches(url: str | None, route: str, vocabulary: Vocabulary):
    reduced = template_urls(pl.Series([url], dtype=pl.String), vocabulary.routes)

    assert reduced["route"].to_list() == [route]
    assert reduced["group"].to_list() == [{"/item/{id}": "item", "/search": "search"}.get(route, route)]


def test_without_routes_every_url_is_other():
    reduced = template_urls(pl.Series(["/search", "/item/1", None]), ())

    assert reduced.rows() == [("(other)", "(other)")] * 3


@pytest.mark.parametrize(("referrer", "reduced"), REFERRERS)
def test_referrer_becomes_a_declared_channel_and_source(
    referrer: str | None, reduced: tuple[str, str], vocabulary: Vocabulary
):
    column = pl.Series([referrer], dtype=pl.String)

    assert reduce_referrers(column, vocabulary.referrers, vocabulary.internal_hosts).rows() == [reduced]
