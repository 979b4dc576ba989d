"""Free text without the identifiers in it: Presidio's verdict on distinct values, each span replaced by its kind."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import polars as pl
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import ConflictResolutionStrategy, OperatorConfig
from presidio_anonymizer.entities import RecognizerResult as Span

from anonymization.recognizers import LANGUAGE, build_recognizers

MAXIMUM_LENGTH = 2000
MAXIMUM_DECODINGS = 4
REDACTED = "<REDACTED>"
ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
# Japanese input methods give these for the key "-"; the long vowel mark is one only between digits.
DASHES = re.compile(r"[‐‑‒–—―−─]|(?<=[0-9])ー(?=[0-9])")


@dataclass(frozen=True, slots=True)
class TextScrubber:
    """An analyzer with the recognisers of this installation, and what it can therefore find."""

    analyzer: AnalyzerEngine
    detectable: frozenset[str]
    anonymizer: AnonymizerEngine = field(default_factory=AnonymizerEngine)

    def scrub(self, texts: pl.Series, entities: Sequence[str]) -> pl.Series:
        """Distinct texts with every span of the entities replaced by its kind, aligned with the input; empty is null.

        Fails closed: a text is redacted whole when it is over MAXIMUM_LENGTH or encoded too often to be read, and every
        text when an expected entity is one that no recogniser here can find.
        """
        scrub_one = self._redact if set(entities) - self.detectable else self._scrub_one
        scrubbed = [None if text is None else scrub_one(text, entities) for text in texts.to_list()]
        return pl.Series("text", scrubbed, dtype=pl.String)

    def _redact(self, text: str, _: Sequence[str]) -> str | None:
        return REDACTED if text.strip() else None

    def _scrub_one(self, text: str, entities: Sequence[str]) -> str | None:
        normal = normalise(text)
        if len(normal) > MAXIMUM_LENGTH or ENCODED.search(normal):
            return REDACTED
        found = self.analyzer.analyze(normal, language=LANGUAGE, entities=list(entities))
        if not found:
            return normal or None
        spans = [Span(item.entity_type, item.start, item.end, item.score) for item in found]
        operators = {
            item.entity_type: OperatorConfig("replace", {"new_value": f"<{item.entity_type}>"}) for item in found
        }
        strategy = ConflictResolutionStrategy.REMOVE_INTERSECTIONS
        return self.anonymizer.anonymize(normal, spans, operators, conflict_resolution=strategy).text


def normalise(text: str) -> str:
    """Compatibility form, percent-decoded, plain dashes, without control characters; what recognisers are made for."""
    normal = _fold(text)
    for _ in range(MAXIMUM_DECODINGS):
        if not ENCODED.search(normal):
            break
        normal = _fold(unquote(normal))
    return normal


def _fold(text: str) -> str:
    compatible = unicodedata.normalize("NFKC", text)
    visible = "".join(character for character in compatible if character.isprintable() or character in "\n\t")
    # What was invisible may have kept two characters from composing.
    return DASHES.sub("-", unicodedata.normalize("NFKC", visible)).strip()


def build_scrubber(identifier_patterns: Sequence[tuple[str, str]] = ()) -> TextScrubber:
    """A scrubber with the default recognisers and those that a service declares for its own identifiers."""
    recognizers = build_recognizers(identifier_patterns)
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[LANGUAGE])
    engine = NoOpNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": ""}])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])
    return TextScrubber(analyzer, frozenset(entity for item in recognizers for entity in item.supported_entities))
