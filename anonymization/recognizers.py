"""Presidio recognisers that hold beside kana and kanji, and those that Japan needs; no model, no download."""

from __future__ import annotations

from collections.abc import Sequence

import phonenumbers
import regex
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    MacAddressRecognizer,
    UuidRecognizer,
)

LANGUAGE = "ja"
# ASCII: kana and kanji must not count as word characters, or \b fails in メールはtaro@example.jpです.
FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE | regex.ASCII
NOT_BEFORE, NOT_AFTER = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
MY_NUMBER_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


class MyNumberRecognizer(PatternRecognizer):
    """個人番号: 11 digits and a check digit (Ordinance of the Ministry of Internal Affairs No. 85 of 2014, article 5)."""

    def __init__(self) -> None:
        pattern = rf"{NOT_BEFORE}\d{{4}}[- ]?\d{{4}}[- ]?\d{{4}}{NOT_AFTER}"
        super().__init__(
            supported_entity="JP_MY_NUMBER",
            patterns=[Pattern("my_number", pattern, 0.4)],
            context=["マイナンバー", "個人番号"],
            supported_language=LANGUAGE,
        )

    def validate_result(self, pattern_text: str) -> bool:
        digits = [int(character) for character in pattern_text if character.isdigit()]
        if len(set(digits)) == 1:
            return False
        remainder = sum(digit * weight for digit, weight in zip(digits, MY_NUMBER_WEIGHTS, strict=False)) % 11
        return digits[-1] == (0 if remainder <= 1 else 11 - remainder)


class JapanesePhoneRecognizer(PatternRecognizer):
    """Numbers dialled in Japan or written with a country code, that the numbering plan accepts (libphonenumber)."""

    def __init__(self) -> None:
        domestic = rf"{NOT_BEFORE}0\d{{1,4}}[-() ]{{0,2}}\d{{1,4}}[-() ]{{0,2}}\d{{3,4}}{NOT_AFTER}"
        international = rf"\+\d{{1,3}}[- ]?(?:\(?\d{{1,5}}\)?[- ]?){{1,5}}{NOT_AFTER}"
        super().__init__(
            supported_entity="PHONE_NUMBER",
            patterns=[Pattern("domestic", domestic, 0.5), Pattern("international", international, 0.5)],
            context=["電話", "携帯"],
            supported_language=LANGUAGE,
        )

    def invalidate_result(self, pattern_text: str) -> bool:
        try:
            return not phonenumbers.is_valid_number(phonenumbers.parse(pattern_text, "JP"))
        except phonenumbers.NumberParseException:
            return True


def build_recognizers(identifier_patterns: Sequence[tuple[str, str]] = ()) -> list[EntityRecognizer]:
    """Every recogniser of the default installation, and one for each (entity, pattern) that a service declares."""
    postal = rf"〒\s?\d{{3}}-?\d{{4}}(?!\d)|{NOT_BEFORE}\d{{3}}-\d{{4}}(?![0-9A-Za-z-])"
    recognizers: list[PatternRecognizer] = [
        EmailRecognizer(supported_language=LANGUAGE),
        CreditCardRecognizer(supported_language=LANGUAGE),
        IpRecognizer(supported_language=LANGUAGE),
        IbanRecognizer(supported_language=LANGUAGE),
        MacAddressRecognizer(supported_language=LANGUAGE),
        UuidRecognizer(supported_language=LANGUAGE),
        MyNumberRecognizer(),
        JapanesePhoneRecognizer(),
        _pattern_recognizer("JP_POSTAL_CODE", postal),
        *(_pattern_recognizer(entity, f"{NOT_BEFORE}{pattern}{NOT_AFTER}") for entity, pattern in identifier_patterns),
    ]
    for recognizer in recognizers:
        recognizer.global_regex_flags = FLAGS
    return list(recognizers)


def _pattern_recognizer(entity: str, pattern: str) -> PatternRecognizer:
    return PatternRecognizer(
        supported_entity=entity,
        name=entity.title().replace("_", ""),
        patterns=[Pattern(entity.lower(), pattern, 0.5)],
        supported_language=LANGUAGE,
    )
