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

from anonymization.superset import NoSupersetError, derive_superset, is_runnable

# These look for the recogniser's patterns, under its flags, and for nothing else; any other analyze() is its own.
PATTERN_DRIVEN = (PatternRecognizer.analyze, IbanRecognizer.analyze)
TEXT = "text"
JOINED = 6  # supersets in one regex; the automaton of all of them is slower than a few smaller ones


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

    `supersets` has, by the id of a recogniser, a regex that matches in every text in which it finds anything. A
    recogniser that has none there is asked about every text.
    """

    engine: AnalyzerEngine
    language: str
    supersets: Mapping[str, str]
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
    derived = {recognizer.id: derive_from_patterns(recognizer) for recognizer in recognizers}
    supersets = {name: superset for name, superset in derived.items() if superset is not None}
    artifacts = engine.nlp_engine.process_text("", language) if without_model else None
    return Scanner(narrowed, language, supersets, artifacts)


def derive_from_patterns(recognizer: EntityRecognizer) -> str | None:
    """A regex that matches in every text in which the recogniser finds anything; None when none is known."""
    is_pattern_driven = getattr(recognizer.analyze, "__func__", None) in PATTERN_DRIVEN
    if not isinstance(recognizer, PatternRecognizer) or not is_pattern_driven:
        return None
    driven: Any = recognizer  # presidio-analyzer leaves the type of its patterns open
    try:
        derived = [derive_superset(pattern.regex, driven.global_regex_flags) for pattern in driven.patterns]
    except NoSupersetError:
        return None
    superset = "|".join(derived)
    return superset if derived and is_runnable(superset) else None


def _fire(
    texts: pl.Series, recognizers: Sequence[EntityRecognizer], supersets: Mapping[str, str]
) -> Iterator[tuple[str, list[EntityRecognizer]]]:
    """Each distinct text that any recogniser must be asked about, with those that must."""
    regexes = [supersets.get(recognizer.id) for recognizer in recognizers]
    masks = [_mask(regex).alias(str(place)) for place, regex in enumerate(regexes)]
    distinct = texts.drop_nulls().unique().to_frame(TEXT).lazy()
    # Most texts are nobody's concern, and a few large regexes say so sooner than many small ones.
    likely = distinct.filter(pl.any_horizontal(_mask(regex) for regex in _join(regexes)))
    fired = likely.with_columns(masks).filter(pl.any_horizontal(pl.exclude(TEXT))).collect()
    for text, *mask in fired.iter_rows():
        yield text, list(compress(recognizers, mask))


def _join(regexes: Sequence[str | None]) -> list[str | None]:
    """Alternations of some regexes each, as long as Polars can run them; None for every text stays alone."""
    known = [regex for regex in regexes if regex is not None]
    groups = [known[start : start + JOINED] for start in range(0, len(known), JOINED)]
    joined = [["|".join(group)] if is_runnable("|".join(group)) else group for group in groups]
    return [*(regex for group in joined for regex in group), *([None] if None in regexes else [])]


def _mask(regex: str | None) -> pl.Expr:
    return pl.lit(value=True) if regex is None else pl.col(TEXT).str.contains(regex)
