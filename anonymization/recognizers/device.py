"""What tells a device, a connection or a session apart, and what opens one."""

from __future__ import annotations

from typing import ClassVar

from presidio_analyzer import Pattern
from presidio_analyzer.predefined_recognizers import IpRecognizer

from anonymization.recognizers.identifier import (
    FLAGS,
    LANGUAGE,
    NOT_AFTER,
    NOT_BEFORE,
    SCORE,
    IdentifierRecognizer,
    after,
    digits_of,
    passes_luhn,
)

# Presidio's own miss an address after a letter or a colon, as in IP:2001:db8::1; ipaddress keeps what is none.
GLUED_ADDRESSES = (
    Pattern("ipv4_glued", rf"{NOT_BEFORE}(?:\d{{1,3}}\.){{3}}\d{{1,3}}{NOT_AFTER}", SCORE),
    Pattern("ipv6_glued", r"(?<![0-9a-f])[0-9a-f]{1,4}(?:::?[0-9a-f]{1,4}){1,7}(?:::)?(?![0-9a-f])", SCORE),
)
NOT_HEX, NOT_HEX_AFTER = "(?<![0-9a-f])", "(?![0-9a-f])"
DEVICE_WORDS = (
    r"android[_ ]?id|aaid|gaid|idf[av]|ad[_ ]?id|advertising[_ ]?id|device[_ ]?id|広告(?:識別子|ID)|端末(?:識別子|ID)"
)
MAC_WORDS = r"mac(?:\s?addr(?:ess)?)?|MACアドレス|物理アドレス"
CLICK_IDS = "gclid|gbraid|wbraid|dclid|fbclid|msclkid|yclid|ttclid|twclid|ldtag_cl|_gl"
PARAMETERS = (
    r"session(?:[_-]?(?:id|token|key))?|sess|sid|jsessionid|phpsessid|(?:[a-z]{1,10}[_-]?)?token|"
    r"(?:api|access|auth|secret|private)[_-]?key|(?:client[_-]?)?secret|password|passwd|pwd|sig|signature|credential"
)
SHORT_PARAMETERS = "key|auth|code|state|nonce|hash|ticket"  # secrets only when their value is long
SPOKEN = "password|passwd|パスワード|暗証番号"


def ip_recognizer() -> IpRecognizer:
    """Presidio's own for addresses (RFC 791, RFC 4291), with our flags and for those beside letters and colons.

    Without the pattern for :: alone, which is nobody's address and much punctuation.
    """
    patterns = [pattern for pattern in IpRecognizer.PATTERNS if pattern.name != "IPv6_unspecified"]
    recognizer = IpRecognizer(patterns=[*patterns, *GLUED_ADDRESSES], supported_language=LANGUAGE)
    recognizer.global_regex_flags = FLAGS
    return recognizer


class MacRecognizer(IdentifierRecognizer):
    """Hardware addresses of six bytes (IEEE 802), also beside letters; undivided ones after a word for them."""

    ENTITY = "MAC_ADDRESS"
    PATTERNS: ClassVar = {
        "colons": rf"{NOT_HEX}(?:[0-9a-f]{{2}}:){{5}}[0-9a-f]{{2}}{NOT_HEX_AFTER}",
        "hyphens": rf"{NOT_HEX}(?:[0-9a-f]{{2}}-){{5}}[0-9a-f]{{2}}{NOT_HEX_AFTER}",
        "dots": r"(?<![0-9a-f.])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?!\.?[0-9a-f])",
        "after_context": rf"{after(MAC_WORDS)}(?:[0-9a-f]{{2}}[:-]?){{5}}[0-9a-f]{{2}}{NOT_HEX_AFTER}",
    }
    CONTEXT = ("mac", "MACアドレス", "hardware address")


class UuidRecognizer(IdentifierRecognizer):
    """UUIDs with hyphens or without (RFC 9562), of any version: advertising ids are not all of version 4."""

    ENTITY = "UUID"
    PATTERNS: ClassVar = {
        "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "undivided": rf"{NOT_HEX}[0-9a-f]{{32}}{NOT_HEX_AFTER}",
    }
    CONTEXT = ("uuid", "guid", "idfa", "aaid")


class ImeiRecognizer(IdentifierRecognizer):
    """IMEI: 14 digits and a check digit (3GPP TS 23.003, annex B), under a reporting body that handsets here have.

    35, 86, 01 and 98 or 99 begin those of the bodies now active (GSMA TS.06); any other needs the word before it.
    """

    ENTITY = "IMEI"
    PATTERNS: ClassVar = {
        "reporting_body": rf"{NOT_BEFORE}(?:01|35|86|9[89])[-/ ]?\d{{6}}[-/ ]?\d{{6}}[-/ ]?\d{NOT_AFTER}",
        "after_context": rf"{after('imei')}\d{{2}}[-/ ]?\d{{6}}[-/ ]?\d{{6}}[-/ ]?\d{NOT_AFTER}",
    }
    CONTEXT = ("imei", "端末識別番号")

    def validate_result(self, pattern_text: str) -> bool:
        """True when the check digit holds."""
        digits = digits_of(pattern_text)
        return len(set(digits)) > 1 and passes_luhn(digits)


class AdvertisingIdRecognizer(IdentifierRecognizer):
    """Ids that follow a device for advertisers: those of operating systems, of measurement cookies and of clicks.

    Personal-related information under APPI, article 2 (7); names of parameters are those that the networks document.
    """

    ENTITY = "ADVERTISING_ID"
    PATTERNS: ClassVar = {
        "device": rf"{after(DEVICE_WORDS)}[0-9a-f][0-9a-f-]{{14,62}}[0-9a-f]{NOT_HEX_AFTER}",
        "measurement_cookie": rf"(?<![0-9A-Za-z])(?:GA1\.\d|fb\.\d)\.\d{{6,13}}\.\d{{6,20}}{NOT_AFTER}",
        "click": rf"(?<=(?:^|[^0-9A-Za-z])(?:{CLICK_IDS})=)[0-9A-Za-z_.~*-]{{6,}}",
    }
    CONTEXT = ("広告ID", "idfa", "aaid", "advertising id")


class CredentialRecognizer(IdentifierRecognizer):
    """Session tokens, keys and passwords in queries, cookies, headers and sentences; JSON web tokens (RFC 7519)."""

    ENTITY = "CREDENTIAL"
    PATTERNS: ClassVar = {
        "parameter": rf"(?<=(?:^|[^0-9A-Za-z])(?:{PARAMETERS})[\"']?=[\"']?)[^&?\s#;,\"'<>]{{4,}}",
        "long_parameter": rf"(?<=(?:^|[^0-9A-Za-z])(?:{SHORT_PARAMETERS})=)[0-9A-Za-z_.~%+/-]{{20,}}",
        "field": rf"(?<=(?:^|[^0-9A-Za-z])(?:{PARAMETERS})[\"']?\s?:\s?[\"']?)[0-9A-Za-z_.~+/=-]{{16,}}",
        "password": rf"(?<=(?:{SPOKEN})(?:\s?[はが:=]\s?|\sis\s))[!-~]{{4,}}",
        "bearer": r"(?<=bearer\s)[0-9A-Za-z_.~+/=-]{16,}",
        "json_web_token": r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",
    }
    CONTEXT = ("session", "token", "パスワード")
