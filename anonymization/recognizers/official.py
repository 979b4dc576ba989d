"""Numbers that the Japanese state gives to people and to companies."""

from __future__ import annotations

from typing import ClassVar

from anonymization.recognizers.identifier import (
    FILLER,
    NOT_AFTER,
    NOT_BEFORE,
    IdentifierRecognizer,
    after,
    before,
    digits_of,
)

MY_NUMBER_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
CORPORATE_NUMBER_WEIGHTS = (2, 1) * 6
LICENCE_WEIGHTS = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
LICENCE = r"免許|licen[cs]e"
LICENCE_AFTER = r"(?:運転)?免許|(?:driver'?s?\s)?licen[cs]e"
PASSPORT = r"パスポート|旅券|passport"
CORPORATE_NUMBER = r"法人番号|法人ナンバー|corporate\s?number|会社番号|登録番号|インボイス番号"
# A check digit follows, so anything but a digit or the end of a sentence may stand between.
ANYTHING = r"[^0-9。]{0,16}"


class MyNumberRecognizer(IdentifierRecognizer):
    """個人番号: 11 digits and a check digit (Ministry of Internal Affairs, Ordinance No. 85 of 2014, article 5)."""

    ENTITY = "JP_MY_NUMBER"
    PATTERNS: ClassVar = {
        "unbroken": rf"{NOT_BEFORE}\d{{12}}{NOT_AFTER}",
        "hyphens": r"(?<![0-9-])\d{4}-\d{4}-\d{4}(?!-?\d)",
        "spaces": r"(?<!\d)(?<!\d{4} )\d{4} \d{4} \d{4}(?!\d)(?! \d{4}(?!\d))",  # not three fourths of a card
    }
    CONTEXT = ("マイナンバー", "個人番号", "my number")

    def validate_result(self, pattern_text: str) -> bool:
        """True when the last digit is what the others demand."""
        digits = digits_of(pattern_text)
        if len(set(digits)) == 1:
            return False
        remainder = sum(digit * weight for digit, weight in zip(digits, MY_NUMBER_WEIGHTS, strict=False)) % 11
        return digits[-1] == (0 if remainder <= 1 else 11 - remainder)


class CorporateNumberRecognizer(IdentifierRecognizer):
    """法人番号: a check digit and 12 digits (Ministry of Finance, Ordinance No. 70 of 2014, article 2).

    Barcodes have 13 digits too, so a bare one needs a word of its context. T and 13 digits, the registration number of
    an issuer of invoices (Consumption Tax Act, article 57-2), is also given to sole traders, from a series for which no
    check digit is published, so none is demanded of it.
    """

    ENTITY = "JP_CORPORATE_NUMBER"
    PATTERNS: ClassVar = {
        "invoice_issuer": rf"(?<![0-9A-Z])T-?\d{{13}}{NOT_AFTER}",
        "after_context": rf"{after(CORPORATE_NUMBER, ANYTHING)}\d[- ]?\d{{4}}[- ]?\d{{4}}[- ]?\d{{4}}{NOT_AFTER}",
        "before_context": rf"{NOT_BEFORE}\d[- ]?\d{{4}}[- ]?\d{{4}}[- ]?\d{{4}}{before(CORPORATE_NUMBER)}",
    }
    CONTEXT = ("法人番号", "登録番号", "corporate number")

    def validate_result(self, pattern_text: str) -> bool | None:
        """True when the first digit is what the others demand; None for the number of an issuer of invoices."""
        if pattern_text[0] in "Tt":
            return None
        check, *base = digits_of(pattern_text)
        weighted = sum(digit * weight for digit, weight in zip(base, CORPORATE_NUMBER_WEIGHTS, strict=True))
        return check == 9 - weighted % 9


class DriverLicenceRecognizer(IdentifierRecognizer):
    """運転免許証の番号: ten digits, a check digit, the count of reissues; with a word of its context.

    Road Traffic Act, article 93; the check digit is as the National Police Agency's licence system computes it.
    """

    ENTITY = "JP_DRIVER_LICENCE"
    PATTERNS: ClassVar = {
        "after_context": rf"{after(LICENCE, ANYTHING)}\d{{4}}[- ]?\d{{4}}[- ]?\d{{4}}{NOT_AFTER}",
        "before_context": rf"{NOT_BEFORE}\d{{4}}[- ]?\d{{4}}[- ]?\d{{4}}号?{before(LICENCE_AFTER)}",
    }
    CONTEXT = ("免許証", "運転免許", "driver's licence")

    def validate_result(self, pattern_text: str) -> bool:
        """True when the eleventh digit is what the first ten demand."""
        digits = digits_of(pattern_text)
        weighted = sum(digit * weight for digit, weight in zip(digits, LICENCE_WEIGHTS, strict=False))
        return digits[10] == (11 - weighted % 11) % 10


class PassportRecognizer(IdentifierRecognizer):
    """旅券番号: two letters and seven digits (Passport Act, article 6; ICAO Doc 9303); with a word of its context."""

    ENTITY = "JP_PASSPORT"
    PATTERNS: ClassVar = {
        "after_context": rf"{after(PASSPORT, FILLER)}[A-Z]{{2}}[ -]?\d{{7}}{NOT_AFTER}",
        "before_context": rf"(?<![0-9A-Z])[A-Z]{{2}}\d{{7}}{before(PASSPORT)}",
        "machine_readable": r"(?<![0-9A-Z])[A-Z]{2}\d{7}<?\d?JPN\d{7}[MF<]\d{7}",
    }
    CONTEXT = ("パスポート", "旅券", "passport")


class ResidenceCardRecognizer(IdentifierRecognizer):
    """在留カードの番号: two letters, eight digits, two letters; as on certificates of special permanent residents.

    Immigration Control Act, article 19-4; no other number has this shape (parcels of the post have nine digits).
    """

    ENTITY = "JP_RESIDENCE_CARD"
    PATTERNS: ClassVar = {"residence_card": r"(?<![0-9A-Z])[A-Z]{2}[- ]?\d{8}[- ]?[A-Z]{2}(?![0-9A-Z])"}
    CONTEXT = ("在留カード", "特別永住者証明書", "residence card")
