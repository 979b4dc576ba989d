"""A header of preferences becomes one language of a closed list."""

import polars as pl
import pytest

from anonymization.language import reduce_languages

HEADERS = [
    ("ja", "ja"),
    ("ja-JP", "ja"),
    ("ja_JP", "ja"),
    ("JA-jp", "ja"),
    ("ja,en-US;q=0.9,en;q=0.8", "ja"),
    ("en-US;q=0.8, ja;q=0.9", "ja"),
    ("en;q=0.8,ja", "ja"),
    ("en;q=0.8,ja;q=0.8", "en"),
    ("zh-Hant-TW , en ; q = 0.5", "zh"),
    ("en;Q=0.1,ko;Q=0.2", "ko"),
    ("en;q=high,ja;q=0.1", "ja"),
    ("en;q=1.001,ja;q=0.1", "ja"),
    (",,ja", "ja"),
    ("tlh", "(other)"),
    ("tlh,ja;q=0.9", "(other)"),
    ("taro@example.jp", None),
    ("taro@example.jp,ja;q=0.1", "ja"),
    ("日本語,ja;q=0.1", "ja"),
    ("i-klingon", "(other)"),
    ("abcdefghi,en;q=0.2", "en"),
    ("ja;q=0,en;q=0.1", "en"),
    ("ja;q=0.000,*", None),
    ("*,ja", "ja"),
    ("*;q=0.5,ja;q=0.5", "ja"),
    ("ja;q=0.5,*;q=0.1", "ja"),
    ("ja;q=0.5\t,\ten\t;\tq=0.7", "en"),
    ("ja;q=.9,en;q=0.1", "en"),
    ("ja;q=0.9999,en;q=0.1", "en"),
    ("ja;q=-1,en;q=0.1", "en"),
    ("ja;q=1.,en", "ja"),
    ("ja;,en;q=0.1", "en"),
    ("ja;level=1,en;q=0.1", "en"),
    ("iw-IL,he;q=0.9", "he"),
    ("in_ID", "id"),
    ("zh_CN_#Hans", "zh"),
    ("*", None),
    ("ja;q=0.5,*;q=0.9", None),
    ("ja;q=0", None),
    ("ja;q=high", None),
    (",", None),
    ("-", None),
    (" ", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("header", "language"), HEADERS)
def test_header_is_reduced_to_the_preferred_language(header: str | None, language: str | None):
    reduced = reduce_languages(pl.Series([header], dtype=pl.String))

    assert reduced.to_dict(as_series=False) == {"language": [language]}


def test_what_follows_a_header_s_two_hundredth_character_is_not_read():
    header = "en;q=0.1," + "xx;q=0," * 40 + "ja"

    assert reduce_languages(pl.Series([header]))["language"].to_list() == ["en"]
