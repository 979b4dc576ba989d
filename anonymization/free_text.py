"""Free text without the identifiers in it: Presidio's verdict on each distinct value, found spans replaced by their kind."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

import polars as pl
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import ConflictResolutionStrategy, OperatorConfig
from presidio_anonymizer.entities import RecognizerResult as Span

from anonymization.recognizers import LANGUAGE, build_recognizers

MAXIMUM_LENGTH = 2000
REDACTED = "<REDACTED>"


@dataclass(frozen=True, slots=True)
class TextScrubber:
    """An analyzer with the recognisers of this installation, and what it can therefore find."""

    analyzer: AnalyzerEngine
    anonymizer: AnonymizerEngine
    detectable: frozenset[str]

    def scrub(self, texts: pl.Series, entities: Sequence[str]) -> pl.Series:
        """Distinct texts with every span of the entities replaced by its kind, aligned with the input.

        Fails closed: when an expected entity is one that no recogniser here can find, each text is redacted whole.
        """
        if set(entities) - self.detectable:
            return texts.to_frame("text").select(
                pl.when(pl.col("text").is_not_null()).then(pl.lit(REDACTED)).alias("text"),
            )["text"]
        scrubbed = [None if text is None else self._scrub_one(text, entities) for text in texts.to_list()]
        return pl.Series("text", scrubbed, dtype=pl.String)

    def _scrub_one(self, text: str, entities: Sequence[str]) -> str:
        normal = normalise(text)
        if len(normal) > MAXIMUM_LENGTH:
            return REDACTED
        found = self.analyzer.analyze(normal, language=LANGUAGE, entities=list(entities))
        if not found:
            return normal
        spans = [Span(item.entity_type, item.start, item.end, item.score) for item in found]
        operators = {
            item.entity_type: OperatorConfig("replace", {"new_value": f"<{item.entity_type}>"}) for item in found
        }
        strategy = ConflictResolutionStrategy.REMOVE_INTERSECTIONS
        return str(self.anonymizer.anonymize(normal, spans, operators, conflict_resolution=strategy).text)


def normalise(text: str) -> str:
    """Compatibility form, percent-decoded, without control characters; what recognisers are made for."""
    decoded = unquote_plus(text) if "%" in text else text
    folded = unicodedata.normalize("NFKC", decoded)
    return "".join(character for character in folded if character.isprintable() or character in "\n\t").strip()


def build_scrubber(identifier_patterns: Sequence[tuple[str, str]] = ()) -> TextScrubber:
    """A scrubber with the default recognisers and those that a service declares for its own identifiers."""
    recognizers = build_recognizers(identifier_patterns)
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[LANGUAGE])
    engine = NoOpNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": ""}])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])
    detectable = frozenset(entity for recognizer in recognizers for entity in recognizer.supported_entities)
    return TextScrubber(analyzer, AnonymizerEngine(), detectable)
