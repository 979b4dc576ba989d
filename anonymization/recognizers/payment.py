"""Cards and accounts: what the law counts among the descriptions that risk a loss of property."""

from __future__ import annotations

from typing import ClassVar

from presidio_analyzer.predefined_recognizers import IbanRecognizer

from anonymization.recognizers.identifier import (
    FLAGS,
    LANGUAGE,
    NOT_AFTER,
    NOT_BEFORE,
    IdentifierRecognizer,
    after,
    before,
    digits_of,
    passes_luhn,
)

GAP = "[-. ]?"
FOUR = rf"{GAP}\d{{4}}"
ACCOUNT_WORDS = r"口座|振込先|振り込み先|(?:普通|当座|貯蓄)預金|貯金番号|bank\sacc(?:oun)?t"
ACCOUNT_IN_ENGLISH = "account|acct|a/c"
ANY_ACCOUNT = f"{ACCOUNT_WORDS}|{ACCOUNT_IN_ENGLISH}"
BANK_WORDS = r"銀行|信用金庫|信金|支店|本店|普通|当座|貯蓄|ordinary|savings|checking"
NEARBY = r"[^0-9。]{0,16}"
BESIDE = r"[\s:()・]{0,3}"
BRANCH = rf"{NEARBY}\d{{3}}[^0-9。]{{1,8}}"
ACCOUNT = r"(?:\d{4}[- ])?(?:\d{3}[- ])?\d{7}"
# What follows a number of seven digits that is an amount or a count.
NOT_AMOUNT = r"(?![0-9]|[-,.]\d|\s?[円件点個回人]|\s?yen)"


class CardRecognizer(IdentifierRecognizer):
    """Payment cards of the networks used in Japan, JCB among them, by issuer and length (ISO/IEC 7812-1, Luhn).

    Presidio's own lacks the 2-series of Mastercard and cards of 19 digits, fails beside a letter or _, and takes
    thirteen digits for a card; nobody has issued such for decades, and a tenth of Japan's barcodes would pass for one.
    """

    ENTITY = "CREDIT_CARD"
    PATTERNS: ClassVar = {
        "sixteen": rf"{NOT_BEFORE}(?:[456]\d{{3}}|2[2-7]\d{{2}}|35\d{{2}}){FOUR}{FOUR}{FOUR}{NOT_AFTER}",
        "amex": rf"{NOT_BEFORE}3[47]\d{{2}}{GAP}\d{{6}}{GAP}\d{{5}}{NOT_AFTER}",
        "jcb_fifteen": rf"{NOT_BEFORE}(?:2131|1800){GAP}\d{{6}}{GAP}\d{{5}}{NOT_AFTER}",
        "diners": rf"{NOT_BEFORE}3[0689]\d{{2}}{GAP}\d{{6}}{GAP}\d{{4}}{NOT_AFTER}",
        "nineteen": rf"{NOT_BEFORE}[46]\d{{3}}{FOUR}{FOUR}{FOUR}{GAP}\d{{3}}{NOT_AFTER}",
    }
    CONTEXT = ("カード", "クレジット", "card", "visa", "mastercard", "jcb", "amex")

    def validate_result(self, pattern_text: str) -> bool:
        """True when the check digit holds."""
        return passes_luhn(digits_of(pattern_text))


class BankAccountRecognizer(IdentifierRecognizer):
    """口座番号: seven digits, after a branch of three and a bank of four where they are given; with its context.

    The layout of transfers of the Japanese Bankers Association (全銀フォーマット); a postal account (ゆうちょ) has a
    symbol of five digits and a number of up to eight.
    """

    ENTITY = "JP_BANK_ACCOUNT"
    PATTERNS: ClassVar = {
        "after_context": rf"{after(ACCOUNT_WORDS, NEARBY)}{ACCOUNT}{NOT_AMOUNT}",
        "after_account": rf"{after(ACCOUNT_IN_ENGLISH)}{ACCOUNT}{NOT_AMOUNT}",
        "after_branch": rf"{after(ACCOUNT_WORDS, BRANCH)}\d{{7}}{NOT_AMOUNT}",
        "after_bank": rf"{after(BANK_WORDS, BESIDE)}{ACCOUNT}{NOT_AMOUNT}",
        "before_context": rf"{NOT_BEFORE}{ACCOUNT}{before(ANY_ACCOUNT)}",
        "postal": rf"{after('記号', BESIDE)}1\d{{4}}(?:-\d)?[^0-9。]{{1,8}}\d{{6,8}}{NOT_AFTER}",
    }
    CONTEXT = ("口座番号", "口座", "普通預金", "振込先", "支店", "account number")


def iban_recognizer() -> IbanRecognizer:
    """Presidio's own for international account numbers (ISO 13616, with its check digits), with our flags."""
    recognizer = IbanRecognizer(supported_language=LANGUAGE)
    recognizer.global_regex_flags = FLAGS
    return recognizer
