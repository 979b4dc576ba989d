"""What the recognisers find of a labelled corpus, Japanese and English, and what they take for an identifier."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from anonymization.free_text import normalise
from anonymization.recognizers import LANGUAGE, build_recognizers

HERE = Path(__file__).parent
LABEL = re.compile(r"«(?:(?P<entity>[A-Z_]+)\|)?(?P<value>[^»]*)»")
RECALL, PRECISION, LINES = 0.99, 0.97, 1500


@dataclass(frozen=True)
class Labelled:
    """A text as the recognisers get it, and the spans (start, end, entity) that identify someone."""

    about: str
    text: str
    spans: tuple[tuple[int, int, str], ...]


@dataclass
class Tally:
    """Labels found and missed; findings of what was labelled so, of what was labelled otherwise, and of nothing.

    A number can be two things by its digits; a finding within another label hid an identifier, so it is no mistake.
    """

    found: int = 0
    missed: list[str] = field(default_factory=list)
    right: int = 0
    otherwise: int = 0
    mistaken: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.found / max(self.found + len(self.missed), 1)

    @property
    def precision(self) -> float:
        return self.right / max(self.right + len(self.mistaken), 1)


def read_label(line: str) -> Labelled:
    about, marked = line.split("\t")
    text, spans, done = "", [], 0
    marked = normalise(marked)
    for label in LABEL.finditer(marked):
        text += marked[done : label.start()]
        spans.append((len(text), len(text) + len(label["value"]), label["entity"] or about))
        text += label["value"]
        done = label.end()
    return Labelled(about, text + marked[done:], tuple(spans))


def read_corpus() -> list[Labelled]:
    lines = [line for name in ("generated.tsv", "written.tsv") for line in (HERE / name).read_text().splitlines()]
    return [read_label(line) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def analyzer() -> AnalyzerEngine:
    patterns = [item for item in build_recognizers() if isinstance(item, PatternRecognizer)]
    registry = RecognizerRegistry(recognizers=patterns, supported_languages=[LANGUAGE])
    engine = NoOpNlpEngine(models=[{"lang_code": LANGUAGE, "model_name": ""}])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[LANGUAGE])


@pytest.fixture(scope="module")
def corpus() -> list[Labelled]:
    return read_corpus()


@pytest.fixture(scope="module")
def tallies(corpus: list[Labelled], analyzer: AnalyzerEngine) -> dict[str, Tally]:
    """Every recogniser on every line: a label is found when one finding of its entity covers it whole."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    for item in corpus:
        findings = analyzer.analyze(item.text, language=LANGUAGE)
        for start, end, entity in item.spans:
            tally = tallies[entity]
            if any(f.entity_type == entity and f.start <= start and end <= f.end for f in findings):
                tally.found += 1
            else:
                tally.missed.append(item.text)
        for finding in findings:
            tally = tallies[finding.entity_type]
            labels = [e for start, end, e in item.spans if start < finding.end and finding.start < end]
            if finding.entity_type in labels:
                tally.right += 1
            elif labels:
                tally.otherwise += 1
            else:
                tally.mistaken.append(item.text)
    return tallies


def test_corpus_is_large_and_has_near_misses_of_every_entity_in_both_languages(
    corpus: list[Labelled], analyzer: AnalyzerEngine
):
    entities = set(analyzer.get_supported_entities(LANGUAGE))
    with_label = Counter(item.about for item in corpus if item.spans)
    without = Counter(item.about for item in corpus if not item.spans)
    english = Counter(item.about for item in corpus if item.text.isascii())

    assert len({item.text for item in corpus}) >= LINES
    assert entities == with_label.keys() == without.keys()
    assert min(with_label.values()) >= 40
    assert min(without.values()) >= 20
    assert min(english[entity] for entity in entities) >= 10


def test_recall_and_precision_of_every_entity(tallies: dict[str, Tally], capsys: pytest.CaptureFixture[str]):
    report = [f"{'entity':<20} {'labels':>6} {'recall':>7} {'findings':>8} {'precision':>9} {'otherwise':>9}"]
    for entity, tally in sorted(tallies.items()):
        labels, findings = tally.found + len(tally.missed), tally.right + len(tally.mistaken)
        measured = f"{labels:>6} {tally.recall:>7.3f} {findings:>8} {tally.precision:>9.3f} {tally.otherwise:>9}"
        report.append(f"{entity:<20} {measured}")
    with capsys.disabled():
        print("", *report, sep="\n")  # noqa: T201 - the report is what this test is for

    weak = {e: (t.missed, t.mistaken) for e, t in tallies.items() if t.recall < RECALL or t.precision < PRECISION}
    assert weak == {}
