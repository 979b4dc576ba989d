"""Rust regexes by which Polars passes over what no recogniser could match, derived from the patterns' syntax trees.

A derived regex finds something in every text in which the pattern finds something, and may find more: zero-width
assertions vanish, except at the two ends, where what they say of one neighbour becomes a character to consume;
a back-reference becomes its group; atomic and possessive become plain. What a character class contains is not
reasoned about: the engine that Presidio uses is asked about every code point, so that flags, case folding and Unicode
versions mean there what they mean here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from typing import Any

import polars as pl
import regex

from anonymization.errors import AnonymizationError

# The parser of the engine itself: the standard library reads fuzzy constraints and POSIX classes as other patterns.
syntax: Any = import_module("regex._regex_core")
Node = Any

KNOWN_FLAGS = (
    regex.ASCII | regex.UNICODE | regex.IGNORECASE | regex.MULTILINE | regex.DOTALL | regex.VERBOSE | regex.VERSION0
)
ANY = "(?s:.)"
FEW = 0x300  # code points from the first that are always candidates
GAP = "\ud800"  # in no text of Polars, and in no class that lists its members
LOOSE = 8  # copies beyond the fewest that a bounded repeat keeps; more make a large automaton for little


class NoSupersetError(AnonymizationError):
    """A pattern says something for which no superset is known; its recogniser must see every text."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Whether nothing of the pattern comes before, or after: there a neighbour may be consumed and a repeat cut."""

    leads: bool = False
    trails: bool = False


@dataclass(frozen=True, slots=True)
class _Derivation:
    """What holds for a whole pattern while it is derived."""

    encoding: int  # ASCII or UNICODE, as a flag
    folded: int = 0  # case flags of the back-reference inside which we are
    groups: dict[int, list[Node]] = field(default_factory=dict)


def derive_superset(pattern: str, flags: int) -> str:
    """A Rust regex that matches within every text in which `regex` finds the pattern under these flags.

    Raises NoSupersetError when there is none that Polars can run.
    """
    parsed, flags = _parse(pattern, int(flags))
    if flags & ~KNOWN_FLAGS:
        raise NoSupersetError("a flag is set under which patterns mean something else")
    superset = _derive(parsed, _Derivation(flags & regex.ASCII or regex.UNICODE), _Place(leads=True, trails=True))
    if not is_runnable(superset):
        raise NoSupersetError("the superset is too large for Polars")
    return superset


@cache
def is_runnable(superset: str) -> bool:
    """False for a Rust regex that Polars refuses, mostly for its size."""
    try:
        pl.Series([""]).str.contains(superset)
    except pl.exceptions.ComputeError:
        return False
    return True


def _parse(pattern: str, flags: int) -> tuple[Node, int]:
    """The syntax tree, and the flags with those that the pattern sets itself; as `regex.compile` does it."""
    while True:
        source, info = syntax.Source(pattern), syntax.Info(flags, str, {})
        info.guess_encoding = regex.UNICODE
        source.ignore_space = bool(info.flags & regex.VERBOSE)
        try:
            parsed = syntax._parse_pattern(source, info)  # noqa: SLF001
            break
        except syntax._UnscopedFlagSet:  # noqa: SLF001
            flags = info.global_flags
    parsed.fix_groups(pattern, bool(info.flags & regex.REVERSE), False)  # noqa: FBT003
    return parsed, info.flags


def _derive(node: Node, work: _Derivation, place: _Place) -> str:
    if _is_zero_width(node):
        return ""
    rule = _RULES.get(type(node))  # of exactly this type: some subclasses mean more
    if rule is None:
        raise NoSupersetError(f"no rule for {type(node).__name__}")
    return rule(node, work, place)


def _derive_sequence(node: Node, work: _Derivation, place: _Place) -> str:
    items = list(node.items)
    before, items = _take_edge(items, work, leads=True) if place.leads else ("", items)
    after, items = _take_edge(items, work, leads=False) if place.trails else ("", items)
    last = len(items) - 1
    parts = [
        _derive(
            item,
            work,
            _Place(place.leads and index == 0 and not before, place.trails and index == last and not after),
        )
        for index, item in enumerate(items)
    ]
    return "".join([before, *parts, after])


