"""What people write in their own words; some of them tell how to reach them, in the spelling of their keyboard."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from pipelines.synthetic.chance import Stream, pick
from pipelines.synthetic.vocabulary import read_lines, read_rows

_COMMENT_SHARE = 0.40
_CONFIDING_SHARE = 0.25  # of the comments that members write
_TO_FULL_WIDTH = {ord(narrow): ord(narrow) + 0xFEE0 for narrow in "0123456789-"}

_SPELLINGS: dict[str, tuple[Callable[[str], str], ...]] = {
    "email": (str, str, str, lambda email: email.replace("@", "＠")),
    "phone": (
        str,
        lambda phone: phone.replace("-", ""),
        lambda phone: f"+81 {phone[1:]}",
        lambda phone: phone.translate(_TO_FULL_WIDTH),
    ),
    "full_name": (str,),
}


def write_comments(stream: Stream, people: pl.DataFrame) -> pl.DataFrame:
    """For each person a `comment` or null, in their `language`, and the `identifier` inside it or null."""
    chances = stream.random((people.height, 2)).tolist()
    rows = [
        _write_comment(stream, person, confides=bool(person["user_id"]) and confides < _CONFIDING_SHARE)
        if comments < _COMMENT_SHARE
        else (None, None)
        for person, (comments, confides) in zip(people.to_dicts(), chances, strict=True)
    ]
    return pl.DataFrame(rows, schema={"comment": pl.String, "identifier": pl.String}, orient="row")


def _write_comment(stream: Stream, person: dict[str, str], *, confides: bool) -> tuple[str, str | None]:
    if not confides:
        return pick(stream, read_lines(f"comments_{person['language']}.txt")), None
    templates = [row[1:] for row in read_rows("confiding_comments.tsv") if row[0] == person["language"]]
    field, text = pick(stream, templates)
    identifier = pick(stream, _SPELLINGS[field])(person[field])
    return text.format(identifier), identifier
