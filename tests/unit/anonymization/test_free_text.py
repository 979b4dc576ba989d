"""Free text keeps what was said and loses who said it; what cannot be judged is redacted whole."""

import logging
import re
import time
import unicodedata
from collections.abc import Callable

import polars as pl
import pytest

from anonymization.free_text import (
    MAXIMUM_BYTES,
    MAXIMUM_DECODINGS,
    MAXIMUM_LENGTH,
    MAXIMUM_SCRUBBED,
    PLAIN,
    REDACTED,
    TextScrubber,
    normalise,
    normalise_texts,
)

ENTITIES = (
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IP_ADDRESS",
    "UUID",
    "MAC_ADDRESS",
    "IBAN_CODE",
    "JP_MY_NUMBER",
    "JP_POSTAL_CODE",
    "MEMBER_ID",
)
UUID = "3f2b8c1e-0d4a-4b6f-9c1d-5e6f7a8b9c0d"
IDENTIFYING = [
    ("taro@example.jp", "<EMAIL_ADDRESS>"),
    ("メールはtaro.yamada+shop@example.co.jpです", "メールは<EMAIL_ADDRESS>です"),
    ("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ", "<EMAIL_ADDRESS>"),
    ("taro%40example.jp", "<EMAIL_ADDRESS>"),
    ("taro%2540example.jp", "<EMAIL_ADDRESS>"),
    ("taro％４０example.jp", "<EMAIL_ADDRESS>"),
    ("taro.@docomo.ne.jp", "<EMAIL_ADDRESS>"),
    ("taro..yamada@docomo.ne.jp", "<EMAIL_ADDRESS>"),
    ("taro@example.con", "<EMAIL_ADDRESS>"),
    ("taro@example.jp_連絡先", "<EMAIL_ADDRESS>_連絡先"),
    ("太郎@example.jp", "<EMAIL_ADDRESS>"),
    ("taro@日本語.jp", "<EMAIL_ADDRESS>"),
    ("ta\u200bro@exa\u00admple.jp", "<EMAIL_ADDRESS>"),
    ("a@example.jp,b@example.jp", "<EMAIL_ADDRESS>,<EMAIL_ADDRESS>"),
    ("090-1234-5678", "<PHONE_NUMBER>"),
    ("電話は０９０－１２３４－５６７８まで", "電話は<PHONE_NUMBER>まで"),
    ("090−1234−5678", "<PHONE_NUMBER>"),
    ("090ー1234ー5678", "<PHONE_NUMBER>"),
    ("090.1234.5678", "<PHONE_NUMBER>"),
    ("090 - 1234 - 5678", "<PHONE_NUMBER>"),
    ("(090)1234-5678", "<PHONE_NUMBER>"),
    ("TEL09012345678です", "TEL<PHONE_NUMBER>です"),
    ("03(1234)5678", "<PHONE_NUMBER>"),
    ("+81 (0)90-1234-5678", "<PHONE_NUMBER>"),
    ("50%引き +819012345678", "50%引き <PHONE_NUMBER>"),
    ("81-90-1234-5678", "<PHONE_NUMBER>"),
    ("+1 415-555-2671", "<PHONE_NUMBER>"),
    ("カード4111 1111 1111 1111です", "カード<CREDIT_CARD>です"),
    ("card_4111111111111111", "card_<CREDIT_CARD>"),
    ("2223003122003222", "<CREDIT_CARD>"),
    ("3530111333300000", "<CREDIT_CARD>"),
    ("IPは192.0.2.1です", "IPは<IP_ADDRESS>です"),
    ("IP192.0.2.1", "IP<IP_ADDRESS>"),
    ("IP:2001:db8::1", "IP:<IP_ADDRESS>"),
    ("2001:DB8::1:見て", "<IP_ADDRESS>:見て"),
    ("::ffff:192.0.2.1", "<IP_ADDRESS>"),
    (f"端末{UUID}です", "端末<UUID>です"),
    (f"id_{UUID.upper()}", "id_<UUID>"),
    (UUID.replace("-", ""), "<UUID>"),
    (f"ID{UUID.replace('4b6f', '0000')}", "ID<UUID>"),
    ("00:1A:2b:3C:4d:5E", "<MAC_ADDRESS>"),
    ("GB82 WEST 1234 5698 7654 32", "<IBAN_CODE>"),
    ("gb82west12345698765432", "<IBAN_CODE>"),
    ("マイナンバー1234-5678-9018", "マイナンバー<JP_MY_NUMBER>"),
    ("〒100-0001東京都", "<JP_POSTAL_CODE>東京都"),
    ("住所は１００−０００１です", "住所は<JP_POSTAL_CODE>です"),
    ("会員u000000001です", "会員<MEMBER_ID>です"),
    ("U000000001", "<MEMBER_ID>"),
    ("idu000000001@", "id<MEMBER_ID>@"),
    ("u000000001 と taro@example.jp", "<MEMBER_ID> と <EMAIL_ADDRESS>"),
]
INNOCENT = [
    "THE IDOLM@STER",
    "リンゴ5@1.25kg",
    "2026-11-22 10:45:00",
    "12:34:56",
    "1,980円",
    "SO-51C",
    "商品番号 1234567890",
    "m12345678901",
    "090-123",
    "0900-1234-56789",
    "4111111111111112",
    "1763775900000",
    "192.0.2",
    "256.300.1.999",
    "std::vector",
    "1234-5678-9012",
    "1111-1111-1111",
    "u00000000",
    "u0000000012",
    "3f2b8c1e-0d4a-4b6f-9c1d",
    "GB00WEST12345698765432",
    "ps4abcdefgh12345678",
    "100-00011",
    "100%満足",
    "<EMAIL_ADDRESS>",
]


