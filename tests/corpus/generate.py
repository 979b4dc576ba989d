"""Writes generated.tsv anew: valid identifiers in Japanese and English sentences, and strings that nearly are some.

Run it as a script. A line is an entity, a tab and a text; «…» holds the identifier, a text without any is a near miss.
"""

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import near_misses
import values

TARGET = Path(__file__).with_name("generated.tsv")
Maker = Callable[[random.Random], str]

JAPANESE = (
    *("{v}", "{v}です", "連絡は{v}までお願いします", "届いたのは「{v}」だけ", "前の登録は{v}でした。評価5"),
    *("(※{v})", "よろしく、{v}、以上", "対応が早い！{v}！"),
)
ENGLISH = (
    *("{v}", "it is {v}", "please note {v}, thanks", "({v})", "sent to {v} yesterday"),
    *("old: {v}; new: none", "[{v}] great seller", "Re: {v}"),
)
BOTH = (*JAPANESE, *ENGLISH)
NUMBERS = (*BOTH, "No{v}", "ID:{v}", "番号{v}を控えた", "id_{v}", "x={v}&y=2")

TEMPLATES: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "EMAIL_ADDRESS": (values.email, (*BOTH, "メール:{v}", "mailto:{v}?subject=hi")),
    "PHONE_NUMBER": (values.phone, (*BOTH, "TEL{v}", "tel:{v}", "携帯は{v}", "call {v} after 9")),
    "JP_POSTAL_CODE": (values.postal_code, (*BOTH, "郵便番号 {v}", "zip {v}", "住所は{v}です")),
    "JP_ADDRESS": (
        values.address,
        (
            *JAPANESE,
            "送付先は{v}です",
            "住所：{v}",
            "〒«JP_POSTAL_CODE|150-0041» {v}",
            "{v}に届きました",
            "ship to {v}",
        ),
    ),
    "CREDIT_CARD": (values.card, (*NUMBERS, "カード{v}で払った", "JCB {v}", "my visa {v} was charged")),
    "JP_BANK_ACCOUNT": (
        values.account,
        (
            *(
                "口座番号{v}です",
                "口座番号は{v}",
                "口座：{v}",
                "みずほ銀行 新宿支店 普通 {v}",
                "振込先は普通預金 {v} です",
            ),
            *("当座預金{v}へ", "{v}が口座番号です", "渋谷支店 {v} に入金", "口座番号（普通）{v}", "貯金番号 {v}"),
            *(
                "account number {v}",
                "my bank account is {v}.",
                "account no. {v}",
                "Account: {v}",
                "acct {v}",
                "{v} is my account",
            ),
        ),
    ),
    "IBAN_CODE": (values.iban, (*BOTH, "IBAN {v}", "IBAN: {v}", "送金先IBANは{v}")),
    "JP_MY_NUMBER": (values.my_number, (*NUMBERS, "マイナンバー{v}", "個人番号：{v}", "my number is {v}")),
    "JP_CORPORATE_NUMBER": (
        values.corporate_number,
        (
            *(
                "法人番号{v}",
                "法人番号は{v}です",
                "法人番号：{v}",
                "弊社の法人番号 {v} を記載",
                "登録番号 {v}",
                "{v}が法人番号です",
            ),
            *("corporate number {v}", "Corporate Number: {v}", "our corporate number is {v}.", "インボイス番号{v}"),
        ),
    ),
    "JP_DRIVER_LICENCE": (
        values.driver_licence,
        (
            *(
                "免許証番号{v}",
                "運転免許 第{v}号",
                "免許証の番号は{v}です",
                "本人確認：運転免許証 {v}",
                "免許証（{v}）",
                "{v}は私の運転免許証",
            ),
            *(
                "driver's licence {v}",
                "Driver license no. {v}",
                "my licence number is {v}",
                "license: {v}",
                "{v} is my driver's license",
            ),
        ),
    ),
    "JP_PASSPORT": (
        values.passport,
        (
            *(
                "パスポート{v}",
                "パスポート番号は{v}です",
                "旅券番号：{v}",
                "旅券 {v}",
                "パスポートNo.{v}",
                "{v}は私のパスポート",
            ),
            *(
                "passport {v}",
                "my passport number is {v}",
                "Passport No: {v}",
                "passport no. {v}, thanks",
                "{v} is my passport",
            ),
        ),
    ),
    "JP_RESIDENCE_CARD": (values.residence_card, (*BOTH, "在留カード{v}", "在留カード番号は{v}", "residence card {v}")),
    "IP_ADDRESS": (values.ip_address, (*BOTH, "IPは{v}", "from {v} port 22", "アクセス元{v}")),
    "MAC_ADDRESS": (values.mac, (*BOTH, "MACアドレスは{v}", "MAC: {v}", "端末{v}")),
    "UUID": (values.any_uuid, (*BOTH, "端末{v}です", "uuid={v}", "id_{v}")),
    "IMEI": (values.imei, (*BOTH, "IMEI:{v}", "IMEIは{v}", "imei {v}")),
    "ADVERTISING_ID": (
        near_misses.advertising_id,
        (*BOTH[:8], "https://example.jp/?{v}", "https://example.jp/a?b=1&{v}&c=2", "cookie {v}; path=/", "{v}"),
    ),
    "CREDENTIAL": (
        near_misses.credential,
        (
            "https://example.jp/?{v}",
            "/login?a=1&{v}&b=2",
            "cookie: {v}; path=/",
            "{v}",
            "ログイン不可 {v}",
            "url /x?{v}#top",
        ),
    ),
    "HONORIFIC_NAME": (
        values.name_ja,
        (
            "{v}",
            "{v}ありがとう",
            "「{v}」宛",
            "対応は{v}。",
            "出品の{v}に感謝",
            "{v}、どうも",
            "thanks {v}",
            "担当: {v}",
            "{v}は親切",
        ),
    ),
    "HONORIFIC_NAME ": (
        values.name_en,
        ("{v}", "thanks {v}", "seller {v} was kind", "from {v}, today", "担当は{v}です", "({v})"),
    ),
    "JP_ADDRESS ": (values.latin_address, ("{v}", "ship to {v}, Tokyo", "my address: {v}", "({v})", "住所 {v}")),
}
POSITIVES, NEAR_MISSES, FULL_WIDTH = 54, 36, 0.12
FULL_WIDTH_FORMS = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def positives(entity: str, dice: random.Random) -> Iterator[str]:
    maker, templates = TEMPLATES[entity]
    for count in range(POSITIVES if entity == entity.strip() else 18):
        value = maker(dice)
        marked = value if "«" in value else f"«{value}»"
        if dice.random() < FULL_WIDTH and "«" not in value:
            marked = f"«{value.translate(FULL_WIDTH_FORMS)}»"
        yield templates[count % len(templates)].replace("{v}", marked)


def lines() -> Iterator[str]:
    for entity in TEMPLATES:
        dice = random.Random(entity)
        name = entity.strip()
        yield from (f"{name}\t{text}" for text in positives(entity, dice))
        if name == entity:
            yield from (f"{name}\t{near_misses.MAKERS[name](dice)}" for _ in range(NEAR_MISSES))


if __name__ == "__main__":
    TARGET.write_text("\n".join(dict.fromkeys(lines())) + "\n")
