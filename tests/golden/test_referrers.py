"""Where people come from, as the access contract's own list tells it; what it does not tell is (other)."""

from pathlib import Path

import polars as pl
import pytest

from anonymization.url import reduce_referrers
from pipelines.contracts.model import load_catalogue
from pipelines.ingestion.enrich import read_vocabulary

VOCABULARY = read_vocabulary(load_catalogue(Path(__file__).parents[2] / "data_contracts").get("sources", "access"))
OTHER = ("other", "(other)")
CASES = {
    "https://www.google.com/": ("search_engine", "google"),
    "https://www.google.co.jp/url?sa=t&q=u000000001": ("search_engine", "google"),
    "https://google.de/": ("search_engine", "google"),
    "https://www.google.attacker.example/": OTHER,
    "https://google.com.attacker.example/": OTHER,
    "https://accounts.google.com/": OTHER,
    "https://mail.google.com/": ("mail", "mail"),
    "https://outlook.live.com/": ("mail", "mail"),
    "https://jp.mail.yahoo.co.jp/": ("mail", "mail"),
    "https://search.yahoo.co.jp/search?p=x": ("search_engine", "yahoo_japan"),
    "https://chiebukuro.yahoo.co.jp/": ("portal", "yahoo_japan"),
    "https://search.yahoo.com/": ("search_engine", "other_search"),
    "https://www.bing.com/": ("search_engine", "bing"),
    "https://duckduckgo.com/": ("search_engine", "duckduckgo"),
    "https://search.goo.ne.jp/": ("search_engine", "other_search"),
    "https://blog.goo.ne.jp/taro-yamada/": ("portal", "other_portal"),
    "https://t.co/abc": ("social", "x"),
    "https://support.co/": OTHER,
    "https://netflix.com/": OTHER,
    "https://liff.line.me/1": ("social", "line"),
    "https://online.me/": OTHER,
    "https://lm.facebook.com/l.php": ("social", "meta"),
    "https://www.threads.net/": ("social", "meta"),
    "https://m.youtube.com/": ("social", "youtube"),
    "https://www.tiktok.com/": ("social", "tiktok"),
    "android-app://com.google.android.googlequicksearchbox/https/www.google.com": ("search_engine", "google"),
    "android-app://com.google.android.gm/": ("mail", "mail"),
    "android-app://jp.naver.line.android/": ("social", "line"),
    "android-app://com.facebook.katana": ("social", "meta"),
    "android-app://com.twitter.android/": ("social", "x"),
    "android-app://com.example.unknown/": OTHER,
    "HTTPS://M.AUCTION.EXAMPLE.JP:8443/item/1": ("internal", "internal"),
    "https://auction.example.jp.attacker.example/": OTHER,
}


@pytest.mark.parametrize(("referrer", "reduced"), CASES.items())
def test_referrer_is_reduced_by_the_contract_s_list(referrer: str, reduced: tuple[str, str]):
    rows = reduce_referrers(pl.Series([referrer]), VOCABULARY.referrers, VOCABULARY.internal_hosts).rows()

    assert rows == [reduced]