def scrub(scrubber: TextScrubber, text: str) -> str | None:
    return scrubber.scrub(pl.Series([text]), ENTITIES)[0]


@pytest.mark.parametrize(("text", "scrubbed"), IDENTIFYING)
def test_identifier_is_replaced_by_its_kind(text: str, scrubbed: str, scrubber: TextScrubber):
    assert scrub(scrubber, text) == scrubbed


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_like_an_identifier_stays(text: str, scrubber: TextScrubber):
    assert scrub(scrubber, text) == text


@pytest.mark.parametrize(("text", "_"), IDENTIFYING)
def test_scrubbed_text_has_nothing_left_to_scrub(text: str, _: str, scrubber: TextScrubber):
    once = scrub(scrubber, text)

    assert once is not None
    assert scrub(scrubber, once) == once


def test_overlapping_identifiers_are_gone_together(scrubber: TextScrubber):
    scrubbed = scrub(scrubber, "u000000001@example.jp 192.0.2.1@4111111111111111.example.jp") or ""

    assert not any(part in scrubbed for part in ("000000001", "192.0.2.1", "4111", "example"))


def test_only_the_entities_that_are_asked_for_are_replaced(scrubber: TextScrubber):
    texts = pl.Series(["u000000001 taro@example.jp"])

    assert scrubber.scrub(texts, ["MEMBER_ID"]).to_list() == ["<MEMBER_ID> taro@example.jp"]


def test_text_is_redacted_whole_when_an_expected_entity_is_not_detectable(scrubber: TextScrubber):
    texts = pl.Series(["山田太郎です", "とても良い", None, " "])

    assert "MEDICAL_LICENSE" not in scrubber.detectable
    assert scrubber.scrub(texts, ["EMAIL_ADDRESS", "MEDICAL_LICENSE"]).to_list() == [REDACTED, REDACTED, None, None]


def test_text_of_any_length_over_the_limit_is_redacted_whole(scrubber: TextScrubber):
    assert scrub(scrubber, "良" * MAXIMUM_LENGTH) == "良" * MAXIMUM_LENGTH
    assert scrub(scrubber, "良" * (MAXIMUM_LENGTH + 1)) == REDACTED
    assert scrub(scrubber, "㌖" * 500) == REDACTED  # six characters each, once compatible


def test_text_encoded_more_often_than_anyone_reads_is_redacted_whole(scrubber: TextScrubber):
    assert scrub(scrubber, "taro%" + "25" * 9 + "40example.jp") == REDACTED


def test_null_empty_and_invisible_texts_are_null(scrubber: TextScrubber):
    assert scrubber.scrub(pl.Series([None, "", " \n", "\u200b\u00ad\x00"]), ENTITIES).to_list() == [None] * 4


def test_texts_stay_in_order_and_no_text_gives_no_row(scrubber: TextScrubber):
    assert scrubber.scrub(pl.Series(["b", None, "a"]), ENTITIES).to_list() == ["b", None, "a"]
    assert scrubber.scrub(pl.Series([], dtype=pl.String), ENTITIES).dtype == pl.String


def test_normalising_keeps_words_apart_and_marks_whole():
    assert normalise("　ﾌﾞﾗﾝﾄﾞ　コート\r\n新品−未使用\u2028") == "ブランド コート\n新品-未使用"
    assert normalise("か\u200b\u3099") == "が"
    assert normalise("スーパー 3ー2") == "スーパー 3-2"


