"""Strings that nearly are identifiers, and those identifiers that exist only beside the name of a parameter."""

import random

import values
from values import corporate_base, digits, hexadecimal, letters, pick, token

GOODS = "新品 中古 レア 限定 未開封 送料無料 lot set size model"
PARAMETERS = (
    "sid session_id sessionid PHPSESSID JSESSIONID token access_token refresh_token id_token csrf_token api_key apikey"
)
DEVICE_WORDS = "android_id aaid device_id 広告ID 端末識別子"
WORDS = """
お客様 皆様 皆さん みなさん たくさん 出品者様 落札者さん 購入者様 担当者さん 配達員さん 店員さん 店長さん 新品同様
限定仕様 花模様 多種多様 異様な臭い お疲れ様 ご苦労様 お世話様 おかげさまで 業者さん 運転手さん 郵便局さん
両氏 彼氏 氏名欄 様子見
王様 神様 奥様 お母さん おばあさん お医者さん 本屋さん ショップ様 メーカーさん ユーザー様 赤ちゃん
諸君 君が代 宮殿 殿堂 取引先様 友人さん 職人さん 仕様書 同様の品 Dr.Martens Mr.Children MR2 misses drama mrna 様々 貴殿
"""


def break_check(number: str, place: int) -> str:
    """The number with another digit at a place, so that its check digit fails."""
    return f"{number[:place]}{(int(number[place]) + 3) % 10}{number[place + 1 :]}"


def advertising_id(dice: random.Random) -> str:
    return dice.choice(
        [
            f"{dice.choice(['gclid', 'fbclid', 'yclid', 'msclkid'])}=«{token(dice)}»",
            f"_ga=«GA1.2.{dice.randrange(10**8, 10**9)}.{dice.randrange(16 * 10**8, 18 * 10**8)}»",
            f"_fbp=«fb.1.{dice.randrange(16 * 10**11, 18 * 10**11)}.{dice.randrange(10**9, 10**10)}»",
            f"{pick(dice, DEVICE_WORDS)}{dice.choice(['=', ': ', ' '])}«{hexadecimal(dice, 16)}»",
        ]
    )


def credential(dice: random.Random) -> str:
    return dice.choice(
        [
            f"{pick(dice, PARAMETERS)}=«{token(dice)}»",
            f"{pick(dice, PARAMETERS)}=«{token(dice)}»",
            f"{dice.choice(['password', 'client_secret', 'signature', 'sig'])}=«{token(dice)[:12]}»",
            f"id_token=«{values.json_web_token(dice)}»",
            f"jwt «{values.json_web_token(dice)}»",
            f"Authorization: Bearer «{token(dice)}»",
        ]
    )


def not_email(dice: random.Random) -> str:
    box = pick(dice, values.MAILBOXES)
    choices = [
        f"{box}@",
        f"@{box}",
        f"{box}@example",
        f"{box} at example.jp",
        f"{dice.randrange(9)}@{dice.randrange(9)}.5kg",
    ]
    return f"{dice.choice(choices)} {pick(dice, GOODS)}{dice.randrange(1000)}"


def not_phone(dice: random.Random) -> str:
    year, month, day = dice.randrange(2000, 2030), dice.randrange(1, 13), dice.randrange(1, 29)
    choices = [
        f"{year}-{month:02}-{day:02}",
        f"090-{digits(dice, 3)}",
        f"000-0{digits(dice, 3)}-{digits(dice, 4)}",
        f"0900-{digits(dice, 4)}-{digits(dice, 5)}",
        f"m1{digits(dice, 10)}",
        f"{dice.randrange(1, 999)},{digits(dice, 3)},{digits(dice, 3)}円",
        f"{day}:{month:02}:00",
        f"商品番号 1{digits(dice, 9)}",
    ]
    return f"{pick(dice, GOODS)} {dice.choice(choices)}"


def not_postal_code(dice: random.Random) -> str:
    choices = [
        f"{digits(dice, 3)}-{digits(dice, 5)}",
        f"{digits(dice, 4)}-{digits(dice, 3)}",
        f"{digits(dice, 2)}-{digits(dice, 5)}",
        f"AB{digits(dice, 3)}-{digits(dice, 4)}",
        f"{digits(dice, 3)}-{digits(dice, 4)}X",
        f"{dice.randrange(1, 10)}{digits(dice, 6)}円",
        f"〒{digits(dice, 6)}",
    ]
    return f"{pick(dice, GOODS)} {dice.choice(choices)}"


