"""Accept-Language headers and locales to one primary language subtag."""

from __future__ import annotations

import re

import polars as pl

OTHER, ANY = "(other)", "*"
LISTED = """
ar bn cs da de el en es fa fi fil fr he hi hu id it ja ko ms my nb nl no pl pt ro ru sv th tr uk ur vi zh
"""
LANGUAGES = frozenset(LISTED.split())
MAXIMUM_LENGTH = 200
QUALITY = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def reduce_languages(headers: pl.Series) -> pl.DataFrame:
    """Column language of distinct headers, aligned with the input: the preferred primary subtag.

    The highest quality wins, of equals the first (RFC 9110, 12.5.4); a range whose quality cannot be read is left out.
    Null when no language is preferred, (other) when the preferred one is not on the list.
    """
    return pl.DataFrame({"language": [_reduce(header) for header in headers.to_list()]}, schema={"language": pl.String})


def _reduce(header: str | None) -> str | None:
    if header is None or not header.strip() or header.strip() == "-":
        return None
    ranges = header[:MAXIMUM_LENGTH].split(",")
    if len(header) > MAXIMUM_LENGTH:
        ranges.pop()  # cut within a range, whose quality is therefore unknown
    quality, subtag = max((_rank(part) for part in ranges), key=lambda item: item[0], default=(0.0, ANY))
    if quality <= 0 or subtag == ANY:
        return None
    return subtag if subtag in LANGUAGES else OTHER


def _rank(part: str) -> tuple[float, str]:
    tag, _, parameter = part.partition(";")
    subtag = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    if not subtag:
        return 0.0, subtag
    if not parameter.strip():
        return 1.0, subtag
    quality = QUALITY.fullmatch(parameter.replace(" ", "").lower())
    return (float(quality[1]) if quality else 0.0), subtag
