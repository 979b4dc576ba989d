"""Identifiers that are valid by their rules and belong to nobody; each rule written anew, not taken from the code."""

import random
import uuid

PLACES = (
    ("北海道", "札幌市中央区", "南三条西"),
    ("宮城県", "仙台市青葉区", "国分町"),
    ("東京都", "渋谷区", "神南"),
    ("東京都", "八王子市", "旭町"),
    ("神奈川県", "横浜市西区", "みなとみらい"),
    ("埼玉県", "さいたま市大宮区", "桜木町"),
    ("愛知県", "名古屋市中村区", "名駅"),
    ("京都府", "京都市中京区", "烏丸町"),
    ("大阪府", "大阪市北区", "梅田"),
    ("兵庫県", "神戸市中央区", "三宮町"),
    ("広島県", "安芸郡府中町", "大須"),
    ("福岡県", "福岡市博多区", "博多駅前"),
    ("沖縄県", "那覇市", "久茂地"),
)
LATIN_PLACES = (
    "Jinnan, Shibuya-ku",
    "Minato Mirai, Nishi-ku",
    "Asahi Machi, Hachioji-shi",
    "Umeda, Kita-ku",
    "Osu, Fuchu-cho",
)
FAMILY = "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 緒方 長谷川 麻生 服部 本多 土方 井手 石神 相模原 三浦"
GIVEN = "太郎 花子 健一 直人 美咲 陽菜 翔 和子 誠 由美"
KANA = "タナカ スズキ ヨシダ マイケル アンナ キム サトウ ハナコ"
LATIN = "Smith Johnson Tanaka Suzuki Brown Garcia Miller Yamada"
MAILBOXES = "taro hanako t.yamada info_2 auction+jp k-suzuki shop99 sato.ken"
DOMAINS = "example.jp example.co.jp example.com docomo.example.ne.jp mail.example.org example.net"


def pick(dice: random.Random, words: str) -> str:
    return dice.choice(words.split())


def digits(dice: random.Random, count: int) -> str:
    return "".join(str(dice.randrange(10)) for _ in range(count))


def hexadecimal(dice: random.Random, count: int) -> str:
    return "".join(dice.choice("0123456789abcdef") for _ in range(count))


def letters(dice: random.Random, count: int) -> str:
    return "".join(dice.choice("ABCDEFGHKLMNPRSTUVWXYZ") for _ in range(count))


def add_luhn(base: str) -> str:
    """The base and the digit with which the alternately doubled digits sum to a multiple of ten."""
    table = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    total = sum(table[int(d)] if place % 2 == 0 else int(d) for place, d in enumerate(reversed(base)))
    return base + str(-total % 10)


def group(number: str, *sizes: int, by: str) -> str:
    parts, start = [], 0
    for size in sizes:
        parts.append(number[start : start + size])
        start += size
    return by.join(parts)


def my_number(dice: random.Random) -> str:
    while True:
        base = digits(dice, 11)
        total = sum(int(d) * (n + 1 if n <= 6 else n - 5) for n, d in enumerate(reversed(base), 1))
        number = base + str((11 - total % 11) % 11 if total % 11 > 1 else 0)
        if len(set(number)) > 1:
            return group(number, 4, 4, 4, by=dice.choice(["", "", "-", " "]))


def corporate_base(dice: random.Random) -> str:
    base = digits(dice, 12)
    total = sum(int(d) * (1 if n % 2 else 2) for n, d in enumerate(reversed(base), 1))
    return f"{9 - total % 9}{base}"


def corporate_number(dice: random.Random) -> str:
    return group(corporate_base(dice), 1, 4, 4, 4, by=dice.choice(["", "", "-", " "]))


