"""Of a URL remains its route, of a referrer its channel and source: words of the service, never of the visitor."""

import polars as pl
import pytest

from anonymization.treatment import Vocabulary
from anonymization.url import Parameter, extract_parameter, reduce_referrers, template_referrers, template_urls

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
    ("https://www.google.com\\@attacker.example/", ("other", "(other)")),
    ("https://attacker.example\\.google.com/", ("other", "(other)")),
    ("https://www.google.com%2eattacker.example/", ("other", "(other)")),
    ("https://" + "a" * 300 + ".google.com/", ("other", "(other)")),
    ("https://" + "a." * 5000 + "google.com/", ("other", "(other)")),
    ("https://ｗｗｗ.google.com／@attacker.example/", ("other", "(other)")),
    ("javascript:google.com", ("other", "(other)")),
    ("\x00 https://www.goo\ngle.com/", ("search_engine", "google")),
    ("https://www.auction.example.jp\\.attacker.example/", ("other", "(other)")),
    ("HTTPS://WWW.GOOGLE.COM:8443", ("search_engine", "google")),
    ("//www.google.com/", ("search_engine", "google")),
    ("https://www.google.com:port/", ("search_engine", "google")),
    ("https://オークション.example/", ("internal", "internal")),
    ("https://xn--kckky6q7b7b.example/", ("internal", "internal")),
    ("https://ｗｗｗ.ｇｏｏｇｌｅ.com/", ("search_engine", "google")),
    ("https://" + "オ" * 100 + ".google.com/", ("other", "(other)")),
    ("android-app://com.google.android.googlequicksearchbox/", ("search_engine", "google")),
    ("android-app://com.google.android.gm/https/mail.google.com", ("other", "(other)")),
    ("android-app://jp.example.Auction/", ("internal", "internal")),
    ("https://com.google.android.googlequicksearchbox/", ("other", "(other)")),
    ("android-app:com.google.android.googlequicksearchbox", ("other", "(other)")),
    ("file:///C:/Users/taro/Desktop/page.html", ("other", "(other)")),
    ("data:text/html,taro@example.jp", ("other", "(other)")),
    ("https://", ("other", "(other)")),
    ("https://.", ("other", "(other)")),
    ("null", ("other", "(other)")),
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


SOURCE = Parameter("utm_source", r"^[a-z_]{1,20}$")
PARAMETERS = [
    ("/?utm_source=mail", "mail"),
    ("/item/1?a=b&utm_source=line&c=d#utm_source=x", "line"),
    ("https://www.auction.example.jp/?utm_source=mail", "mail"),
    ("/?utm_source=m%61il", "mail"),
    ("/?utm_source=first&utm_source=second", "first"),
    ("/?utm_source=taro%40example.jp", None),
    ("/?utm_source=u000000001", None),
    ("/?utm_source=mail%0Ataro", None),
    ("/?utm_source=mail+taro", None),
    ("/?utm_source=%6d%61%69%6c%00", None),
    ("/?utm_source=%E3%82%AB", None),
    ("/?utm_source=%", None),
    ("/?utm_source=" + "a" * 21, None),
    ("/?utm_source=" + "%61" * 1000, None),
    ("/?utm_source=", None),
    ("/?utm_source", None),
    ("/?my_utm_source=mail", None),
    ("/?utm%5Fsource=mail", None),
    ("/?q=utm_source=mail", None),
    ("/#?utm_source=mail", None),
    ("/utm_source=mail", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("url", "value"), PARAMETERS)
def test_parameter_is_kept_when_its_whole_decoded_value_has_the_listed_form(url: str | None, value: str | None):
    assert extract_parameter(pl.Series([url], dtype=pl.String), SOURCE).to_list() == [value]


def test_name_of_a_parameter_is_no_pattern():
    urls = pl.Series(["/?utmXsource=mail", "/?utm.source=mail"])

    assert extract_parameter(urls, Parameter("utm.source", "^[a-z]+$")).to_list() == [None, "mail"]


def test_rows_keep_their_order_and_number():
    urls = pl.Series(["/?utm_source=b", None, "/?utm_source=a", "/?utm_source=b"] * 3)

    assert extract_parameter(urls, SOURCE).to_list() == ["b", None, "a", "b"] * 3


def test_only_the_service_s_own_pages_keep_a_route_as_referrers(vocabulary: Vocabulary):
    referrers = [
        *("https://www.auction.example.jp/item/1?user=u000000001", "https://www.auction.example.jp/u000000001"),
        *("https://attacker.example/item/1", "/item/1", "", None),
    ]
    routes = template_referrers(pl.Series(referrers), vocabulary.internal_hosts, vocabulary.routes)

    assert routes["route"].to_list() == ["/item/{id}", "(other)", None, None, None, None]


@pytest.mark.parametrize("hostile", ["/?" + "&" * 1_000_000, "/?utm_source=" + "%" * 1_000_000, "/" * 1_000_000])
@pytest.mark.timeout(10)
def test_a_megabyte_of_url_takes_no_time(hostile: str, vocabulary: Vocabulary):
    urls = pl.Series([hostile, f"https://{hostile}"])

    assert extract_parameter(urls, SOURCE).to_list() == [None, None]
    assert set(template_urls(urls, vocabulary.routes)["route"]) == {"(other)"}
    assert reduce_referrers(urls, vocabulary.referrers, ())["channel"].to_list() == ["other", "other"]
