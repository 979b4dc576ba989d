"""What every recogniser of identifiers shares: its flags, its edges, and the words of its context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import regex
from presidio_analyzer import Pattern, PatternRecognizer

LANGUAGE = "ja"
SCORE = 0.5
# ASCII: kana and kanji must not count as word characters, or \b fails in カードは4111…です.
FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE | regex.ASCII
# Only digits bound a number: people write TEL090…, idu0000…, and _ is a word character.
NOT_BEFORE, NOT_AFTER = r"(?<!\d)", r"(?!\d)"
# What stands between a word and the number that it announces, as in 免許証の番号は: or passport no. is
FILLER = r"(?:番号|ナンバー|コード|記号|number|code|no|num|id|is|was|jp|[\s:.#()\"'=_のはがを「-]){0,8}"


class IdentifierRecognizer(PatternRecognizer):
    """A Presidio pattern recogniser, declared by its class: entity, patterns by name, and words of its context."""

    ENTITY: ClassVar[str]
    PATTERNS: ClassVar[Mapping[str, str]]
    CONTEXT: ClassVar[Sequence[str]] = ()
    FLAGS: ClassVar[int] = FLAGS

    def __init__(self) -> None:
        super().__init__(
            supported_entity=self.ENTITY,
            name=type(self).__name__,
            supported_language=LANGUAGE,
            patterns=[Pattern(name, pattern, SCORE) for name, pattern in self.PATTERNS.items()],
            context=list(self.CONTEXT),
            global_regex_flags=self.FLAGS,
        )


class DeclaredRecognizer(PatternRecognizer):
    """An identifier of the service's own, by the pattern that its contract declares."""

    def __init__(self, entity: str, pattern: str) -> None:
        super().__init__(
            supported_entity=entity,
            name=entity.title().replace("_", ""),
            supported_language=LANGUAGE,
            patterns=[Pattern(entity.lower(), f"{NOT_BEFORE}(?:{pattern}){NOT_AFTER}", SCORE)],
            global_regex_flags=FLAGS,
        )


def after(words: str, gap: str = FILLER) -> str:
    """A look-behind for one of some words, separated by |, and what may stand between it and the number."""
    return f"(?<=(?:{words}){gap})"


def before(words: str) -> str:
    """A look-ahead for one of some words in a phrase that names what was just written, as in …が口座番号です."""
    return rf"(?=\s?(?:\(|[はが]\s?(?:私の)?|(?:is|was)\s(?:my|our|the|a)\s)(?:{words}))"


def digits_of(text: str) -> list[int]:
    """The ASCII digits of a text."""
    return [int(character) for character in text if character in "0123456789"]


def passes_luhn(digits: Sequence[int]) -> bool:
    """True when the last digit is the check digit of ISO/IEC 7812-1, annex B."""
    doubled = [2 * digit for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(digit - 9 if digit > 9 else digit for digit in doubled)) % 10 == 0