def not_address(dice: random.Random) -> str:
    prefecture, city, town = dice.choice(values.PLACES)
    a, b = dice.randrange(1, 9), dice.randrange(10, 30)
    choices = [
        f"{prefecture}{city}に住んでいます",
        f"{prefecture}から{a}日で届いた",
        f"{prefecture}{city}の店で{a}-{b}日待った",
        f"{town}の{a}丁目の角",
        f"{city}限定 {a}個セット",
        f"サイズは{a}-{b}-{a}です",
        f"{prefecture}内送料{b}00円",
        f"{a}-{b} set from {dice.choice(['Tokyo', 'Osaka'])}",
    ]
    return dice.choice(choices)


def not_card(dice: random.Random) -> str:
    right = values.add_luhn("4" + digits(dice, 14))
    choices = [
        break_check(right, dice.randrange(4, 16)),
        values.group(break_check(right, 9), 4, 4, 4, 4, by=dice.choice("- ")),
        "45" + digits(dice, 11),
        "49" + digits(dice, 11),
        right[:12],
        right + digits(dice, 4),
        values.add_luhn("9" + digits(dice, 14)),
        f"17{digits(dice, 11)}",
    ]
    return f"{pick(dice, GOODS)} {dice.choice(choices)}"


def not_account(dice: random.Random) -> str:
    seven = f"{dice.randrange(1, 10)}{digits(dice, 6)}"
    choices = [
        f"商品番号{seven}",
        f"口座に{seven}円を振り込みました",
        f"口座番号 {digits(dice, 5)} は違う",
        f"口座番号 {seven}{digits(dice, 2)}",
        f"普通の商品 型番{seven}",
        f"銀行振込で{seven}円",
        f"item {seven} was great",
        f"account opened {dice.randrange(2000, 2027)}",
        f"lot {seven}",
    ]
    return dice.choice(choices)


def not_iban(dice: random.Random) -> str:
    right = values.iban(dice).replace(" ", "")
    return (
        f"IBAN {right[:2]}{(int(right[2:4]) + 5) % 97:02}{right[4:]}"
        if dice.random() < 0.6
        else f"{right[:2]}{right[4:14]}"
    )


def not_my_number(dice: random.Random) -> str:
    right = "".join(filter(str.isdigit, values.my_number(dice)))
    broken = break_check(right, 11)
    choices = [broken, values.group(broken, 4, 4, 4, by="-"), right[:11], f"{right}5", str(dice.randrange(10)) * 12]
    return f"{dice.choice(['マイナンバー', 'お問い合わせ番号', 'tracking', ''])} {dice.choice(choices)}"


def not_corporate_number(dice: random.Random) -> str:
    right = corporate_base(dice)
    broken = f"{int(right[0]) % 9 + 1}{right[1:]}"
    choices = [
        f"法人番号{broken}",
        f"法人番号は{right[:12]}",
        f"JAN {right}",
        f"T{right[:10]}",
        f"corporate number {right}1",
    ]
    return dice.choice(choices)


def not_licence(dice: random.Random) -> str:
    while True:
        right = values.driver_licence(dice).replace(" ", "")
        broken = break_check(right, 10)
        if not values.is_my_number(broken):
            break
    choices = [
        f"免許証番号{broken}",
        f"licence {broken}",
        f"品番 {right}",
        f"免許証 {right[:11]}",
        f"免許を{dice.randrange(1980, 2020)}年に取得",
    ]
    return dice.choice(choices)


def not_passport(dice: random.Random) -> str:
    right = values.passport(dice)
    choices = [
        f"型番 {right}",
        f"パスポートケース 型番{right}",
        f"パスポート {right[:7]}",
        f"passport {right[1:]}",
        f"パスポート{right}9",
        f"passport cover, model {right}",
        f"{right} {pick(dice, GOODS)}",
    ]
    return dice.choice(choices)


def not_residence_card(dice: random.Random) -> str:
    a, z = letters(dice, 2), letters(dice, 2)
    choices = [
        f"{a}{digits(dice, 9)}{z}",
        f"{a}{digits(dice, 7)}{z}",
        f"{a}X{digits(dice, 8)}{z}",
        f"{a}{digits(dice, 8)}{z[0]}",
    ]
    return f"{dice.choice(['追跡', '在留カード', 'model'])} {dice.choice(choices)}"