def driver_licence(dice: random.Random) -> str:
    """Never a My Number as well, so that the corpus can say what each line holds."""
    while True:
        base = f"{dice.choice([10, 30, 45, 54, 62, 90])}{digits(dice, 8)}"
        left = sum(int(d) * w for d, w in zip(base, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
        number = base + {0: "1", 1: "0"}.get(left, str(11 - left)) + dice.choice("000012")
        if not is_my_number(number):
            return group(number, 4, 4, 4, by=dice.choice(["", "", "", " "]))


def is_my_number(number: str) -> bool:
    total = sum(int(d) * (n + 1 if n <= 6 else n - 5) for n, d in enumerate(reversed(number[:11]), 1))
    return int(number[11]) == (0 if total % 11 <= 1 else 11 - total % 11)


def passport(dice: random.Random) -> str:
    return f"{dice.choice('TMN')}{letters(dice, 1)}{digits(dice, 7)}"


def residence_card(dice: random.Random) -> str:
    number = f"{letters(dice, 2)}{digits(dice, 8)}{letters(dice, 2)}"
    return group(number, 2, 8, 2, by=dice.choice(["", "", "", " "]))


def card(dice: random.Random) -> str:
    by = dice.choice(["", "", "-", " "])
    issuer, length, sizes = dice.choice(
        [
            ("4", 16, (4, 4, 4, 4)),
            (str(dice.randrange(51, 56)), 16, (4, 4, 4, 4)),
            (str(dice.randrange(2221, 2721)), 16, (4, 4, 4, 4)),
            (str(dice.randrange(3528, 3590)), 16, (4, 4, 4, 4)),
            (str(dice.randrange(3528, 3590)), 16, (4, 4, 4, 4)),
            (dice.choice(["34", "37"]), 15, (4, 6, 5)),
            (dice.choice(["36", "38"]), 14, (4, 6, 4)),
            ("6011", 16, (4, 4, 4, 4)),
            ("62", 19, (4, 4, 4, 4, 3)),
        ]
    )
    return group(add_luhn(issuer + digits(dice, length - 1 - len(issuer))), *sizes, by=by)


def account(dice: random.Random) -> str:
    return dice.choice(["", "", "", f"{digits(dice, 3)}-"]) + digits(dice, 7)


def iban(dice: random.Random) -> str:
    country, base = dice.choice(
        [
            ("DE", digits(dice, 18)),
            ("GB", f"WEST{digits(dice, 14)}"),
            ("FR", digits(dice, 23)),
            ("NL", f"ABNA{digits(dice, 10)}"),
        ]
    )
    number = "".join(str(int(character, 36)) for character in f"{base}{country}00")
    whole = f"{country}{98 - int(number) % 97:02}{base}"
    return dice.choice([whole, " ".join(whole[i : i + 4] for i in range(0, len(whole), 4))])


def phone(dice: random.Random) -> str:
    mobile = (dice.choice(["090", "080", "070", "050"]), str(dice.randrange(2000, 9000)), digits(dice, 4))
    fixed = dice.choice(
        [
            ("03", "3" + digits(dice, 3)),
            ("06", "6" + digits(dice, 3)),
            ("045", "2" + digits(dice, 2)),
            ("0467", "2" + digits(dice, 1)),
        ]
    )
    free = ("0120", str(dice.randrange(100, 990)), digits(dice, 3))
    kind = dice.choice([mobile, mobile, mobile, (*fixed, digits(dice, 4)), (*fixed, digits(dice, 4)), free])
    international = dice.choice([mobile, (*fixed, digits(dice, 4))])
    return dice.choice(
        [
            "-".join(kind),
            "-".join(kind),
            "".join(kind),
            " ".join(kind),
            f"{kind[0]}({kind[1]}){kind[2]}",
            f"+81-{'-'.join(international)[1:]}",
            f"+81{''.join(international)[1:]}",
            f"+81 {' '.join(international)[1:]}",
        ]
    )


def postal_code(dice: random.Random) -> str:
    return dice.choice(["〒", "〒", "", "〒 "]) + f"{digits(dice, 3)}-{digits(dice, 4)}"


def address(dice: random.Random) -> str:
    prefecture, city, town = dice.choice(PLACES)
    a, b, c = dice.randrange(1, 10), dice.randrange(1, 40), dice.randrange(1, 30)
    kanji = "一二三四五六七八九"[a - 1]
    block = dice.choice(
        [f"{a}-{b}-{c}", f"{a}丁目{b}番{c}号", f"{a}丁目{b}-{c}", f"{kanji}丁目{b}番地{c}", f"{a}-{b}-{c}-{a}0{a}"]
    )
    room = dice.choice(["", "", f" メゾン{town}{a}0{a}号室", f"{a}0{a}号室"])
    return dice.choice([prefecture, prefecture, ""]) + city + town + block + room


def latin_address(dice: random.Random) -> str:
    return f"{dice.randrange(1, 9)}-{dice.randrange(1, 30)}-{dice.randrange(1, 30)} {dice.choice(LATIN_PLACES)}"


def email(dice: random.Random) -> str:
    return f"{pick(dice, MAILBOXES)}{dice.randrange(100)}@{pick(dice, DOMAINS)}"


def ip_address(dice: random.Random) -> str:
    four = ".".join(str(dice.randrange(1, 255)) for _ in range(4))
    six = ":".join(["2001", "db8", *(f"{dice.randrange(1, 0xFFFF):x}" for _ in range(6))])
    return dice.choice([four, four, six, f"2001:db8::{dice.randrange(1, 0xFFFF):x}", f"::ffff:{four}"])


def mac(dice: random.Random) -> str:
    pairs = [hexadecimal(dice, 2) for _ in range(6)]
    written = dice.choice(
        [":".join(pairs), "-".join(pairs), ".".join(a + b for a, b in zip(*[iter(pairs)] * 2, strict=True))]
    )
    return dice.choice([written, written.upper()])


def any_uuid(dice: random.Random) -> str:
    value = str(uuid.UUID(int=dice.getrandbits(128), version=dice.choice([1, 4, 5])))
    return dice.choice([value, value.upper(), value.replace("-", "")])


def imei(dice: random.Random) -> str:
    number = add_luhn(dice.choice(["35", "86", "01"]) + digits(dice, 12))
    return dice.choice([number, group(number, 2, 6, 6, 1, by="-"), group(number, 2, 6, 6, 1, by=" ")])


def token(dice: random.Random) -> str:
    return "".join(dice.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(24))


def json_web_token(dice: random.Random) -> str:
    return f"eyJ{token(dice)}.eyJ{token(dice)}.{token(dice)}"


def name_ja(dice: random.Random) -> str:
    suffix = dice.choice(["様", "さん", "氏", "君", "殿"])
    family, given = pick(dice, FAMILY), pick(dice, GIVEN)
    kanji = dice.choice([family, family, family + given, f"{family} {given}"]) + suffix
    kana = pick(dice, KANA) + dice.choice(["さん", "様", "くん"])
    return dice.choice([kanji, kanji, kanji, kana, f"{pick(dice, LATIN)}{dice.choice(['さん', '様'])}"])


def name_en(dice: random.Random) -> str:
    title = dice.choice(["Mr.", "Mrs.", "Ms.", "Dr.", "Mr", "Ms", "Dr", "Prof."])
    return f"{title} {dice.choice(['', 'Ken ', 'Anna '])}{pick(dice, LATIN)}"
