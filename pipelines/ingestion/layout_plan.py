"""A layout as the two ways to read its lines: an exact pattern, and the splits that read most lines without one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from pipelines.contracts.formats import Format
from pipelines.contracts.layout import SPACE, Token, Variable, find_separator

QUOTE, BRACKET = '"', "["


@dataclass(frozen=True, slots=True)
class Word:
    """What stands between two separators. piece_count: 2 for a time of the common log format, which holds a space."""

    tokens: tuple[Token, ...]
    piece_count: int = 1

    @property
    def is_fixed(self) -> bool:
        return not any(isinstance(token, Variable) for token in self.tokens)

    @property
    def text(self) -> str:
        return "".join(token for token in self.tokens if isinstance(token, str))


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two quotes of a line: a whole quoted value, or words."""

    words: tuple[Word, ...]
    is_quoted: bool
    value: Variable | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Both ways of one layout. columns: what each wanted variable fills, in the order of the pattern's groups."""

    pattern: str
    columns: dict[str, str]
    segments: tuple[Segment, ...]
    separator: str
    open_ended: bool


@cache
def plan_layout(declared: Format) -> Plan:
    """The plan of a text format; a variable is named by its first occurrence."""
    wanted = {field.keys[0]: field for field in declared.fields}
    columns = {
        token.name: wanted[token.name].column
        for token in declared.tokens
        if isinstance(token, Variable) and token.name in wanted
    }
    separator = find_separator(declared.tokens)
    spaced = frozenset(name for name, field in wanted.items() if field.written == "clf" and separator == SPACE)
    return Plan(
        pattern=_write_pattern(declared, columns, separator, spaced),
        columns=columns,
        segments=tuple(_cut_segments(declared.tokens, separator, spaced)),
        separator=separator,
        open_ended=declared.open_ended,
    )


def _write_pattern(declared: Format, columns: dict[str, str], separator: str, spaced: frozenset[str]) -> str:
    parts, quote_count, named = [], 0, set()
    padded = ("", *declared.tokens, "")
    for before, token, after in zip(padded, padded[1:], padded[2:], strict=False):
        if isinstance(token, str):
            parts.append(re.escape(token))
            quote_count += token.count(QUOTE)
            continue
        stop = str(after)[:1] or separator
        value = _match_quoted(stop) if quote_count % 2 else _match_bare(token, str(before)[-1:], stop, columns, spaced)
        is_wanted = token.name in columns and token.name not in named
        parts.append(f"({value})" if is_wanted else f"(?:{value})")
        named.add(token.name)
    tail = f"(?:{re.escape(separator)}.*)?" if declared.open_ended else ""
    return f"^{''.join(parts)}{tail}$"


def _match_quoted(stop: str) -> str:
    """Up to the closing quote or, among several values, up to what follows; nothing escaped ends it."""
    ending = "" if stop == QUOTE else re.escape(stop)
    return rf'(?:[^"\\{ending}]|\\.)*'


def _match_bare(token: Variable, before: str, stop: str, columns: dict[str, str], spaced: frozenset[str]) -> str:
    ending = r"\s" if stop == SPACE else re.escape(stop)  # what ends at a space holds no other white space either
    one = f'[^"{ending}{re.escape(BRACKET) if before == BRACKET else ""}]+'
    if stop != SPACE:
        return one
    if token.name in spaced:
        return f"{one} {one}"
    return f"{one}(?:, {one})*" if columns.get(token.name) == "forwarded_for" else one


def _cut_segments(tokens: Sequence[Token], separator: str, spaced: frozenset[str]) -> Iterator[Segment]:
    segments: list[list[Token]] = [[]]
    for token in tokens:
        first, *others = token.split(QUOTE) if isinstance(token, str) else (token,)
        segments[-1] += [first] if first else []
        segments += [[other] if other else [] for other in others]
    for place, inside in enumerate(segments):
        is_quoted = place % 2 == 1
        value = inside[0] if is_quoted and len(inside) == 1 and isinstance(inside[0], Variable) else None
        yield Segment(tuple(_cut_words(inside, separator, spaced)), is_quoted, value)


def _cut_words(tokens: Sequence[Token], separator: str, spaced: frozenset[str]) -> Iterator[Word]:
    words: list[list[Token]] = [[]]
    for token in tokens:
        first, *others = token.split(separator) if isinstance(token, str) else (token,)
        words[-1] += [first] if first else []
        words += [[other] if other else [] for other in others]
    for word in words:
        holds_time = any(isinstance(token, Variable) and token.name in spaced for token in word)
        yield Word(tuple(word), 2 if holds_time else 1)
