"""Accept-Language headers and locales to one primary language subtag."""

from __future__ import annotations

import re

import polars as pl

LANGUAGES = frozenset(
    "ar bn cs da de el en es fa fi fil fr he hi hu id it ja ko ms my nb nl no pl pt ro ru sv th tr uk ur vi zh".split()
)
OTHER = "(other)"
QUALITY = re.compile(r"^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$")


def reduce_languages(headers: pl.Series) -> pl.Series:
    """The preferred primary subtag of each distinct header, by quality; null when absent, (other) when unlisted."""
    return pl.Series([_reduce(header) for header in headers.to_list()], dtype=pl.String)


def _reduce(header: str | None) -> str | None:
    if not header or header in {"-", "*"}:
        return None
    ranked = [_ranked(part) for part in header[:200].split(",")]
    quality, subtag = max(ranked, key=lambda item: item[0])
    if quality <= 0 or subtag == "*":
        return None
    return subtag if subtag in LANGUAGES else OTHER


def _ranked(part: str) -> tuple[float, str]:
    tag, _, parameter = (piece.strip() for piece in part.strip().partition(";"))
    quality = QUALITY.match(parameter.replace(" ", ""))
    subtag = re.split(r"[-_]", tag.lower(), maxsplit=1)[0]
    if parameter and not quality:
        return 0.0, subtag
    return (float(quality.group(1)) if quality else 1.0), subtag
