"""Lines of any nginx or Apache layout, by splits where these tell everything, else by the layout's exact pattern.

The splits only say yes where the pattern would find the same; every other line is left to the pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_

import polars as pl

from pipelines.contracts.formats import Format
from pipelines.contracts.layout import SPACE, Variable
from pipelines.contracts.model import Contract
from pipelines.ingestion.layout_plan import BRACKET, QUOTE, Plan, Segment, Word, plan_layout
from pipelines.ingestion.reject import Reason
from pipelines.ingestion.values import find_printable, read_values

ESCAPE = "\\"


class Splits:
    """What splitting found so far: the texts of columns, and for each line whether everything is where it must be."""

    def __init__(self, plan: Plan, height: int) -> None:
        self.columns = plan.columns
        self.texts: dict[str, pl.Series] = {}
        self.conditions = [pl.repeat(True, height, dtype=pl.Boolean, eager=True)]  # noqa: FBT003 - a value

    def require(self, condition: pl.Series) -> None:
        self.conditions.append(condition)

    def take(self, variable: Variable, text: pl.Series) -> None:
        """The first occurrence of a wanted variable."""
        if variable.name in self.columns:
            self.texts.setdefault(self.columns[variable.name], text)

    def finish(self) -> tuple[pl.DataFrame, pl.Series]:
        frame = pl.DataFrame({column: self.texts[column] for column in self.columns.values()})
        return frame, reduce(and_, self.conditions).fill_null(value=False)


def read_text_lines(lines: pl.Series, declared: Format, contract: Contract) -> tuple[pl.DataFrame, pl.Series]:
    """The source's columns of every line, and a reason where a line cannot be used (else null), aligned."""
    plan = plan_layout(declared)
    texts, is_read = split_quickly(lines, plan)
    if not is_read.all():
        texts, is_read = _add_exact(lines, plan, texts, is_read)
    fields = {field.column: field for field in declared.fields}
    rows, reasons = read_values(texts, fields, contract, declared.timezone, Reason.MALFORMED_LINE)
    return rows, reasons.scatter((~is_read).arg_true(), Reason.MALFORMED_LINE.value)


def split_exactly(lines: pl.Series, plan: Plan) -> tuple[pl.DataFrame, pl.Series]:
    """The text of each column by the pattern, and whether it matches; what the pattern says is what is true."""
    groups = lines.str.extract_groups(plan.pattern).struct.unnest()
    texts = groups.rename(dict(zip(groups.columns, plan.columns.values(), strict=True)))
    return texts, texts.to_series().is_not_null()


def _add_exact(lines: pl.Series, plan: Plan, texts: pl.DataFrame, is_read: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
    """Lines that were not split get what the pattern finds."""
    places = (~is_read).arg_true()
    exact, matches = split_exactly(lines[places], plan)
    columns = [column.scatter(places, exact[column.name]) for column in texts]
    return pl.DataFrame(columns), is_read.scatter(places, matches)


def split_quickly(lines: pl.Series, plan: Plan) -> tuple[pl.DataFrame, pl.Series]:
    """The text of each column by splits, and whether it may be trusted; where not, the text is anything."""
    splits = Splits(plan, len(lines))
    *pieces, beyond = _split(lines, QUOTE, len(plan.segments))
    if not plan.open_ended:
        splits.require(beyond.is_null())
    for segment, text in zip(plan.segments[:-1], pieces[:-1], strict=True):
        _read_segment(splits, segment, text, plan.separator)
    _read_last(splits, plan, pieces[-1], beyond.is_null())
    return splits.finish()


def _split(texts: pl.Series, by: str, count: int) -> Sequence[pl.Series]:
    """The first count pieces of each text and what comes next; null where there are not so many."""
    return texts.str.split_exact(by, count).struct.unnest().get_columns()


def _read_segment(splits: Splits, segment: Segment, text: pl.Series, separator: str) -> None:
    if segment.value is not None:
        # A quote that is escaped has a backslash before it.
        splits.require(~text.str.ends_with(ESCAPE))
        splits.take(segment.value, text)
    elif all(word.is_fixed for word in segment.words):
        splits.require(text == separator.join(word.text for word in segment.words))
    else:
        splits.require(_read_words(splits, segment, text, separator).is_null())


def _read_last(splits: Splits, plan: Plan, text: pl.Series, is_end: pl.Series) -> None:
    """What follows the last quote, and where the layout is open-ended anything after a separator."""
    segment = plan.segments[-1]
    if not plan.open_ended:
        _read_segment(splits, segment, text, plan.separator)
    elif all(word.is_fixed for word in segment.words):
        fixed = plan.separator.join(word.text for word in segment.words)
        splits.require(((text == fixed) & is_end) | text.str.starts_with(fixed + plan.separator))
    else:
        splits.require(_read_words(splits, segment, text, plan.separator).is_not_null() | is_end)


def _read_words(splits: Splits, segment: Segment, text: pl.Series, separator: str) -> pl.Series:
    """Take each word of a segment; returns what follows the last one, null where nothing does."""
    if segment.is_quoted:
        splits.require(~text.str.contains(ESCAPE, literal=True))
    *pieces, beyond = _split(text, separator, sum(word.piece_count for word in segment.words))
    splits.require(pieces[-1].is_not_null())
    place = 0
    for word in segment.words:
        own = pieces[place : place + word.piece_count]
        if word.piece_count > 1:
            splits.conditions += [part != "" for part in own]
        piece = own[0] if len(own) == 1 else pl.select(pl.concat_str(own, separator=separator)).to_series()
        _read_word(splits, word, piece, is_quoted=segment.is_quoted, separator=separator)
        place += word.piece_count
    return beyond


def _read_word(splits: Splits, word: Word, piece: pl.Series, *, is_quoted: bool, separator: str) -> None:
    """Take the values of one word, each up to the text that follows it."""
    if word.is_fixed:
        splits.require(piece == word.text)
        return
    rest, before = piece, ""
    for token, after in zip(word.tokens, (*word.tokens[1:], ""), strict=True):
        if isinstance(token, Variable):
            value, rest = _cut(splits, rest, str(after)) if after else (rest, rest)
            if not is_quoted:
                _require_bare(splits, value, before, may_hold_white_space=bool(after) or separator != SPACE)
            splits.take(token, value)
        elif rest is piece:
            splits.require(rest.str.starts_with(token))
            rest = rest.str.strip_prefix(token)
        before = token if isinstance(token, str) else ""
    if isinstance(word.tokens[-1], str):
        splits.require(rest == "")


def _require_bare(splits: Splits, value: pl.Series, before: str, *, may_hold_white_space: bool) -> None:
    """A value outside of quotes is something, and opens no second bracket."""
    splits.require(value != "")
    if not may_hold_white_space:
        splits.require(find_printable(value))
    if before.endswith(BRACKET):
        splits.require(~value.str.contains(BRACKET, literal=True))


def _cut(splits: Splits, text: pl.Series, by: str) -> Sequence[pl.Series]:
    """The text before a fixed text and the one after it; a value never holds how the fixed text begins."""
    value, rest = text.str.splitn(by, 2).struct.unnest().get_columns()
    if len(by) > 1:
        splits.require(~value.str.contains(by[0], literal=True))
    return value, rest
