"""Names that a language model finds in free text, where one is installed: GiNZA for Japanese, any spaCy for English.

Nothing here is needed for the rest: without a model there is no recogniser of names, and what expects names must do
without. A model reads each text that it is given, so give it distinct texts, and only those that may hold names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import groupby

import regex
import spacy
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from spacy.language import Language
from spacy.tokens import Doc

PERSON, LOCATION = "PERSON", "LOCATION"
SCORE = 0.4  # below that of every pattern: models take addresses and numbers for names, and must not rename them
CERTAIN = 1.0
JAPANESE, ENGLISH = "ja", "en"
# Best first; any other model of the language comes after them.
PREFERRED = ("ja_ginza", "ja_ginza_electra", "en_core_web_lg", "en_core_web_md", "en_core_web_sm")
# GiNZA has 189 labels (Sekine's extended hierarchy), spaCy's English models 18 (OntoNotes 5); all others are ignored.
LABELS: Mapping[str, str] = {
    **dict.fromkeys(("Person", "PERSON", "PER"), PERSON),
    **dict.fromkeys(("City", "County", "Province", "Domestic_Region", "Postal_Address", "Address_Other"), LOCATION),
    **dict.fromkeys(("GPE_Other", "GPE", "LOC"), LOCATION),
}
PERSONAL_NOUN = "名詞-固有名詞-人名"  # by Sudachi's dictionary, which knows 花子 where the model found only 鈴木
UNNEEDED = (
    *("parser", "senter", "tagger", "morphologizer", "attribute_ruler", "lemmatizer"),
    *("compound_splitter", "bunsetu_recognizer"),
)

JAPANESE_LETTER = regex.compile(r"[\p{Hiragana}\p{Katakana}\p{Han}]")
LATIN_WORD = regex.compile(r"\p{Latin}{2,}")
# Two letters, since single ones of any script are parts of faces, as in (´Д`).
FOREIGN_WORD = regex.compile(
    r"(?V1)[\p{L}--\p{Hiragana}--\p{Katakana}--\p{Han}--\p{Latin}--\p{Common}--\p{Inherited}]{2,}"
)


class NameRecognizer(EntityRecognizer):
    """People and places, by the installed model of the language in which a text is written.

    Fails closed: a text in a language that no model here reads is one name from end to end. A model is loaded when the
    first text needs it, once for the process.
    """

    def __init__(self, models: Mapping[str, str], language: str) -> None:
        self.models = models
        super().__init__([PERSON, LOCATION], name="NameRecognizer", supported_language=language)

    def load(self) -> None:
        """Presidio calls this at once; models take seconds, so they wait."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """The spans of the entities asked for; the artifacts, of an engine without a model, say nothing."""
        del nlp_artifacts
        languages = languages_of(text)
        if not languages <= self.models.keys():
            wanted = PERSON if PERSON in entities else LOCATION
            return [RecognizerResult(wanted, 0, len(text), CERTAIN)]
        spans = {span for language in languages for span in find_names(text, self.models[language])}
        return [
            RecognizerResult(entity, start, end, SCORE) for entity, start, end in sorted(spans) if entity in entities
        ]


def build_name_recognizers(language: str) -> list[EntityRecognizer]:
    """One recogniser of names, registered for a Presidio language, when any model is installed; else none."""
    models = installed_models()
    return [NameRecognizer(models, language)] if models else []


def installed_models() -> dict[str, str]:
    """The spaCy model with which this installation reads each language; none by default."""
    return choose_models(spacy.util.get_installed_models())


def choose_models(installed: Iterable[str]) -> dict[str, str]:
    """The best of some spaCy models, by their names, for each language that has one: ja, en."""
    ranks = {name: rank for rank, name in enumerate(PREFERRED)}
    worst_first = sorted(installed, key=lambda name: (ranks.get(name, len(ranks)), name), reverse=True)
    return {name[:2]: name for name in worst_first if name.startswith((f"{JAPANESE}_", f"{ENGLISH}_"))}


def languages_of(text: str) -> set[str]:
    """Whose model must read a text, by its letters; a script of neither language is a language without a model.

    Latin words among Japanese ones are left to the Japanese model: brands and sizes, mostly.
    """
    if FOREIGN_WORD.search(text):
        return {"other"}
    if JAPANESE_LETTER.search(text):
        return {JAPANESE}
    return {ENGLISH} if LATIN_WORD.search(text) else set()


def find_names(text: str, model: str) -> Iterator[tuple[str, int, int]]:
    """Entity, start and end of each name that a model finds in a text."""
    pipeline = load_model(model)
    with pipeline.memory_zone():  # or every new word would stay in memory
        document = pipeline(text)
        spans = [*_labelled(document), *_personal_nouns(document)]
    yield from spans


@cache
def load_model(name: str) -> Language:
    """What recognises entities of an installed model, or one at a path; once for the process, on one thread.

    Two threads are slower. Raises OSError when there is no such model.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return spacy.load(name, exclude=UNNEEDED)


def _labelled(document: Doc) -> Iterator[tuple[str, int, int]]:
    for entity in document.ents:
        if entity.label_ in LABELS:
            yield LABELS[entity.label_], entity.start_char, entity.end_char


def _personal_nouns(document: Doc) -> Iterator[tuple[str, int, int]]:
    """Runs of tokens that the dictionary knows as names of people, family and given name as one."""
    for is_personal, run in groupby(document, key=lambda token: token.tag_.startswith(PERSONAL_NOUN)):
        if is_personal:
            tokens = list(run)
            yield PERSON, tokens[0].idx, tokens[-1].idx + len(tokens[-1])
