"""Accept-Language headers and locales to one primary language subtag."""

from __future__ import annotations

import re

import polars as pl

OTHER, ANY = "(other)", "*"
LISTED = """
ar bn cs da de el en es fa fi fil fr he hi hu id it ja ko ms my nb nl no pl pt ro ru sv th tr uk ur vi zh
"""
LANGUAGES = frozenset(LISTED.split())
# What the registry of BCP 47 has withdrawn, and Java and old systems still send.
RENAMED = {"in": "id", "iw": "he", "mo": "ro"}
MAXIMUM_LENGTH = 200
BLANK = " \t"  # RFC 9110, 5.6.3
SUBTAG = re.compile(r"[a-z]{1,8}|\*")  # RFC 4647, 2.1
QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def reduce_languages(headers: pl.Series) -> pl.DataFrame:
    """Column language of distinct headers, aligned with the input: the preferred primary subtag.

    The highest quality wins, of equals the first, and any language (*) only alone (RFC 9110, 12.5.4). A range or a
    quality that cannot be read, and a quality of 0, leave their range out. Null when no language is preferred,
    (other) when the preferred one is not on the list.
    """
    return pl.DataFrame({"language": [_reduce(header) for header in headers.to_list()]}, schema={"language": pl.String})


def _reduce(header: str | None) -> str | None:
    if header is None:
        return None
    ranges = header[:MAXIMUM_LENGTH].split(",")
    if len(header) > MAXIMUM_LENGTH:
        ranges.pop()  # cut within a range, whose quality is therefore unknown
    ranked = [_rank(part) for part in ranges]
    quality, subtag = max(ranked, key=lambda item: (item[0], item[1] != ANY), default=(0.0, ANY))
    if quality <= 0 or subtag == ANY:
        return None
    return subtag if subtag in LANGUAGES else OTHER


def _rank(part: str) -> tuple[float, str]:
    tag, mark, parameter = part.partition(";")
    subtag = re.split(r"[-_]", tag.strip(BLANK).lower(), maxsplit=1)[0]
    if not SUBTAG.fullmatch(subtag):
        return 0.0, ANY
    quality = QUALITY.fullmatch(parameter.translate({ord(blank): None for blank in BLANK}).lower())
    weight = 1.0 if not mark else float(quality[1]) if quality else 0.0
    return weight, RENAMED.get(subtag, subtag)
