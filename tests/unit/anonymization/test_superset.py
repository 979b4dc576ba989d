"""A derived regex matches wherever its pattern does; what cannot be derived says so."""

import inspect

import polars as pl
import pytest
import regex
from presidio_analyzer import PatternRecognizer, predefined_recognizers

from anonymization.superset import NoSupersetError, derive_superset

ASCII = regex.ASCII | regex.IGNORECASE | regex.DOTALL | regex.MULTILINE
UNICODE = regex.IGNORECASE | regex.DOTALL | regex.MULTILINE
NO_FLAGS = 0
CHARACTERS = pl.Series([chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000])


def fires(pattern: str, flags: int, text: str) -> bool:
    return bool(pl.Series([text]).str.contains(derive_superset(pattern, flags))[0])


@pytest.mark.parametrize(
    ("pattern", "flags", "text"),
    [
        (r"(?<!\d)090\d{4}(?!\d)", ASCII, "電話0901234です"),
        (r"(?<!\w)x1(?!\w)", ASCII, "あx1あ"),
        (r"(?<![\w.])x1", ASCII, "ーx1"),
        (r"\bx1\b", ASCII, "はx1です"),
        (r"\bx1\b", UNICODE, "、x1、"),
        (r"(?:\bx\d)", ASCII, "あx1"),
        (r"([0-9a-f]{2})([:-])(?:[0-9a-f]{2}\2){2}", ASCII, "AA-bb-0c-"),
        (r"(k)(?i:\1)", NO_FLAGS, "kK"),
        (r"(?P<a>s)(?P=a)", UNICODE, "ſS"),
        (r"k", UNICODE, "\u212a"),
        (r"[^\W\d_]+1", UNICODE, "漢字1"),
        (r"\d{4}", UNICODE, "１２３４"),
        (r"a.b", regex.DOTALL, "a\nb"),
        (r"^foo$", regex.MULTILINE, "x\nfoo\ny"),
        (r"a (?# comment) b [ ] \  c", regex.VERBOSE, "ab  c"),
        (r"(?x) a   b", NO_FLAGS, "ab"),
        (r"(?i)straße", NO_FLAGS, "STRAßE"),
        (r"x*?yz{2,}+(?>w|wv)u?", NO_FLAGS, "yzzzw"),
        (r"(?<=口座(?:番号|[ :は]){0,6})\d{7}", ASCII, "口座番号は: 1234567"),
        (r"\d{7}(?=\s?が口座)", ASCII, "1234567 が口座"),
        (r"(?:^|(?<=\W))(foo|bar)(?:(?=\W)|$)", UNICODE, "(bar)"),
        (r"[[:alpha:]]{3}", NO_FLAGS, "äöü"),
        (r"\p{Han}+様", NO_FLAGS, "山田様"),
        (r"a{0}b|(?:c){1}d?", NO_FLAGS, "c"),
        (r"[a\-z]&&[~]--", NO_FLAGS, "-&&~--"),
        (r"x{1,256}@y{1,63}", NO_FLAGS, f"{'x' * 300}@{'y' * 70}"),
        (r"(?!1\d{3})\d{4}", ASCII, "2123"),
        (r"\Aab\Z", NO_FLAGS, "ab"),
        (r"a|", NO_FLAGS, ""),
    ],
)
def test_superset_matches_what_the_pattern_matches(pattern: str, flags: int, text: str):
    assert regex.search(pattern, text, flags=flags)
    assert fires(pattern, flags, text)


@pytest.mark.parametrize(
    ("pattern", "flags", "text"),
    [
        (r"(?<!\d)090\d{4}(?!\d)", ASCII, "109012345"),
        (r"\bx1\b", ASCII, "ax1a"),
        (r"(?<=口座)\d{7}", ASCII, "商品1234567"),
        (r"\d{7}(?=円)", ASCII, "1234567個"),
        (r"\d{4}", ASCII, "１２３４"),
        (r"Mr", NO_FLAGS, "mr"),
        (r"(?<!a)(?<=b)c", NO_FLAGS, "xc"),
    ],
)
def test_superset_keeps_what_tells_texts_apart(pattern: str, flags: int, text: str):
    assert not fires(pattern, flags, text)


@pytest.mark.parametrize(
    ("pattern", "flags"),
    [
        (r"(?:abc){e<=1}", NO_FLAGS),
        (r"(a)?(?(1)b|c)", NO_FLAGS),
        (r"(a(?1)?b)", NO_FLAGS),
        (r"(a\1?)", regex.VERSION1),
        (r"(?|(a)|(b))\1", NO_FLAGS),
        (r"(?:b\1|(a))+", NO_FLAGS),
        (r"\X", NO_FLAGS),
        (r"(?fi)straße", NO_FLAGS),
        (r"(?V1)[a--b]", NO_FLAGS),
        (r"(?r)ab", NO_FLAGS),
        (r"(?b)ab", NO_FLAGS),
        (r"[^\x00-\U0010ffff]", NO_FLAGS),
        (r"(?:[^a]{900}){900}b", NO_FLAGS),
    ],
)
def test_pattern_without_a_superset_says_so(pattern: str, flags: int):
    with pytest.raises(NoSupersetError):
        derive_superset(pattern, flags)


@pytest.mark.parametrize("flags", [ASCII, UNICODE])
@pytest.mark.parametrize(
    "source", [r"\d", r"\w", r"\W", r"\S", "[^a-f]", "[k-sµ]", "K", "ß", "[Σ-ω]", r"[\s\d_]", "様", "İ"]
)
def test_class_has_the_members_that_the_engine_gives_it(source: str, flags: int):
    matched = CHARACTERS.filter(CHARACTERS.str.contains(derive_superset(source, flags)))

    assert "".join(matched) == "".join(regex.findall(source, "".join(CHARACTERS), flags=flags))


def test_every_pattern_that_presidio_ships_has_a_superset():
    classes = [kind for kind in vars(predefined_recognizers).values() if inspect.isclass(kind)]
    shipped = [kind() for kind in classes if issubclass(kind, PatternRecognizer) and kind is not PatternRecognizer]
    derived = [derive_superset(item.regex, owner.global_regex_flags) for owner in shipped for item in owner.patterns]

    assert len(derived) > 150
