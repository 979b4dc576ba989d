"""What each recogniser demands beyond a shape: check digits, a word near it, capitals; and where its span ends."""

import pytest
import regex
from presidio_analyzer import PatternRecognizer

from anonymization.recognizers import LANGUAGE, build_recognizers

RECOGNIZERS = {
    item.supported_entities[0]: item
    for item in build_recognizers([("MEMBER_ID", "u[0-9]{9}")])
    if isinstance(item, PatternRecognizer)  # that of names needs a model, and has tests of its own
}


def find(entity: str, text: str) -> list[str]:
    findings = RECOGNIZERS[entity].analyze(text, [entity])
    return [text[item.start : item.end] for item in sorted(findings, key=lambda item: item.start)]


CHECKED = [
    ("JP_MY_NUMBER", "{}", "1234-5678-9018", 13),
    ("JP_MY_NUMBER", "{}", "123456789018", 11),
    ("JP_CORPORATE_NUMBER", "法人番号{}", "7000012050002", 0),
    ("JP_DRIVER_LICENCE", "免許証{}", "305012345630", 10),
    ("CREDIT_CARD", "{}", "3530111333300000", 15),
    ("CREDIT_CARD", "{}", "378282246310005", 14),
    ("CREDIT_CARD", "{}", "30569309025904", 13),
    ("CREDIT_CARD", "{}", "6222021234567890128", 18),
    ("IMEI", "{}", "352099001761481", 14),
    ("IBAN_CODE", "{}", "GB82WEST12345698765432", 3),
]


@pytest.mark.parametrize(("entity", "text", "number", "place"), CHECKED)
def test_number_whose_check_digit_fails_is_none(entity: str, text: str, number: str, place: int):
    others = [str((int(number[place]) + step) % 10) for step in range(1, 10)]
    # Nine stands for zero in a corporate number, so one other first digit would be right by the rule of nine.
    broken = [number[:place] + digit + number[place + 1 :] for digit in others if digit != "0"]

    assert find(entity, text.format(number)) == [number]
    assert [find(entity, text.format(item)) for item in broken] == [[]] * len(broken)


CONTEXTUAL = [
    ("JP_BANK_ACCOUNT", "口座番号は{}です", "1234567"),
    ("JP_BANK_ACCOUNT", "みずほ銀行 新宿支店 普通 {}", "1234567"),
    ("JP_BANK_ACCOUNT", "支店123の口座{}", "1234567"),
    ("JP_BANK_ACCOUNT", "口座は支店123の{}", "1234567"),
    ("JP_BANK_ACCOUNT", "口座：{}", "0001-123-1234567"),
    ("JP_BANK_ACCOUNT", "my account number is {}.", "1234567"),
    ("JP_BANK_ACCOUNT", "{}が口座番号です", "1234567"),
    ("JP_PASSPORT", "パスポート番号:{}", "TK1234567"),
    ("JP_PASSPORT", "passport no. {}", "TK1234567"),
    ("JP_PASSPORT", "{} is my passport", "TK1234567"),
    ("JP_DRIVER_LICENCE", "運転免許 第{}号", "305012345630"),
    ("JP_DRIVER_LICENCE", "{} is my driver's license", "305012345630"),
    ("JP_CORPORATE_NUMBER", "法人番号:{}", "7000012050002"),
    ("JP_POSTAL_CODE", "郵便番号{}", "1500041"),
    ("MAC_ADDRESS", "MACアドレス: {}", "001a2b3c4d5e"),
    ("ADVERTISING_ID", "android_id={}", "9774d56d682e549c"),
]


@pytest.mark.parametrize(("entity", "text", "number"), CONTEXTUAL)
def test_ambiguous_shape_needs_a_word_near_it_and_the_span_leaves_that_word(entity: str, text: str, number: str):
    assert find(entity, text.format(number)) == [number]
    assert find(entity, f"商品 {number} 中古") == []


def test_context_ends_with_its_sentence_and_does_not_make_an_amount_an_account():
    assert find("JP_BANK_ACCOUNT", "口座は後で。品番1234567") == []
    assert find("JP_BANK_ACCOUNT", "口座に1234567円、口座に1234567 円、振込先1234567点") == []
    assert find("JP_BANK_ACCOUNT", "account 1234567.50") == []


@pytest.mark.parametrize("barcode", ["4901234567894", "4570000000006", "4500000000007"])
def test_barcode_is_no_card_whatever_its_check_digit(barcode: str):
    assert find("CREDIT_CARD", barcode) == []


