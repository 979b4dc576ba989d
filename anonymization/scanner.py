"""What Presidio finds in a column of texts, asked only of the texts and recognisers for which it can find anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import polars as pl
from presidio_analyzer import (
    AnalyzerEngine,
    EntityRecognizer,
    PatternRecognizer,
    RecognizerRegistry,
    RecognizerResult,
)
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer, LemmaContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts, NoOpNlpEngine
from presidio_analyzer.predefined_recognizers import IbanRecognizer

from anonymization.superset import NoSupersetError, derive_superset

# These look for the recogniser's patterns, under its flags, and for nothing else; any other analyze() is its own.
PATTERN_DRIVEN = (PatternRecognizer.analyze, IbanRecognizer.analyze)
TEXT = "text"


class _FiredRegistry(RecognizerRegistry):
    """The recognisers of a request, if it names any, instead of all: an engine's registry but for one choice."""

    def get_recognizers(
        self,
        language: str,
        entities: list[str] | None = None,
        all_fields: bool = False,  # noqa: FBT001, FBT002 - the signature is Presidio's
        ad_hoc_recognizers: list[EntityRecognizer] | None = None,
    ) -> list[EntityRecognizer]:
        return ad_hoc_recognizers or super().get_recognizers(language, entities, all_fields)


class _NoEnhancer(ContextAwareEnhancer):
    """Presidio's default enhancer as it is without tokens, when no context can be found, minus its deep copies."""

    def __init__(self) -> None:
        super().__init__(0, 0, 0, 0)

    def enhance_using_context(
        self, text: str, raw_results: list[RecognizerResult], *_: object, **__: object
    ) -> list[RecognizerResult]:
        del text
        return raw_results


@dataclass(frozen=True, slots=True)
class Scanner:
    """An engine that is asked about a text only through the recognisers that may find something in it.

    `supersets` has, by the id of a recogniser, regexes of which one matches in every text in which it finds anything. A
    recogniser that has none there is asked about every text.
    """

    engine: AnalyzerEngine
    language: str
    supersets: Mapping[str, Sequence[str]]
    artifacts: NlpArtifacts | None

    def scan(self, texts: pl.Series, entities: Sequence[str] = ()) -> dict[str, list[RecognizerResult]]:
        """What `AnalyzerEngine.analyze` returns, by text, for each text in which it finds any of the entities.

        No entities means all. Texts are looked at once each; null has nothing in it.
        """
        wanted = list(entities) or self.engine.get_supported_entities(self.language)
        recognizers = self.engine.registry.get_recognizers(self.language, wanted)
        fired = _fire(texts, recognizers, self.supersets)
        found = ((text, self._analyze(text, asked, wanted)) for text, asked in fired)
        return {text: results for text, results in found if results}

    def _analyze(self, text: str, asked: list[EntityRecognizer], wanted: list[str]) -> list[RecognizerResult]:
        return self.engine.analyze(text, self.language, wanted, ad_hoc_recognizers=asked, nlp_artifacts=self.artifacts)


def build_scanner(engine: AnalyzerEngine, language: str) -> Scanner:
    """A scanner whose verdict is that of the engine, for its recognisers of one language.

    Relies on one promise that Presidio makes of `enhance_using_context`: it changes results and invents none.
    """
    registry = _FiredRegistry(engine.registry.recognizers, supported_languages=engine.supported_languages)
    without_model = isinstance(engine.nlp_engine, NoOpNlpEngine)
    never_enhances = without_model and type(engine.context_aware_enhancer) is LemmaContextAwareEnhancer
    narrowed = AnalyzerEngine(
        registry=registry,
        nlp_engine=engine.nlp_engine,
        app_tracer=engine.app_tracer,
        log_decision_process=engine.log_decision_process,
        default_score_threshold=engine.default_score_threshold,
        supported_languages=engine.supported_languages,
        context_aware_enhancer=_NoEnhancer() if never_enhances else engine.context_aware_enhancer,
    )
    recognizers = registry.get_recognizers(language, all_fields=True)
    supersets = {recognizer.id: derive_supersets(recognizer) for recognizer in recognizers}
    artifacts = engine.nlp_engine.process_text("", language) if without_model else None
    return Scanner(narrowed, language, supersets, artifacts)


def derive_supersets(recognizer: EntityRecognizer) -> tuple[str, ...]:
    """Regexes of which one matches in every text in which the recogniser finds anything; none when none are known."""
    is_pattern_driven = getattr(recognizer.analyze, "__func__", None) in PATTERN_DRIVEN
    if not isinstance(recognizer, PatternRecognizer) or not is_pattern_driven:
        return ()
    driven: Any = recognizer  # presidio-analyzer leaves the type of its patterns open
    try:
        return tuple(derive_superset(pattern.regex, driven.global_regex_flags) for pattern in driven.patterns)
    except NoSupersetError:
        return ()


def _fire(
    texts: pl.Series, recognizers: Sequence[EntityRecognizer], supersets: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, list[EntityRecognizer]]]:
    """Each distinct text that any recogniser must be asked about, with those that must."""
    masks = [_mask(supersets.get(recognizer.id, ())).alias(str(place)) for place, recognizer in enumerate(recognizers)]
    distinct = texts.drop_nulls().unique().to_frame(TEXT).lazy()
    fired = distinct.with_columns(masks).filter(pl.any_horizontal(pl.exclude(TEXT))).collect()
    for text, *mask in fired.iter_rows():
        yield text, list(compress(recognizers, mask))


def _mask(regexes: Sequence[str]) -> pl.Expr:
    # One regex after the other, since Rust is several times slower with all in one alternation.
    return pl.any_horizontal(pl.col(TEXT).str.contains(regex) for regex in regexes) if regexes else pl.lit(value=True)
