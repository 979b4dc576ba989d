"""The languages that people read here, and texts in all of them from one file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import yaml

Language = Literal["en", "ja"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Texts = Mapping[Language, Mapping[str, str]]


@cache
def read_languages(file: Path) -> Texts:
    """Every text by language and key, from a YAML file of keys with a text for each language."""
    every = yaml.safe_load(file.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            language: MappingProxyType({key: str(texts[language]) for key, texts in every.items()})
            for language in LANGUAGES
        }
    )