def not_ip_address(dice: random.Random) -> str:
    a, b, c = (dice.randrange(1, 200) for _ in range(3))
    choices = [
        f"{a}.{b}.{c}",
        f"{a}.{b}.{c + 256}.{a}",
        f"v{a % 20}.{b}",
        f"{a % 24}:{b % 60:02}:{c % 60:02}",
        f"比率 {a}:{b}",
        "あ::い",
        "Foo::bar",
    ]
    return f"{dice.choice(choices)} {pick(dice, GOODS)}"


def not_mac(dice: random.Random) -> str:
    pairs = [hexadecimal(dice, 2) for _ in range(6)]
    choices = [
        ":".join(pairs[:5]),
        ":".join([*pairs[:5], "zz"]),
        f"{pairs[0]}:{'-'.join(pairs[1:])}",
        "10:20:30",
        f"mac {''.join(pairs[:5])}",
    ]
    return f"{pick(dice, GOODS)} {dice.choice(choices)}"


def not_uuid(dice: random.Random) -> str:
    right = values.group(hexadecimal(dice, 32), 8, 4, 4, 4, 12, by="-")
    choices = [
        right[:-1],
        right[1:],
        right.replace("-", "", 1),
        right[:14] + "g" + right[15:],
        hexadecimal(dice, 31),
        hexadecimal(dice, 40),
    ]
    return f"{pick(dice, GOODS)} {dice.choice(choices)}"


def not_imei(dice: random.Random) -> str:
    right = values.add_luhn("35" + digits(dice, 12))
    choices = [
        f"IMEI {break_check(right, 14)}",
        f"品番 {values.add_luhn('72' + digits(dice, 12))}",
        f"IMEI {right[:13]}",
        f"{right}77",
    ]
    return dice.choice(choices)


def not_advertising_id(dice: random.Random) -> str:
    choices = [
        f"utm_source={dice.choice(['google', 'line'])}&utm_id={dice.randrange(1000)}",
        f"commit {hexadecimal(dice, 16)}",
        f"GA{dice.randrange(9)}.{dice.randrange(9)} ケース",
        "gclid=&page=2",
        f"広告IDとは何か {dice.randrange(2000, 2030)}",
        f"fb.1.{dice.randrange(100)}",
    ]
    return f"{pick(dice, GOODS)} {dice.choice(choices)}"


def not_credential(dice: random.Random) -> str:
    number = dice.randrange(1, 10000)
    choices = [
        f"/search?q={token(dice)[:6]}&page={number}&sort=asc",
        f"tokens: {number} pieces",
        f"session: {number} people came",
        f"トークン {number}枚セット",
        "password reset mail",
        f"side=left{number}",
        f"パスワードを忘れた {number}",
        f"bearer of {number} gifts",
        f"key={dice.choice(['red', 'size'])}{number}",
        f"broken={token(dice)[:8]}",
    ]
    return dice.choice(choices)


def not_honorific_name(dice: random.Random) -> str:
    return (
        f"{dice.choice(['', '', 'の', '。', ' '])}{pick(dice, WORDS)}{dice.choice([' 良い', '、', '！', ' 5点', ''])}"
    )


MAKERS = {
    "EMAIL_ADDRESS": not_email,
    "PHONE_NUMBER": not_phone,
    "JP_POSTAL_CODE": not_postal_code,
    "JP_ADDRESS": not_address,
    "CREDIT_CARD": not_card,
    "JP_BANK_ACCOUNT": not_account,
    "IBAN_CODE": not_iban,
    "JP_MY_NUMBER": not_my_number,
    "JP_CORPORATE_NUMBER": not_corporate_number,
    "JP_DRIVER_LICENCE": not_licence,
    "JP_PASSPORT": not_passport,
    "JP_RESIDENCE_CARD": not_residence_card,
    "IP_ADDRESS": not_ip_address,
    "MAC_ADDRESS": not_mac,
    "UUID": not_uuid,
    "IMEI": not_imei,
    "ADVERTISING_ID": not_advertising_id,
    "CREDENTIAL": not_credential,
    "HONORIFIC_NAME": not_honorific_name,
}
