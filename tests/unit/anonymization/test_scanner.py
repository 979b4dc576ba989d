"""Only texts and recognisers that can find something are asked, and what they answer is the engine's own answer."""

from collections.abc import Callable
from typing import ClassVar

import polars as pl
import pytest
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, Pattern, PatternRecognizer, RecognizerRegistry
from presidio_analyzer import RecognizerResult as Result
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from anonymization.scanner import build_scanner, derive_from_patterns

LANGUAGE = "ja"


def recognise(entity: str, regex: str, score: float = 0.5, **options) -> PatternRecognizer:
    return PatternRecognizer(entity, patterns=[Pattern(entity, regex, score)], supported_language=LANGUAGE, **options)


def build_engine(*recognizers: EntityRecognizer, **options) -> AnalyzerEngine:
    registry = RecognizerRegistry(recognizers=list(recognizers), supported_languages=[LANGUAGE])
    nlp = NoOpNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": ""}])
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[LANGUAGE], **options)


class OwnAnalysis(PatternRecognizer):
    """Finds by other means than its pattern says."""

    def analyze(self, text, *_, **__):
        return [Result("OWN", 0, len(text), 0.7)] if "秘密" in text else []


class Enhancing(PatternRecognizer):
    """Raises its own scores when another kind was found."""

    def enhance_using_context(self, raw_recognizer_results, other_raw_recognizer_results, **_):
        for result in raw_recognizer_results:
            result.score = 0.9 if other_raw_recognizer_results else result.score
        return raw_recognizer_results


class AlwaysSure(ContextAwareEnhancer):
    """An enhancer that an installation might bring."""

    def __init__(self):
        super().__init__(0, 0, 0, 0)

    def enhance_using_context(self, raw_results, **_):
        for result in raw_results:
            result.score = 1.0
        return raw_results


def thresholded(threshold: float) -> PatternRecognizer:
    recognizer = recognise("LOW", r"\d{3}", 0.3)
    recognizer.score_thresholds = {"default": threshold}
    return recognizer


ENGINES: dict[str, Callable[[], AnalyzerEngine]] = {
    "overlapping patterns of one entity": lambda: build_engine(
        recognise("A", r"\d{3}"), recognise("A", r"\d{2,5}", 0.6)
    ),
    "several entities in one place": lambda: build_engine(recognise("A", r"\d{3}"), recognise("B", r"[0-9a-c]+")),
    "a threshold of the engine": lambda: build_engine(
        recognise("A", r"\d{3}", 0.3), recognise("B", "abc", 0.8), default_score_threshold=0.5
    ),
    "a threshold of a recogniser": lambda: build_engine(thresholded(0.4), recognise("B", "abc")),
    "a threshold below the engine's": lambda: build_engine(thresholded(0.1), default_score_threshold=0.5),
    "a list of words": lambda: build_engine(
        PatternRecognizer("WORD", deny_list=["abc", "a.c", "秘密"], supported_language=LANGUAGE)
    ),
    "its own analysis": lambda: build_engine(
        OwnAnalysis("OWN", patterns=[Pattern("own", "never", 0.5)], supported_language=LANGUAGE)
    ),
    "its own enhancement": lambda: build_engine(
        Enhancing("A", patterns=[Pattern("a", r"\d{3}", 0.5)], supported_language=LANGUAGE), recognise("B", "abc")
    ),
    "words of context": lambda: build_engine(recognise("A", r"\d{3}", context=["秘密", "abc", ""])),
    "another enhancer": lambda: build_engine(recognise("A", r"\d{3}"), context_aware_enhancer=AlwaysSure()),
    "flags of its own": lambda: build_engine(recognise("A", "ABC # comment", global_regex_flags=64)),
    "recognisers of another language": lambda: build_engine(
        recognise("A", r"\d{3}"), PatternRecognizer("B", patterns=[Pattern("b", "abc", 0.5)], supported_language="en")
    ),
    "more recognisers than one regex joins": lambda: build_engine(
        *(recognise(f"A{place}", f"{place}[0-9]") for place in range(20)), recognise("B", "abc")
    ),
    "a match of nothing": lambda: build_engine(recognise("A", r"\d*")),
}
TEXTS = [
    "12345 abc",
    "abc",
    "ABC",
    "a.c 秘密",
    "秘密です",
    "123",
    "12",
    "",
    "x",
    "１２３",
    "abc\n123\n",
    "abcabc 1 123",
]


