"""Names are found where a model for the language of the text is installed, and a text that none reads is one name."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import spacy

from anonymization.columns import treat_columns
from anonymization.free_text import REDACTED, build_scrubber
from anonymization.names import NameRecognizer, build_name_recognizers, choose_models, installed_models, languages_of
from anonymization.treatment import Context, Treatment

ENGLISH_RULES = [
    {"label": "PERSON", "pattern": [{"TEXT": "John"}, {"TEXT": "Smith"}]},
    {"label": "GPE", "pattern": "Tokyo"},
    {"label": "ORG", "pattern": "Yahoo"},
]


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of spaCy's that knows three names by rules, so that no download is needed."""
    path = tmp_path_factory.mktemp("models") / "en_three_names"
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns(ENGLISH_RULES)
    pipeline.to_disk(path)
    return str(path)


def find(recognizer: NameRecognizer, text: str, *entities: str) -> list[tuple[str, str]]:
    findings = recognizer.analyze(text, list(entities or ["PERSON"]))
    return [(item.entity_type, text[item.start : item.end]) for item in findings]


def test_model_finds_people_and_places_that_are_asked_for_and_nothing_else(english: str):
    recognizer = NameRecognizer({"en": english}, "ja")
    text = "John Smith of Yahoo lives in Tokyo"

    assert find(recognizer, text) == [("PERSON", "John Smith")]
    assert find(recognizer, text, "LOCATION") == [("LOCATION", "Tokyo")]
    assert find(recognizer, text, "PERSON", "LOCATION") == [("LOCATION", "Tokyo"), ("PERSON", "John Smith")]


@pytest.mark.parametrize("text", ["山田太郎です", "山田 John Smith", "Спасибо Иван", "감사합니다", "José 山田"])
def test_text_that_no_installed_model_reads_is_one_name_from_end_to_end(text: str, english: str):
    assert find(NameRecognizer({"en": english}, "ja"), text) == [("PERSON", text)]


@pytest.mark.parametrize("text", ["", "5/5 !!", "(^_^)", "(´Д`)", "A5", "100%"])
def test_text_without_words_has_no_name_and_needs_no_model(text: str):
    assert find(NameRecognizer({"en": "missing"}, "ja"), text) == []


def test_language_of_a_text_is_that_of_its_letters():
    assert languages_of("良い Nintendo Switch XL") == {"ja"}
    assert languages_of("ガンダム") == languages_of("〆切") == {"ja"}
    assert languages_of("good") == {"en"}
    assert languages_of("良い Спасибо") == {"other"}


def test_best_of_the_installed_models_is_chosen_for_each_language():
    installed = ["de_core_news_sm", "en_core_web_sm", "en_core_web_md", "ja_core_news_sm", "ja_ginza", "english"]

    assert choose_models(installed) == {"ja": "ja_ginza", "en": "en_core_web_md"}
    assert choose_models(["en_our_own"]) == {"en": "en_our_own"}
    assert choose_models([]) == {}


def test_model_is_not_loaded_before_a_text_needs_it(tmp_path: Path):
    recognizer = NameRecognizer({"en": str(tmp_path / "missing")}, "ja")

    with pytest.raises(OSError, match="missing"):
        recognizer.analyze("John Smith", ["PERSON"])


def test_without_a_model_names_are_not_detectable():
    if installed_models():
        pytest.skip("a model is installed here")
    scrubber = build_scrubber()

    assert build_name_recognizers("ja") == []
    assert "PERSON" not in scrubber.detectable
    assert scrubber.scrub(pl.Series(["良い品"]), ["EMAIL_ADDRESS", "PERSON"]).to_list() == [REDACTED]


@pytest.mark.parametrize(
    ("options", "kept"),
    [({}, REDACTED), ({"withoutNames": "redact"}, REDACTED), ({"withoutNames": "keep"}, "<UUID> 良い品")],
)
def test_text_that_may_hold_names_is_kept_only_where_its_contract_says_so(
    options: dict[str, str], kept: str, context: Context
):
    if installed_models():
        pytest.skip("a model is installed here")
    frame = pl.DataFrame({"comment": ["3f2b8c1e-0d4a-4b6f-9c1d-5e6f7a8b9c0d 良い品"]})
    scrub = Treatment("comment", "scrub", ("comment",), {"entities": ["UUID", "PERSON"], **options})

    assert treat_columns(frame, [scrub], context)["comment"].to_list() == [kept]


JAPANESE_NAMES = "山田太郎 鈴木花子 佐藤健一 高橋美咲 田中直人 渡辺麻友 伊藤陽菜 山本翔太 中村由美 小林和子"
SENTENCES = [
    "{}です。よろしく",
    "{}さんの対応が良かったです",
    "担当の{}に連絡しました",
    "昨日{}と電話で話した",
    "{}様、ありがとう",
]


@pytest.fixture(scope="module")
def scrub() -> Callable[[str], str]:
    """A scrubber of this installation with GiNZA in it."""
    pytest.importorskip("ginza", reason="needs the extra japanese-names")
    scrubber = build_scrubber()

    return lambda text: scrubber.scrub(pl.Series([text]), ["PERSON", "EMAIL_ADDRESS"])[0]


def test_ginza_makes_japanese_names_detectable_and_finds_nearly_all(scrub: Callable[[str], str]):
    texts = {sentence.format(name): name for name in JAPANESE_NAMES.split() for sentence in SENTENCES}
    survived = [text for text, name in texts.items() if any(part in scrub(text) for part in (name[:2], name[2:]))]

    assert len(survived) <= len(texts) // 20


def test_ginza_leaves_what_was_said_without_names(scrub: Callable[[str], str]):
    texts = [
        "とても良い商品でした",
        "梱包が丁寧で満足です",
        "配送が早くて助かりました",
        "説明通りの品、また利用します",
        "5点",
    ]

    assert [scrub(text) for text in texts] == texts


def test_ginza_and_patterns_agree_on_one_text_and_english_is_redacted_whole(scrub: Callable[[str], str]):
    assert scrub("鈴木花子です。taro@example.jpへ") == "<PERSON>です。<EMAIL_ADDRESS>へ"
    if "en" not in installed_models():
        assert scrub("I am John Smith") == "<PERSON>"
