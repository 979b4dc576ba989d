"""Questions that analysts ask of the marts, each with the SELECT that answers it: sql/cookbook/NN_<name>.sql."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ConfigurationError

QUESTION = re.compile(r"-- question: (?P<question>.+)\n")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One question and its SQL."""

    question: str
    sql: str


def read_cookbook(sql_directory: Path) -> dict[str, Recipe]:
    """Every recipe by its name, the file's stem, in order; ConfigurationError for a file that asks no question."""
    return {path.stem: _read_recipe(path) for path in sorted((sql_directory / "cookbook").glob("*.sql"))}


def find_recipe(cookbook: Mapping[str, Recipe], name: str) -> Recipe:
    """The recipe of a name, which may be its number alone."""
    for stem, recipe in cookbook.items():
        if name in (stem, stem.partition("_")[0]):
            return recipe
    raise ConfigurationError(f"the cookbook has no recipe {name}", hint="`tokumei query --cookbook` lists them")


def _read_recipe(path: Path) -> Recipe:
    sql = path.read_text(encoding="utf-8")
    header = QUESTION.match(sql)
    if header is None:
        raise ConfigurationError(f"{path.name} asks no question", hint="begin it with `-- question: <what it answers>`")
    return Recipe(header["question"], sql)
