"""What a value in a contract must be: in words for the person who corrects it, and as a test for the lint."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

Name = TypeVar("Name", bound=Hashable)
# Alternatives would each need their own anchors, flags can turn $ into the end of a line, and ^* need not match.
ANCHORED = re.compile(r"\^(?![*?+{])(?:\\.|[^\\|(]|\((?!\?)|\(\?:)*\$")


@dataclass(frozen=True, slots=True)
class Shape:
    """Completes the sentence "must be …", and tells whether a value is that; never fails on any value of YAML."""

    words: str
    fits: Callable[[Any], bool]


def one_of(*choices: str) -> Shape:
    """One of some names."""
    return Shape(f"one of {', '.join(sorted(choices))}", lambda value: isinstance(value, str) and value in choices)


def whole_number(minimum: int, maximum: int) -> Shape:
    """An integer between two others; true and false are none."""
    return Shape(
        f"a whole number from {minimum} to {maximum}",
        lambda value: _is_whole(value) and minimum <= value <= maximum,
    )


def list_of(item: Shape, words: str) -> Shape:
    """A list that is not empty, of items that all have one shape."""
    return Shape(words, lambda value: isinstance(value, list) and bool(value) and all(map(item.fits, value)))


def mapping_of(**fields: Shape) -> Shape:
    """A mapping with exactly these keys."""
    return Shape(
        f"a mapping of {', '.join(fields)}",
        lambda value: (
            isinstance(value, Mapping)
            and value.keys() == fields.keys()
            and all(shape.fits(value[name]) for name, shape in fields.items())
        ),
    )


def records(**fields: Shape) -> Shape:
    """A list of mappings with exactly these keys."""
    item = mapping_of(**fields)
    return list_of(item, f"a list, each item {item.words}")


def repeated(names: Iterable[Name]) -> list[Name]:
    """The names that occur more than once, in order of appearance."""
    return [name for name, count in Counter(names).items() if count > 1]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_range(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]


def _is_power_of_two(value: object) -> bool:
    return isinstance(value, int) and _is_whole(value) and 2 <= value <= 256 and value.bit_count() == 1


TEXT = Shape("a text", _is_text)
FLAG = Shape("true or false", lambda value: isinstance(value, bool))
NUMBER = Shape("a number", _is_number)
RANGE = Shape("two numbers, the smaller first", _is_range)
# YAML reads an unquoted yes, no, on or off as true or false, which equals no text.
TEXT_OR_WHOLE_NUMBER = Shape("a text or a whole number", lambda value: isinstance(value, str) or _is_whole(value))
NAMES = list_of(TEXT, "a list of names")
ANY_NAMES = Shape("a list of names, which may be empty", lambda value: value == [] or NAMES.fits(value))
VALUES = list_of(TEXT_OR_WHOLE_NUMBER, "a list of texts or whole numbers")
POWER_OF_TWO = Shape("a power of two from 2 to 256", _is_power_of_two)
NOTHING = Shape("absent", lambda value: value == {})
ANCHORED_PATTERN = Shape(
    "a pattern anchored by ^ and $, without alternatives or flags",
    lambda value: isinstance(value, str) and ANCHORED.fullmatch(value) is not None,
)
