"""Presidio recognisers that hold beside kana and kanji, and those that Japan needs; no model, no download."""

from __future__ import annotations

from collections.abc import Sequence

import phonenumbers
import regex
from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    IbanRecognizer,
    IpRecognizer,
    MacAddressRecognizer,
)

LANGUAGE = "ja"
# ASCII: kana and kanji must not count as word characters, or \b fails in カードは4111…です.
FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE | regex.ASCII
# Only digits bound an identifier: people write TEL090…, idu0000…, and _ is a word character.
NOT_BEFORE, NOT_AFTER = r"(?<!\d)", r"(?!\d)"
SEPARATOR = r"[-(). ]{0,3}"
MY_NUMBER_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)

NOT_ASCII = r"[^\x00-\x7f\s.]"
# Wider than RFC 5322: carriers gave out taro.@docomo.ne.jp, and a mistyped top-level domain names its owner too.
EMAIL = (
    rf"(?:[0-9A-Za-z!#$%&'*+/=?^_`{{|}}~.-]{{1,256}}|{NOT_ASCII}{{1,64}})@"
    rf"(?:(?:[0-9A-Za-z_-]{{1,63}}|{NOT_ASCII}{{1,63}})\.){{1,8}}(?:[A-Za-z][0-9A-Za-z-]{{1,62}}|{NOT_ASCII}{{2,63}})"
)
# Any version and variant: advertising ids are not all of version 4.
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"
POSTAL_CODE = r"〒\s?\d{3}-?\d{4}(?!\d)|(?<![0-9A-Za-z])\d{3}-\d{4}(?![0-9A-Za-z-])"
# Presidio's own lacks the 2-series, and its \b fails after a letter or _; the check digit keeps what is no card.
ISSUER = r"(?!1\d{12}(?!\d))(?:2[2-7]\d\d|5[0-5]\d\d|[1346]\d{3})"  # 1 and twelve digits: a time in milliseconds
CREDIT_CARD = rf"{NOT_BEFORE}{ISSUER}[- ]?\d{{3,4}}[- ]?\d{{3,4}}[- ]?\d{{3,5}}{NOT_AFTER}"
# Presidio's own miss an address after a letter or a colon, as in IP:2001:db8::1; ipaddress keeps what is none.
IP_ADDRESSES = (
    Pattern("ipv4_glued", rf"{NOT_BEFORE}(?:\d{{1,3}}\.){{3}}\d{{1,3}}{NOT_AFTER}", 0.5),
    Pattern("ipv6_glued", r"(?<![0-9a-f])[0-9a-f]{1,4}(?:::?[0-9a-f]{1,4}){1,7}(?:::)?(?![0-9a-f])", 0.5),
)


class MyNumberRecognizer(PatternRecognizer):
    """個人番号: 11 digits and a check digit (Ministry of Internal Affairs, Ordinance No. 85 of 2014, article 5)."""

    def __init__(self) -> None:
        pattern = rf"{NOT_BEFORE}\d{{4}}[- ]?\d{{4}}[- ]?\d{{4}}{NOT_AFTER}"
        super().__init__(
            supported_entity="JP_MY_NUMBER",
            patterns=[Pattern("my_number", pattern, 0.4)],
            supported_language=LANGUAGE,
        )

    def validate_result(self, pattern_text: str) -> bool:
        """True when the last digit is what the others demand."""
        digits = [int(character) for character in pattern_text if character.isdigit()]
        if len(set(digits)) == 1:
            return False
        remainder = sum(digit * weight for digit, weight in zip(digits, MY_NUMBER_WEIGHTS, strict=False)) % 11
        return digits[-1] == (0 if remainder <= 1 else 11 - remainder)


class JapanesePhoneRecognizer(PatternRecognizer):
    """Numbers dialled in Japan or written with a country code, that the numbering plan accepts (libphonenumber)."""

    def __init__(self) -> None:
        domestic = rf"{NOT_BEFORE}\(?0\d{{1,4}}{SEPARATOR}\d{{1,4}}{SEPARATOR}\d{{3,4}}{NOT_AFTER}"
        international = rf"\+\d{{1,3}}[- ]?(?:\(?\d{{1,5}}\)?[- ]?){{1,5}}{NOT_AFTER}"
        unmarked = rf"{NOT_BEFORE}81[- ]?\d{{1,3}}[- ]?\d{{3,4}}[- ]?\d{{4}}{NOT_AFTER}"
        super().__init__(
            supported_entity="PHONE_NUMBER",
            patterns=[
                Pattern("domestic", domestic, 0.5),
                Pattern("international", international, 0.5),
                Pattern("country_code_without_plus", unmarked, 0.5),
            ],
            supported_language=LANGUAGE,
        )

    def invalidate_result(self, pattern_text: str) -> bool:
        """True unless the numbering plan has the number."""
        number = f"+{pattern_text}" if pattern_text.startswith("81") else pattern_text
        try:
            return not phonenumbers.is_valid_number(phonenumbers.parse(number, "JP"))
        except phonenumbers.NumberParseException:
            return True


def build_recognizers(identifier_patterns: Sequence[tuple[str, str]] = ()) -> list[EntityRecognizer]:
    """Every recogniser of the default installation, and one for each (entity, pattern) that a service declares."""
    recognizers: list[PatternRecognizer] = [
        _pattern_recognizer("EMAIL_ADDRESS", EMAIL),
        CreditCardRecognizer(patterns=[Pattern("credit_card", CREDIT_CARD, 0.5)], supported_language=LANGUAGE),
        IpRecognizer(patterns=[*IpRecognizer.PATTERNS, *IP_ADDRESSES], supported_language=LANGUAGE),
        IbanRecognizer(supported_language=LANGUAGE),
        MacAddressRecognizer(supported_language=LANGUAGE),
        _pattern_recognizer("UUID", UUID),
        MyNumberRecognizer(),
        JapanesePhoneRecognizer(),
        _pattern_recognizer("JP_POSTAL_CODE", POSTAL_CODE),
        *(
            _pattern_recognizer(entity, f"{NOT_BEFORE}(?:{pattern}){NOT_AFTER}")
            for entity, pattern in identifier_patterns
        ),
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
