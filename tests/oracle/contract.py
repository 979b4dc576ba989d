"""What the oracle takes from a source's contract: columns with types and limits, and the words of its properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

COMBINED = '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"'


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source: the JSON key that it is read from, and what its values must be."""

    name: str
    key: str
    kind: str
    required: bool
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Contract:
    """A source's columns in order, and its custom properties by name."""

    name: str
    columns: tuple[Column, ...]
    words: Mapping[str, Any]

    def find_kind(self, name: str) -> str:
        """How a file is written, by its path below the source: combined or json. The oracle knows no other format."""
        declared = next(item for item in self.words["formats"] if fnmatchcase(name.removesuffix(".gz"), item["files"]))
        if declared.get("layout") == COMBINED:
            return "combined"
        if declared == {"files": declared["files"], "kind": "json"}:
            return "json"
        raise NotImplementedError(f"the oracle cannot read {declared['files']}")


def read_contract(path: Path) -> Contract:
    """The contract of a source in an ODCS file."""
    (table,) = yaml.safe_load(path.read_text(encoding="utf-8"))["schema"]
    words = {item["property"]: item["value"] for item in table["customProperties"]}
    return Contract(table["name"], tuple(map(_read_column, table["properties"])), words)


def _read_column(item: Mapping[str, Any]) -> Column:
    limits = item.get("logicalTypeOptions", {})
    return Column(
        name=item["name"],
        key=item.get("physicalName", item["name"]),
        kind=item["physicalType"],
        required=item["required"],
        minimum=limits.get("minimum", float("-inf")),
        maximum=limits.get("maximum", float("inf")),
    )