def test_recognisers_log_no_text(scrubber: TextScrubber, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        for text, _ in IDENTIFYING:
            scrub(scrubber, f"{text} zz99plantedword12345678")

    assert not any(word in caplog.text for word in ("planted", "taro", "0901234", "4111", "u000000001", "WEST"))


def test_plain_characters_need_no_folding():
    characters = pl.Series([chr(point) for point in range(0x10000) if not 0xD800 <= point < 0xE000])
    plain = characters.filter(characters.str.contains(PLAIN))
    words = pl.Series(
        [f"a{first}{second}b" for first in plain[::97] for second in plain[::89] if "ー" not in first + second]
    )

    assert len(plain) > 20_000
    assert normalise_texts(plain).to_list() == [one.strip() for one in plain]
    assert words.str.normalize("NFKC").equals(words)


@pytest.mark.parametrize(
    "text",
    ["か\u3099", "ﾌﾞﾗﾝﾄﾞ\r\n①㌖", "1ー2ー3ーー4", "\u202e\u2066a\u2069\ufeffb\x00c\x7f", "—−─‑", "é e\u0301", "\ufdfa"],
)
def test_normalising_is_the_compatibility_form_without_what_is_hidden(text: str):
    """As the standard library has it, in one text at a time."""
    compatible = unicodedata.normalize("NFKC", text)
    visible = "".join(one for one in compatible if one.isprintable() or one in "\n\t")
    dashed = re.sub(r"[‐‑‒–—―−─]|(?<=[0-9])ー(?=[0-9])", "-", unicodedata.normalize("NFKC", visible))

    assert normalise(text) == dashed.strip()


HOSTILE = {
    "NUL": "090\x00-1234-\x005678",
    "NUL, encoded": "090%00-1234-%005678",
    "bidirectional controls": "\u202e見て\u202c 090-\u20661234\u2069-5678",
    "bidirectional controls, encoded": "090%E2%80%AE-1234-5678",
    "half a surrogate pair, encoded": "%ED%A0%80090-1234-5678",
    "a surrogate pair, encoded": "%ED%A0%BD%ED%B8%80 090-1234-5678",
    "overlong UTF-8": "%C0%AE%E0%80%AE 090-1234-5678",
    "cut UTF-8": "090-1234-5678%E3%81",
    "encoded digits": "%30%39%30-1234-5678",
    "encoded four times": "0%25252539%25252530-1234-5678",
    "zero-width characters": "\u200b0\u200d9\u20600\ufeff-1234-5678",
    "tags": "090\U000e0031-1234-5678",
    "noncharacters": "090\uffff-1234\U0010ffff-5678",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_becomes_valid_text_without_its_identifier(text: str, scrubber: TextScrubber):
    scrubbed = scrub(scrubber, text) or ""

    assert "<PHONE_NUMBER>" in scrubbed
    assert "1234" not in scrubbed
    assert scrubbed.encode().decode() == scrubbed
    assert all(one.isprintable() or one in "\n\t" for one in scrubbed)


@pytest.mark.parametrize("depth", [MAXIMUM_DECODINGS, MAXIMUM_DECODINGS + 1, 50, 10_000])
def test_encoding_of_any_depth_lets_nothing_through(depth: int, scrubber: TextScrubber):
    scrubbed = scrub(scrubber, f"taro%{'25' * (depth - 1)}40example.jp")

    assert scrubbed == ("<EMAIL_ADDRESS>" if depth == MAXIMUM_DECODINGS else REDACTED)


def test_scrubbed_text_is_never_longer_than_the_stated_bound(scrubber: TextScrubber):
    worst = [
        piece * (MAXIMUM_LENGTH // len(piece))
        for piece in ("1::2 ", "a@b.jp,", "〒1000001", "佐藤様", "GB 090-1234-5678")
    ]
    scrubbed = scrubber.scrub(pl.Series(worst), ENTITIES)

    assert scrubbed.str.len_chars().max() <= MAXIMUM_SCRUBBED
    assert REDACTED in scrubbed


MEGABYTE = 1_000_000
GROWING = {
    "dots, quadratic in Presidio's recogniser of URLs": "a.",
    "mail": "a@a.",
    "digits": "1",
    "digits and dashes": "090-",
    "pluses": "+1",
    "colons": "a:",
    "percents": "%",
    "percents of percents": "%25",
    "encoded text": "%E3%81%82",
    "ligatures": "\ufdfa",
    "marks": "\u0301",
    "hidden characters": "\u200b",
    "long vowel marks": "1ー",
    "spaces": " ",
    "names": "様",
    "addresses": "東京都区",
}


@pytest.mark.slow
@pytest.mark.parametrize("piece", GROWING.values(), ids=GROWING.keys())
def test_time_grows_no_faster_than_the_text(piece: str, scrubber: TextScrubber):
    """Twice as long takes at most thrice as long, give or take what a busy machine adds to any measurement."""

    def measure(length: int) -> float:
        text = pl.Series([piece * (length // len(piece))])
        return min(_seconds(lambda: scrubber.scrub(text, ENTITIES)) for _ in range(3))

    assert measure(MEGABYTE) <= 3 * measure(MEGABYTE // 2) + 0.05
    assert measure(MEGABYTE) <= 30 * measure(MAXIMUM_BYTES) + 0.05


@pytest.mark.slow
@pytest.mark.parametrize("piece", GROWING.values(), ids=GROWING.keys())
def test_longest_text_that_is_read_costs_little_more_than_its_length(piece: str, scrubber: TextScrubber):
    def measure(length: int) -> float:
        text = pl.Series([piece * (length // len(piece))])
        return min(_seconds(lambda: scrubber.scrub(text, ENTITIES)) for _ in range(3))

    assert measure(MAXIMUM_LENGTH) <= 3 * measure(MAXIMUM_LENGTH // 2) + 0.05


def _seconds(function: Callable[[], object]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started
