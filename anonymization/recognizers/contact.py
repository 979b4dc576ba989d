"""How a person is reached: mail, telephone, and where the person lives."""

from __future__ import annotations

from typing import ClassVar

import phonenumbers
import regex

from anonymization.recognizers.identifier import NOT_AFTER, NOT_BEFORE, IdentifierRecognizer, after

NOT_ASCII = r"[^\x00-\x7f\s.]"
DOMAIN = (
    rf"(?:(?:[0-9A-Za-z_-]{{1,63}}|{NOT_ASCII}{{1,63}})\.){{1,8}}(?:[A-Za-z][0-9A-Za-z-]{{1,62}}|{NOT_ASCII}{{2,63}})"
)
COUNTRY_CODE = regex.compile("^(?:01?0)?81")
SEPARATOR = r"[-+(). ]{0,3}"  # + is how a query spells a space

PREFECTURES = (
    "北海道|東京都|京都府|大阪府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|山梨|長野|岐阜|"
    "静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県"
)
PLACE = r"[一-龥々ヶぁ-んァ-ヴー ]"
ADDRESS_WORDS = "住所|送付先|届け先|送り先|宛先"
MUNICIPALITY = "[市区町村郡]"
NUMBER = r"(?:\d{1,4}|[〇一二三四五六七八九十百]{1,4})"
MARK = r"(?:丁目|番地の?|番|号|条|-)\s?"
END = "(?:丁目|番地|番|号室|号|階|F)?"
ROOM = r"(?:[- ]?[一-龥々ぁ-んァ-ヴーA-Z ]{0,20}\d{1,4}(?:号室|号|階|F)|[- ]?[ァ-ヴーA-Z ]{2,20}\d{1,4})?"
# What makes two numbers a span of days or a price, not a block and a house.
NOT_COUNT = r"(?![0-9]|\s?[日時人円個年月分回点万千歳枚件台本着週割%])"
TWO_NUMBERS = rf"{NUMBER}{MARK}(?:{NUMBER}(?:{MARK}{NUMBER}){{0,3}})?{END}{ROOM}{NOT_COUNT}"
THREE_NUMBERS = rf"{NUMBER}{MARK}{NUMBER}(?:{MARK}{NUMBER}){{1,2}}{END}{ROOM}{NOT_COUNT}"


class EmailRecognizer(IdentifierRecognizer):
    """E-mail addresses, in wider terms than RFC 5322 and RFC 6531.

    Japanese carriers gave out taro.@docomo.ne.jp, and a mistyped top-level domain names its owner too.
    """

    ENTITY = "EMAIL_ADDRESS"
    PATTERNS: ClassVar = {
        "email_address": (rf"(?:[0-9A-Za-z!#$%&'*+/=?^_`{{|}}~.-]{{1,256}}|{NOT_ASCII}{{1,64}})@{DOMAIN}"),
        "quoted": rf'"[^"@\n]{{1,64}}"@{DOMAIN}',
    }
    CONTEXT = ("メール", "アドレス", "email", "mail")


class PhoneRecognizer(IdentifierRecognizer):
    """Numbers dialled in Japan or written with a country code, that the numbering plan accepts (libphonenumber).

    Fixed, mobile, IP (050), toll-free (0120, 0800) and navigation (0570) numbers, by the plan of the Ministry of
    Internal Affairs (Regulations on Telecommunications Numbers, annex); any other country's with + before it (E.164).
    """

    ENTITY = "PHONE_NUMBER"
    PATTERNS: ClassVar = {
        "domestic": rf"{NOT_BEFORE}\(?0\d{{1,4}}{SEPARATOR}\d{{1,4}}{SEPARATOR}\d{{3,4}}{NOT_AFTER}",
        "international": rf"\+\d{{1,3}}[-+ ]?(?:\(?\d{{1,5}}\)?[-+ ]?){{1,5}}{NOT_AFTER}",
        "country_code_without_plus": rf"{NOT_BEFORE}(?:01?0)?81[- ]?\d{{1,3}}[- ]?\d{{3,4}}[- ]?\d{{4}}{NOT_AFTER}",
    }
    CONTEXT = ("電話", "携帯", "連絡先", "tel", "phone", "mobile")

    def invalidate_result(self, pattern_text: str) -> bool:
        """True unless the numbering plan has the number."""
        number = COUNTRY_CODE.sub("+81", pattern_text)
        try:
            return not phonenumbers.is_valid_number(phonenumbers.parse(number[0] + number[1:].replace("+", " "), "JP"))
        except phonenumbers.NumberParseException:
            return True


class PostalCodeRecognizer(IdentifierRecognizer):
    """郵便番号: three digits and four (Japan Post, in force since 1998); seven in one need 〒 or a word before them."""

    ENTITY = "JP_POSTAL_CODE"
    PATTERNS: ClassVar = {
        "marked": rf"〒\s?\d{{3}}[- ]?\d{{4}}{NOT_AFTER}",
        "bare": r"(?<![0-9A-Za-z-])\d{3}-\d{4}(?![0-9A-Za-z-])",
        "after_context": rf"{after('郵便番号|postal|postcode|zip')}\d{{3}}[- ]?\d{{4}}(?![0-9-])",
    }
    CONTEXT = ("郵便番号", "住所", "postal code", "zip")


class AddressRecognizer(IdentifierRecognizer):
    """住所 down to a block, house or room (Act on Indication of Residential Address, article 2); a town alone is none.

    With a prefecture two numbers suffice, without one three, or a 丁目; in Latin letters a ward, city or town ends it.
    """

    ENTITY = "JP_ADDRESS"
    PATTERNS: ClassVar = {
        "prefecture": rf"(?:{PREFECTURES})\s?{PLACE}{{1,10}}{MUNICIPALITY}{PLACE}{{0,16}}{TWO_NUMBERS}",
        "town": rf"(?:{PREFECTURES})\s?{PLACE}{{1,16}}[町村字][一-龥々ヶ]{{0,6}}\s?\d{{1,5}}(?!-){NOT_COUNT}",
        "after_context": rf"{after(ADDRESS_WORDS)}{PLACE}{{2,16}}{THREE_NUMBERS}",
        "municipality": rf"[一-龥々ヶぁ-ん]{{1,6}}{MUNICIPALITY}{PLACE}{{1,16}}{THREE_NUMBERS}",
        "lot": rf"[一-龥々ヶぁ-ん]{{1,6}}{MUNICIPALITY}{PLACE}{{1,20}}{NUMBER}番地(?:の?\d{{1,4}})?",
        "block": rf"[一-龥々ヶ]{{2,6}}{NUMBER}丁目\s?{NUMBER}{MARK}(?:{NUMBER}号?)?{ROOM}{NOT_COUNT}",
        "latin": (
            r"(?<![0-9A-Z-])\d{1,4}(?:-\d{1,4}){0,3},?\s(?:[A-Z][A-Z'-]{1,20},?\s){0,3}"
            r"[A-Z]{2,15}-(?:ku|shi|gun|machi|cho|mura|son)(?![A-Z])"
            r"(?:,\s(?:Tokyo|Osaka|Kyoto|Japan|[A-Z]{3,9}-(?:shi|ken|fu)))*"
        ),
    }
    CONTEXT = ("住所", "丁目", "番地", "address")