def simplify(results: list[Result]) -> list[tuple[str, int, int, float]]:
    return [(result.entity_type, result.start, result.end, result.score) for result in results]


@pytest.mark.parametrize("build", ENGINES.values(), ids=ENGINES.keys())
def test_verdict_is_that_of_the_engine_with(build: Callable[[], AnalyzerEngine]):
    engine = build()
    found = build_scanner(engine, LANGUAGE).scan(pl.Series([*TEXTS, None, *TEXTS]))

    for text in TEXTS:
        assert simplify(found.get(text, [])) == simplify(engine.analyze(text, LANGUAGE))
    assert all(found.values())


class Watched(PatternRecognizer):
    """Remembers the texts that it was asked about: an engine calls this for each recogniser that it asks."""

    asked: ClassVar[list[str]] = []

    def enhance_using_context(self, text, raw_recognizer_results, *_, **__):
        self.asked.append(text)
        return raw_recognizer_results


def test_recogniser_is_asked_once_about_each_distinct_text_in_which_its_pattern_may_be():
    Watched.asked.clear()
    watched = Watched("A", patterns=[Pattern("a", r"(?<!\d)\d{3}(?!\d)", 0.5)], supported_language=LANGUAGE)
    scanner = build_scanner(build_engine(watched, recognise("B", "abc")), LANGUAGE)
    found = scanner.scan(pl.Series(["abc", "123", "123", "1234", None, "abc 456", ""]))

    assert sorted(Watched.asked) == ["123", "abc 456"]
    assert sorted(found) == ["123", "abc", "abc 456"]


def test_recogniser_without_a_superset_is_asked_about_every_text():
    assert derive_from_patterns(recognise("A", "1")) == r"[\U00000031-\U00000031]"
    assert derive_from_patterns(OwnAnalysis("OWN", patterns=[Pattern("own", "never", 0.5)])) is None
    assert derive_from_patterns(recognise("FUZZY", "(?:secret){e<=1}")) is None

    fuzzy = build_engine(recognise("FUZZY", "(?:secret){e<=1}"))
    assert list(build_scanner(fuzzy, LANGUAGE).scan(pl.Series(["sacret", "no"]))) == ["sacret"]


def test_recogniser_whose_analysis_was_replaced_has_no_superset(monkeypatch: pytest.MonkeyPatch):
    recognizer = recognise("A", "abc")
    monkeypatch.setattr(recognizer, "analyze", lambda **_: [])

    assert derive_from_patterns(recognizer) is None


def test_recogniser_that_joins_later_is_asked_about_every_text():
    engine = build_engine(recognise("A", "abc"))
    scanner = build_scanner(engine, LANGUAGE)
    engine.registry.add_recognizer(recognise("B", r"\d{3}"))

    assert list(scanner.scan(pl.Series(["123"]))) == ["123"]


def test_only_the_recognisers_of_the_entities_are_asked():
    scanner = build_scanner(build_engine(recognise("A", r"\d{3}"), recognise("B", "abc")), LANGUAGE)

    assert [result.entity_type for result in scanner.scan(pl.Series(["123 abc"]), ["B"])["123 abc"]] == ["B"]


def test_no_text_has_nothing_in_it():
    scanner = build_scanner(build_engine(recognise("A", r"\d{3}")), LANGUAGE)

    assert scanner.scan(pl.Series([], dtype=pl.String)) == {}
    assert scanner.scan(pl.Series([None, None], dtype=pl.String)) == {}
