"""Presidio recognisers that hold beside kana and kanji, and those that Japan needs; no model, no download.

They expect what `free_text.normalise` gives: compatibility form, percent-decoded, plain dashes. Without a language
model Presidio's context words raise no score, so a shape that is ambiguous alone (an account, a passport) demands a
word of its context inside its pattern, as a look-behind, and the span is still the identifier only. Every pattern here
has look-arounds at its edges only and no back-reference, so that a superset of it can be derived for another engine.
"""

from __future__ import annotations

from collections.abc import Sequence

from presidio_analyzer import EntityRecognizer

from anonymization.names import build_name_recognizers
from anonymization.recognizers.contact import (
    AddressRecognizer,
    EmailRecognizer,
    PhoneRecognizer,
    PostalCodeRecognizer,
)
from anonymization.recognizers.device import (
    AdvertisingIdRecognizer,
    CredentialRecognizer,
    ImeiRecognizer,
    MacRecognizer,
    UuidRecognizer,
    ip_recognizer,
)
from anonymization.recognizers.honorifics import HonorificNameRecognizer
from anonymization.recognizers.identifier import LANGUAGE, DeclaredRecognizer
from anonymization.recognizers.official import (
    CorporateNumberRecognizer,
    DriverLicenceRecognizer,
    MyNumberRecognizer,
    PassportRecognizer,
    ResidenceCardRecognizer,
)
from anonymization.recognizers.payment import BankAccountRecognizer, CardRecognizer, iban_recognizer

__all__ = ["LANGUAGE", "build_recognizers"]


def build_recognizers(identifier_patterns: Sequence[tuple[str, str]] = ()) -> list[EntityRecognizer]:
    """Every recogniser of this installation, and one for each (entity, pattern) that a service declares.

    That of names is among them when a language model is installed; see `anonymization.names`.
    """
    return [
        EmailRecognizer(),
        PhoneRecognizer(),
        PostalCodeRecognizer(),
        AddressRecognizer(),
        CardRecognizer(),
        BankAccountRecognizer(),
        iban_recognizer(),
        MyNumberRecognizer(),
        CorporateNumberRecognizer(),
        DriverLicenceRecognizer(),
        PassportRecognizer(),
        ResidenceCardRecognizer(),
        ip_recognizer(),
        MacRecognizer(),
        UuidRecognizer(),
        ImeiRecognizer(),
        AdvertisingIdRecognizer(),
        CredentialRecognizer(),
        HonorificNameRecognizer(),
        *(DeclaredRecognizer(entity, pattern) for entity, pattern in identifier_patterns),
        *build_name_recognizers(LANGUAGE),
    ]