def _take_edge(items: list[Node], work: _Derivation, *, leads: bool) -> tuple[str, list[Node]]:
    """What the zero-width items at one end say about the text beside them, and the items without them.

    A repeat at a bare end is left out if it may be empty: whatever it matches, the rest matches without it.
    """
    items = items if leads else items[::-1]
    wanted = unwanted = boundary = ""
    while items:
        if _is_zero_width(items[0]):
            wanted = wanted or _consume_wanted(items[0], work, leads=leads)
            unwanted = unwanted or _consume_other(items[0], work, leads=leads)
            boundary = boundary or _keep_boundary(items[0], work)
        elif wanted or unwanted or boundary or not _is_optional(items[0]):
            break
        items = items[1:]
    beside = wanted or unwanted
    return (beside + boundary, items) if leads else (boundary + beside, items[::-1])


def _is_zero_width(node: Node) -> bool:
    return isinstance(node, syntax.ZeroWidthBase | syntax.LookAround)


def _is_optional(node: Node) -> bool:
    return bool(getattr(node, "min_count", 1) == 0)


def _consume_wanted(node: Node, work: _Derivation, *, leads: bool) -> str:
    """The text that a look-around at an end demands beyond that end."""
    if not isinstance(node, syntax.LookAround) or node.behind != leads or not node.positive:
        return ""
    return _derive(node.subpattern, work, _Place(leads=leads, trails=not leads))


def _consume_other(node: Node, work: _Derivation, *, leads: bool) -> str:
    """Any neighbour but the one that a look-around of one character forbids; nothing for a longer one."""
    if not isinstance(node, syntax.LookAround) or node.behind != leads or node.positive:
        return ""
    inner = getattr(node.subpattern, "items", [node.subpattern])
    members = _members(inner[0], work) if len(inner) == 1 else None
    if members is None:
        return ""
    return rf"(?:\A|[^{members}])" if leads else rf"(?:[^{members}]|\z)"


def _keep_boundary(node: Node, work: _Derivation) -> str:
    # Unicode's \b is left out: Rust and Python need not agree on what a letter is.
    if type(node) is not syntax.Boundary or not node.positive or work.encoding != regex.ASCII:
        return ""
    return r"(?-u:\b)" if node.encoding in (0, syntax.ASCII_ENCODING) else ""


def _derive_branch(node: Node, work: _Derivation, place: _Place) -> str:
    return "(?:" + "|".join(_derive(branch, work, place) for branch in node.branches) + ")"


def _derive_repeat(node: Node, work: _Derivation, place: _Place) -> str:
    fewest, most = node.min_count, node.max_count
    if place.leads or place.trails:
        most = fewest
    if fewest == most == 1:
        return _derive(node.subpattern, work, place)
    if most is not None and most - fewest > LOOSE:
        most = None
    counts = f"{{{fewest}}}" if fewest == most else f"{{{fewest},{'' if most is None else most}}}"
    return f"(?:{_derive(node.subpattern, work, _Place())}){counts}"


def _derive_group(node: Node, work: _Derivation, place: _Place) -> str:
    derived = _derive(node.subpattern, work, place)
    work.groups.setdefault(node.group, []).append(node.subpattern)
    return derived


def _derive_atomic(node: Node, work: _Derivation, place: _Place) -> str:
    return _derive(node.subpattern, work, place)


def _derive_reference(node: Node, work: _Derivation, _: _Place) -> str:
    """The whole group again, in any case where the reference ignores case."""
    groups = work.groups.get(node.group, [])
    if len(groups) != 1:
        raise NoSupersetError("a back-reference is to no group that is closed, or to several")
    return _derive(groups[0], replace(work, folded=work.folded | node.case_flags, groups={}), _Place())


def _derive_characters(node: Node, work: _Derivation, _: _Place) -> str:
    members = _members(node, work)
    return ANY if members is None else f"[{members}]"


