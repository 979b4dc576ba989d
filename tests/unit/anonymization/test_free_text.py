"""Free text keeps what was said and loses who said it; what cannot be judged is redacted whole."""

import logging

import polars as pl
import pytest

from anonymization.free_text import MAXIMUM_LENGTH, REDACTED, TextScrubber, normalise

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

    assert "PERSON" not in scrubber.detectable
    assert scrubber.scrub(texts, ["EMAIL_ADDRESS", "PERSON"]).to_list() == [REDACTED, REDACTED, None, None]


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
