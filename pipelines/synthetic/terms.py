"""What people look for: a few hundred popular terms, and a long tail that hardly anyone asks twice."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

from pipelines.synthetic.chance import Flags, Indices, Stream, Weights, choose, open_stream, zipf_weights
from pipelines.synthetic.vocabulary import read_rows

RARE_SHARE = 0.03
_RARE_TERMS = 1_200
_ENGLISH_SPEAKERS_ENGLISH = 0.8


@dataclass(frozen=True, slots=True)
class Terms:
    """`texts` with the category (null for an item's whole title), weight and alphabet of each."""

    texts: pl.Series
    term_categories: pl.Series
    weights: Weights
    is_english: Flags

    @property
    def categories(self) -> pl.Series:
        """The distinct categories, sorted."""
        return self.term_categories.drop_nulls().unique().sort()


def draw_terms(seed: int) -> Terms:
    """The vocabulary in order of popularity, which the seed stirs a little, then the rare terms."""
    stream = open_stream(seed, "terms")
    common = _rank_common_terms(stream)
    rare = _draw_rare_terms(stream)
    texts = pl.Series("query", [text for text, _ in common] + rare)
    slugs = [None if slug == "titles" else slug for _, slug in common]
    head, tail = zipf_weights(len(common), exponent=1.0, offset=1.5), np.ones(len(rare))
    return Terms(
        texts=texts,
        term_categories=pl.Series("category", slugs + ["electronics"] * len(rare)),
        weights=np.concatenate([head / head.sum() * (1 - RARE_SHARE), tail / tail.sum() * RARE_SHARE]),
        is_english=texts.str.contains(r"^[\x20-\x7e]+$").to_numpy(),
    )


def choose_terms(stream: Stream, terms: Terms, languages: pl.Series) -> Indices:
    """One term for each searcher; those who do not speak Japanese mostly ask in English."""
    anything = choose(stream, terms.weights, len(languages))
    english = choose(stream, terms.weights * terms.is_english, len(languages))
    prefers_english = (languages != "ja").to_numpy() & (stream.random(len(languages)) < _ENGLISH_SPEAKERS_ENGLISH)
    return np.where(prefers_english, english, anything)


def _rank_common_terms(stream: Stream) -> list[tuple[str, str]]:
    """Terms with their category; the data file lists the most popular of each category first."""
    placed = [(place, text, slug) for slug, *texts in read_rows("search_terms.tsv") for place, text in enumerate(texts)]
    ranks = np.array([place for place, *_ in placed]) + stream.uniform(0, 6, len(placed))
    return [placed[index][1:] for index in np.argsort(ranks, kind="stable")]


def _draw_rare_terms(stream: Stream) -> list[str]:
    (_, *brands), (_, *objects) = read_rows("rare_terms.tsv")
    pairs = list(product(brands, objects))
    codes = stream.permutation(9_000)[:_RARE_TERMS] + 1_000
    return [f"{brand} {code} {thing}" for code, (brand, thing) in zip(codes, pairs * 5, strict=False)]
