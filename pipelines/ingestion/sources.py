"""Which files wait in landing, how each is to be read, and by what it is known: its content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.contracts.model import Catalogue
from pipelines.errors import ConfigurationError
from pipelines.ingestion.readers import Decompressed

COMPRESSION_SUFFIXES = (".gz",)
FILE_ID_DIGITS = 16
UNKNOWN_FORMAT = "unknown"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file in landing. format: combined, json_lines, or unknown when the contract names no such suffix."""

    source: str
    path: Path
    format: str


def find_source_files(landing: Path, catalogue: Catalogue, sources: Sequence[str]) -> tuple[SourceFile, ...]:
    """Every file below landing/<source>, source by source in the given order, by name; hidden files are unfinished."""
    return tuple(
        describe_file(path, catalogue, source)
        for source in sources
        for path in sorted((landing / source).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    )


def describe_file(path: Path, catalogue: Catalogue, source: str) -> SourceFile:
    """How a file is read, by its name without compression suffixes, as the source's contract says."""
    name = path.name
    for suffix in COMPRESSION_SUFFIXES:
        name = name.removesuffix(suffix)
    formats = catalogue.get("sources", source).properties["formats"]
    return SourceFile(source, path, formats.get(Path(name).suffix, UNKNOWN_FORMAT))


def locate_path(path: Path, landing: Path, catalogue: Catalogue) -> SourceFile:
    """The source file behind a path that somebody named; ConfigurationError when it lies below no source."""
    absolute = path.absolute()
    for contract in catalogue.layer("sources"):
        if absolute.is_relative_to(landing / contract.name) and absolute.is_file():
            return describe_file(absolute, catalogue, contract.name)
    raise ConfigurationError(
        f"{path.name} is not a file below {landing}/<source>", hint="move it into landing/<source> first"
    )


def digest_content(path: Path) -> str:
    """SHA-256 of the decompressed content, in hexadecimal: the same for a file under any name or compression."""
    digest = hashlib.sha256()
    with Decompressed(path) as stream:
        while block := stream.read_block():
            digest.update(block)
        if stream.cut_off:
            digest.update(b"\x00cut off")
    return digest.hexdigest()
