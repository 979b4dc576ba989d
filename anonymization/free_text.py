"""Free text without the identifiers in it: Presidio's verdict on distinct values, each span replaced by its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import polars as pl
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import ConflictResolutionStrategy, OperatorConfig
from presidio_anonymizer.entities import RecognizerResult as Span

from anonymization.recognizers import LANGUAGE, build_recognizers
from anonymization.scanner import Scanner, build_scanner

MAXIMUM_BYTES = 65_536  # of a text as it comes; whatever is longer is not even decoded
MAXIMUM_LENGTH = 2000  # characters of a text that recognisers read
MAXIMUM_SCRUBBED = 2 * MAXIMUM_LENGTH  # characters of what comes out
MAXIMUM_DECODINGS = 4
REDACTED = "<REDACTED>"
ENCODED = "%[0-9A-Fa-f]{2}"
# Only characters that no step of folding changes, but for the long vowel mark between figures; as most texts are.
PLAIN = r"\A[\n\t -~、。「」々ぁ-ゖァ-ヺ・ー一-鿯]*\z"
HIDDEN = r"[\p{C}\p{Z}--[ \n\t]]"
# Japanese input methods give these for the key "-"; the long vowel mark is one only between digits.
DASHES, LONG_MARK = "[‐‑‒–—―−─]", "([0-9])ー([0-9])"


@dataclass(frozen=True, slots=True)
class TextScrubber:
    """An analyzer with the recognisers of this installation, its verdict at speed, and what both can therefore find."""

    analyzer: AnalyzerEngine
    scanner: Scanner
    detectable: frozenset[str]
    anonymizer: AnonymizerEngine = field(default_factory=AnonymizerEngine)

    def scrub(self, texts: pl.Series, entities: Sequence[str]) -> pl.Series:
        """Texts with every span of the entities replaced by its kind, aligned with the input; empty is null.

        What comes out is valid text of at most MAXIMUM_SCRUBBED characters. Fails closed: a text is redacted whole when
        it is over MAXIMUM_BYTES or, once normal, over MAXIMUM_LENGTH, or encoded too often to be read, and every text
        when an expected entity is one that no recogniser here can find.
        """
        raw, normal = pl.col("raw"), pl.col("normal")
        frame = texts.cast(pl.String).alias("raw").to_frame()
        short = frame.select(pl.when(raw.str.len_bytes() <= MAXIMUM_BYTES).then(raw))["raw"]
        frame = frame.with_columns(normal=normalise_texts(short))
        is_blind = pl.lit(bool(set(entities) - self.detectable))
        is_long = normal.is_null() | (normal.str.len_chars() > MAXIMUM_LENGTH)
        is_unread = is_blind | is_long | normal.str.contains(ENCODED)
        replaced = self._replace(frame.filter(~is_unread)["normal"], entities)
        scrubbed = pl.when(is_unread).then(pl.lit(REDACTED)).otherwise(normal.replace(replaced))
        return frame.select(text=pl.when(raw.is_not_null(), normal.is_null() | (normal != "")).then(scrubbed))["text"]

    def _replace(self, texts: pl.Series, entities: Sequence[str]) -> dict[str, str]:
        """What stands instead of each text in which something was found."""
        found = {} if texts.is_empty() else self.scanner.scan(texts, entities)
        return {text: self._replace_spans(text, spans) for text, spans in found.items()}

    def _replace_spans(self, text: str, found: Sequence[RecognizerResult]) -> str:
        if len(found) == 1:  # by far the most texts, and nothing to resolve
            return f"{text[: found[0].start]}<{found[0].entity_type}>{text[found[0].end :]}"
        spans = [Span(item.entity_type, item.start, item.end, item.score) for item in found]
        operators = {
            item.entity_type: OperatorConfig("replace", {"new_value": f"<{item.entity_type}>"}) for item in found
        }
        strategy = ConflictResolutionStrategy.REMOVE_INTERSECTIONS
        replaced = self.anonymizer.anonymize(text, spans, operators, conflict_resolution=strategy).text
        return replaced if len(replaced) <= MAXIMUM_SCRUBBED else REDACTED


def normalise(text: str) -> str:
    """Compatibility form, percent-decoded, plain dashes, without control characters; what recognisers are made for."""
    return str(normalise_texts(pl.Series([text]))[0])


def normalise_texts(texts: pl.Series) -> pl.Series:
    """As `normalise`, each text; null stays null. Linear in the length of a text, which may grow eighteenfold."""
    needs_folding = ~texts.str.contains(PLAIN) | texts.str.contains(LONG_MARK)
    normal = _change_where(texts.str.strip_chars(), needs_folding, _fold)
    for _ in range(MAXIMUM_DECODINGS):
        normal = _change_where(normal, normal.str.contains(ENCODED), _decode)
    return normal


def _change_where(texts: pl.Series, mask: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    return texts.scatter(mask.arg_true(), change(texts.filter(mask))) if mask.any() else texts


def _decode(texts: pl.Series) -> pl.Series:
    # What is no UTF-8 once decoded, half a surrogate pair too, becomes U+FFFD.
    return _fold(pl.Series([unquote(text) for text in texts], dtype=pl.String))


def _fold(texts: pl.Series) -> pl.Series:
    visible = texts.str.normalize("NFKC").str.replace_all(HIDDEN, "")
    # What was invisible may have kept two characters from composing.
    dashed = visible.str.normalize("NFKC").str.replace_all(DASHES, "-")
    # Twice, since a digit between two marks is the end of one match and the start of the next.
    for _ in range(2):
        dashed = dashed.str.replace_all(LONG_MARK, "${1}-${2}")
    return dashed.str.strip_chars()


def build_scrubber(identifier_patterns: Sequence[tuple[str, str]] = ()) -> TextScrubber:
    """A scrubber with the default recognisers and those that a service declares for its own identifiers."""
    recognizers = build_recognizers(identifier_patterns)
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=[LANGUAGE])
    engine = NoOpNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": ""}])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])
    detectable = frozenset(entity for item in recognizers for entity in item.supported_entities)
    return TextScrubber(analyzer, build_scanner(analyzer, LANGUAGE), detectable)