def test_sole_trader_may_have_any_digits_in_the_number_of_an_issuer_of_invoices():
    assert find("JP_CORPORATE_NUMBER", "登録番号T1234567890123です") == ["T1234567890123"]
    assert find("JP_CORPORATE_NUMBER", "MT1234567890123") == []


PHONES = [
    *("03-1234-5678", "090-1234-5678", "080-1234-5678", "070-1234-5678", "050-3456-7890", "0120-444-444"),
    *("0800-123-4567", "0570-012-345", "+81-90-1234-5678", "+81 3 1234 5678", "81-90-1234-5678", "+1 415-555-2671"),
]


@pytest.mark.parametrize("phone", PHONES)
def test_every_series_of_the_numbering_plan_is_found(phone: str):
    assert find("PHONE_NUMBER", f"電話{phone}まで") == [phone]


ADDRESSES = [
    "東京都渋谷区神南1-2-3",
    "東京都渋谷区神南一丁目2番3号",
    "北海道札幌市中央区北一条西2丁目3番地",
    "横浜市中区本町6丁目50番地の10",
    "東京都 港区 赤坂 9-7-1 メゾン赤坂 1203号室",
    "赤坂9丁目7番1号",
    "1-2-3 Jinnan, Shibuya-ku",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_address_is_found_down_to_the_house_and_the_room(address: str):
    assert find("JP_ADDRESS", f"住所は「{address}」です") == [address]


@pytest.mark.parametrize(
    "text", ["東京都渋谷区", "東京都から3日", "東京都渋谷区の店で3-4日", "三丁目の夕日", "1-2-3 go"]
)
def test_place_without_a_house_is_no_address(text: str):
    assert find("JP_ADDRESS", text) == []


def test_postal_code_and_address_side_by_side_are_both_found():
    text = "〒150-0041 東京都渋谷区神南1-2-3"

    assert find("JP_POSTAL_CODE", text) == ["〒150-0041"]
    assert find("JP_ADDRESS", text) == ["東京都渋谷区神南1-2-3"]


def test_token_in_a_query_is_found_without_its_name_and_without_what_follows():
    assert find("CREDENTIAL", "/a?sid=abc123&b=1#c") == ["abc123"]
    assert find("CREDENTIAL", "/a;jsessionid=0A1B2C?x=1") == ["0A1B2C"]
    assert find("CREDENTIAL", "/a?inside=abc123&token=x") == []
    assert find("ADVERTISING_ID", "/a?gclid=Cj0KCQ-x&b=1") == ["Cj0KCQ-x"]


NAMES = [
    *("山田様", "鈴木 花子さん", "緒方氏", "ひろみちゃん", "タナカさん", "Smithさん"),
    *("taro_99様", "Mr. Smith", "Dr Jane Doe"),
]
WORDS = "お客様 皆さん たくさん 出品者様 新品同様 仕様 様子 氏名 両氏 本屋さん お疲れ様 Dr.Martens MR2 mrna"


@pytest.mark.parametrize("name", NAMES)
def test_honorific_announces_a_name(name: str):
    assert find("HONORIFIC_NAME", f"「{name}」") == [name]


@pytest.mark.parametrize("word", WORDS.split())
def test_word_with_an_honorific_in_it_is_no_name(word: str):
    assert find("HONORIFIC_NAME", word) == []


def test_honorifics_do_not_make_names_detectable():
    assert RECOGNIZERS["HONORIFIC_NAME"].supported_entities == ["HONORIFIC_NAME"]


def test_declared_identifier_is_found_beside_letters_but_not_within_digits():
    assert find("MEMBER_ID", "idu000000001です u0000000012") == ["u000000001"]


@pytest.mark.parametrize("entity", RECOGNIZERS)
def test_recogniser_is_ordinary_and_its_patterns_stay_within_what_a_superset_can_be_derived_from(entity: str):
    recognizer = RECOGNIZERS[entity]

    assert isinstance(recognizer, PatternRecognizer)
    assert recognizer.supported_language == LANGUAGE
    assert recognizer.global_regex_flags & regex.ASCII
    assert not any(regex.search(r"\\[1-9]|\(\?P[=<]|\\K", pattern.regex) for pattern in recognizer.patterns)


HOSTILE = [
    *("口座", "口座番号no.", "1", "12 ", "a.", "eyJ", "eyJaaaaaaaaa.", "東京都渋谷区あ"),
    *("区", "Mr. ", "token=", "GB12 ABCD ", "山田"),
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("entity", RECOGNIZERS)
def test_no_repetition_takes_more_than_linear_time(entity: str):
    for piece in HOSTILE:
        RECOGNIZERS[entity].analyze((piece * 30_000)[:30_000], [entity])
