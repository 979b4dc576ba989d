"""The scanner finds what Presidio's engine finds: nothing less, nothing more, whatever the text.

The fuzz reads 12,000 strings, or as many as TOKUMEI_FUZZ_STRINGS says, from the seed TOKUMEI_FUZZ_SEED (1 if unset).
All of it: TOKUMEI_FUZZ_STRINGS=300000 .venv/bin/pytest tests/property/test_detection.py -k fuzz
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer import predefined_recognizers as stock
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from anonymization.recognizers import LANGUAGE, build_recognizers
from anonymization.scanner import Scanner, build_scanner

STRINGS = int(os.environ.get("TOKUMEI_FUZZ_STRINGS", "12000"))
SEED = int(os.environ.get("TOKUMEI_FUZZ_SEED", "1"))
CHUNK = 5000


def split(lines: str) -> list[str]:
    return lines.strip().replace("\n", "|").split("|")


IDENTIFIERS = split("""
taro@example.jp|太郎@例え.jp|taro..yamada@docomo.ne.jp|090-1234-5678|(03)1234-5678|0120-444-444|+81 90-1234-5678
81-90-1234-5678|+1 415-555-2671|+49 30 123456|〒100-0001|100-0001|郵便番号: 1000001|zip 100 0001
東京都千代田区千代田1-1|渋谷区神南1丁目2番3号|梅田三丁目1番3号|1-2-3 Kanda, Chiyoda-ku
4111 1111 1111 1111|3782 822463 10005|3530111333300000|30569309025904|6304000000000000000|2223003122003222
口座番号 1234567|銀行 普通 1234567|bank account 123-1234567|1234567が口座番号です|記号 11940 番号 1234567
GB82 WEST 1234 5698 7654 32|DE89370400440532013000|FR1420041010050500013M02606 X
123456789018|1234-5678-9018|1234 5678 9018|T7000012050002|法人番号 7000012050002|7000012050002が法人番号
免許証番号 123456789030|123456789030が免許証番号|パスポート TK1234567|TK1234567がパスポート
TK1234567<7JPN8001019M2501017|AB12345678CD|ab-12345678-cd
192.0.2.1|::ffff:192.0.2.1|2001:db8::1|fe80::1%eth0/64|1:2:3:4:5:6:7:8|::|64:ff9b::192.0.2.33|10.0.0.0/8
00:1A:2b:3C:4d:5E|00-1A-2B-3C-4D-5E|001a.2b3c.4d5e|MACアドレス 001a2b3c4d5e
3f2b8c1e-0d4a-4b6f-9c1d-5e6f7a8b9c0d|3f2b8c1e0d4a4b6f9c1d5e6f7a8b9c0d|IMEI 49-015420-323751-8|356938035643809
idfa=3F2B8C1E-0D4A-4B6F|GA1.2.123456789.1234567890|?gclid=Cj0KCQiA-abc_123|fb.1.1596403881668.1116446470
?session_id=abcd1234|token: abcdefghijklmnop1234|パスワードは hunter22|Bearer abcdefghijklmnop1234
eyJhbGciOiJIUzI1.eyJzdWIiOiIx.sig|山田太郎様|たなかさん|スズキ・イチロー氏|yamada_taro99さん|Mr. John Smith
u000000001|U999999999|078-05-1120|https://www.example.co.jp/a?b=c|www.例え.jp/ぱす|1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2
2026-11-22|12/31/1999|AAAPA1234A|1HGCM82633A004352|A1234567|X12345678|VISA-4111-1111-1111-1111
""")
INNOCENT = split("""
とても良い|商品番号 1234567890|m12345678901|1,980円|std::vector|100%満足|お客様|皆さん|12:34:56|v1.2.3.4.5
THE IDOLM@STER|/item/1234567?page=2|SO-51C|リンゴ5@1.25kg|Chrome/152.0.7201.33|ſKıİß|😀|éa\u0301
""")
CHARACTERS = [
    *"あアー漢字様ａ１０／＠．：ſK\u200b\u00ad\u00a0 \t\n\r\0-_.:;/@#%&=+?()<>\"'0123456789abcdefABCDEFxyzTｦ〒４٣é",
    *("\U0001f600", "ß", "İ", "ı", "\u202e", "\u2060", "\ufeff", "\u3099", "\u0301", "\u2028", "\ufffd", "\U000e0041"),
]
GLUE = ["", "", "", " ", "は", "です", "_", "-", "ID", "電話", "x", "9", "\u200b", "、", "=", "%", "\n"]


def build_engine(recognizers: Sequence[EntityRecognizer], language: str) -> AnalyzerEngine:
    registry = RecognizerRegistry(recognizers=list(recognizers), supported_languages=[language])
    nlp = NoOpNlpEngine(models=[{"lang_code": language, "model_name": ""}])
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[language])


RECOGNIZERS = build_recognizers((("MEMBER_ID", "u[0-9]{9}"),))
ENGINE = build_engine(RECOGNIZERS, LANGUAGE)
SCANNER = build_scanner(ENGINE, LANGUAGE)


def draw_string(draw: random.Random) -> str:
    """Some identifiers and near misses, glued, damaged and disguised."""
    pieces = [
        draw.choice(IDENTIFIERS if draw.random() < 0.8 else INNOCENT) for _ in range(draw.choice((1, 1, 1, 2, 3)))
    ]
    text = draw.choice(GLUE) + draw.choice(GLUE).join(disguise(draw, piece) for piece in pieces) + draw.choice(GLUE)
    return text * draw.randint(20, 80) if draw.random() < 0.002 else text


def disguise(draw: random.Random, piece: str) -> str:
    ways: list[Callable[[], str]] = [
        lambda: piece,
        lambda: "".join(draw.choice("0123456789") if one.isdigit() else one for one in piece),
        piece.swapcase,
        lambda: "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in piece),
        lambda: quote(quote(piece) if draw.random() < 0.3 else piece, safe=""),
        lambda: "".join(one + draw.choice(("", "", "", "\u200b", "\u00ad", "\u2060")) for one in piece),
        lambda: edit(draw, list(piece)),
    ]
    return draw.choices(ways, weights=(6, 4, 1, 1.5, 1.5, 2, 5))[0]()


def edit(draw: random.Random, characters: list[str]) -> str:
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(len(characters) + 1)
        kept = draw.choice((0, 0, 1))  # characters that the new ones replace
        characters[place : place + kept] = draw.choice((draw.choice(CHARACTERS), ""))
    return "".join(characters)


def draw_strings(count: int, seed: int) -> Iterator[list[str]]:
    """Distinct strings in chunks."""
    draw = random.Random(seed)
    for start in range(0, count, CHUNK):
        yield list({draw_string(draw): None for _ in range(min(CHUNK, count - start))})


def simplify(results: Sequence[RecognizerResult]) -> list[tuple[str, int, int, float]]:
    return [(result.entity_type, result.start, result.end, result.score) for result in results]


def list_differences(scanner: Scanner, expected: dict[str, list[tuple[str, int, int, float]]]) -> list[str]:
    """The texts in which the scanner does not find exactly what is expected, in the same order."""
    found = scanner.scan(pl.Series(list(expected), dtype=pl.String))
    return [text for text, spans in expected.items() if simplify(found.get(text, [])) != spans]


def ask_engine(engine: AnalyzerEngine, texts: Sequence[str], language: str = LANGUAGE) -> dict[str, list]:
    return {text: simplify(engine.analyze(text, language)) for text in texts}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fuzz_finds_no_difference_to_the_engine_and_every_recogniser_at_work():
    entities: Counter[str] = Counter()
    for texts in draw_strings(STRINGS, SEED):
        expected = ask_engine(ENGINE, texts)
        entities.update(entity for spans in expected.values() for entity, *_ in spans)

        assert list_differences(SCANNER, expected) == []
    assert set(entities) == set(ENGINE.get_supported_entities(LANGUAGE))


@given(st.lists(st.one_of(st.text(), st.sampled_from(IDENTIFIERS), st.sampled_from(GLUE)), max_size=6).map("".join))
def test_any_text_gets_the_verdict_of_the_engine(text: str):
    assert list_differences(SCANNER, ask_engine(ENGINE, [text])) == []


@settings(max_examples=30)
@given(
    st.sampled_from(IDENTIFIERS), st.sets(st.sampled_from(sorted(ENGINE.get_supported_entities(LANGUAGE))), min_size=1)
)
def test_any_choice_of_entities_gets_the_verdict_of_the_engine(text: str, entities: set[str]):
    found = SCANNER.scan(pl.Series([text]), sorted(entities)).get(text, [])

    assert simplify(found) == simplify(ENGINE.analyze(text, LANGUAGE, sorted(entities)))


@pytest.fixture(scope="module")
def expected() -> dict[str, list[tuple[str, int, int, float]]]:
    return ask_engine(ENGINE, next(draw_strings(3000, SEED + 1)))


@pytest.mark.slow
@pytest.mark.parametrize("recognizer", RECOGNIZERS, ids=lambda recognizer: recognizer.name)
@pytest.mark.parametrize("narrowed", [r"\A(?:{})\z", "(?:{})[^!-~]"])
def test_fuzz_notices_a_superset_that_is_narrowed(recognizer: EntityRecognizer, narrowed: str, expected: dict):
    supersets = {**SCANNER.supersets, recognizer.id: narrowed.format(SCANNER.supersets[recognizer.id])}

    assert list_differences(replace(SCANNER, supersets=supersets), expected) != []


@pytest.mark.slow
def test_fuzz_notices_edges_that_take_kana_for_letters(expected: dict):
    edge, unicode_edge = r"[^\U00000030-\U00000039", r"[^\w"
    assert any(edge in superset for superset in SCANNER.supersets.values())
    supersets = {name: superset.replace(edge, unicode_edge) for name, superset in SCANNER.supersets.items()}

    assert len(list_differences(replace(SCANNER, supersets=supersets), expected)) > 10


@pytest.mark.slow
def test_recognisers_as_presidio_ships_them_get_the_verdict_of_their_engine():
    """With Unicode's idea of a word, back-references, and one recogniser whose analysis is its own."""
    shipped = [
        *(stock.CreditCardRecognizer(), stock.CryptoRecognizer(), stock.DateRecognizer(), stock.EmailRecognizer()),
        *(stock.IbanRecognizer(), stock.IpRecognizer(), stock.MacAddressRecognizer(), stock.PhoneRecognizer()),
        *(stock.UrlRecognizer(), stock.UsSsnRecognizer(), stock.UsPassportRecognizer(), stock.InPanRecognizer()),
        *(stock.AuTfnRecognizer(), stock.UkNinoRecognizer(), stock.SgFinRecognizer(), stock.EsNifRecognizer()),
    ]
    for recognizer in shipped:
        recognizer.supported_language = "en"
    engine = build_engine(shipped, "en")
    scanner = build_scanner(engine, "en")
    texts = [text[:300] for text in next(draw_strings(1500, SEED + 2))]

    assert [item.name for item in shipped if item.id not in scanner.supersets] == ["PhoneRecognizer"]
    assert list_differences(scanner, ask_engine(engine, texts, "en")) == []