def _members(node: Node, work: _Derivation) -> str | None:
    """The code points that a node of one character matches, as the inside of a Rust class; None when unknown."""
    inside = _spell_inside(node, work.encoding)
    if inside is None:
        return None
    negated = not node.positive and type(node) is not syntax.Property  # whose escapes have their negation in them
    members = _ask_engine(inside, work.encoding | node.case_flags, negated=negated)
    return _ask_engine(members, work.encoding | work.folded) if work.folded else members


def _spell_inside(node: Node, encoding: int) -> str | None:
    """What stands between the brackets of a class; None when it is nothing that can be spelled anew."""
    if type(node) is syntax.Character:
        return _spell(node.value)
    if type(node) is syntax.Range:
        return f"{_spell(node.lower)}-{_spell(node.upper)}"
    if type(node) is syntax.Property:
        return _escapes(encoding).get((node.value, node.positive, node.encoding))
    if type(node) is not syntax.SetUnion:
        return None
    parts = [_spell_inside(item, encoding) for item in node.items if item.positive or type(item) is syntax.Property]
    known = [part for part in parts if part is not None]
    return "".join(known) if len(known) == len(node.items) else None


@cache
def _escapes(encoding: int) -> Mapping[tuple[int, bool, int], str]:
    r"""Which of \d, \s, \w and their opposites a property is, if it is meant in the encoding of its pattern.

    Within (?:...) the parser leaves the encoding open, which then is that of the pattern.
    """
    own = syntax.ASCII_CHARSET_ESCAPES if encoding == regex.ASCII else syntax.UNICODE_CHARSET_ESCAPES
    return {
        (node.value, node.positive, node.encoding): f"\\{letter}"
        for letter, node in (*own.items(), *syntax.CHARSET_ESCAPES.items())
        if letter in "dDsSwW"
    }


def _spell(code_point: int) -> str:
    return f"\\U{code_point:08x}"


@cache
def _ask_engine(inside: str, flags: int, *, negated: bool = False) -> str:
    """The members of a class as ranges: exactly the code points at which the engine finds it."""
    ends = [int(code_point, 16) for code_point in regex.findall(r"\\U(.{8})", inside)]
    is_listed = not negated and not regex.search(r"\\[dDsSwW]", inside)
    if is_listed and max(ends) < FEW:
        candidates = _likely_characters()
    elif is_listed and min(ends) == max(ends):
        candidates = f"{_likely_characters()}{GAP}{chr(ends[0])}"
    else:
        candidates = _every_character()
    source = f"[{'^' if negated else ''}{inside}]+"
    runs: list[str] = regex.findall(source, candidates, flags=flags | regex.VERSION0)
    if not runs:
        raise NoSupersetError("a class has no member")
    return "".join(f"{_spell(ord(run[0]))}-{_spell(ord(run[-1]))}" for run in runs)


@cache
def _every_character() -> str:
    return "".join(map(chr, (*range(0xD800), *range(0xE000, sys.maxunicode + 1))))


@cache
def _likely_characters() -> str:
    """The first code points, and all that any other may match when case is ignored; a gap in them is marked."""
    cased = regex.findall(r"[\p{Changes_When_Casemapped}\p{Changes_When_Casefolded}]", _every_character())
    characters = sorted({*map(chr, range(FEW)), *cased})
    pairs = zip(characters, [*characters[1:], ""], strict=True)
    return "".join(one if following == chr(ord(one) + 1) else one + GAP for one, following in pairs)


_RULES: Mapping[type, Callable[[Node, _Derivation, _Place], str]] = {
    syntax.Sequence: _derive_sequence,
    syntax.Branch: _derive_branch,
    syntax.Group: _derive_group,
    syntax.Atomic: _derive_atomic,
    syntax.RefGroup: _derive_reference,
    **dict.fromkeys((syntax.GreedyRepeat, syntax.LazyRepeat, syntax.PossessiveRepeat), _derive_repeat),
    **dict.fromkeys((syntax.Character, syntax.Range, syntax.Property, syntax.SetUnion), _derive_characters),
    **dict.fromkeys((syntax.Any, syntax.AnyAll, syntax.AnyU), _derive_characters),
    **dict.fromkeys((syntax.SetDiff, syntax.SetInter, syntax.SetSymDiff), _derive_characters),
}
