"""Which files wait in landing, how each is to be read, and by what it is known: its content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.contracts.formats import Format, find_format
from pipelines.contracts.model import Catalogue, Contract
from pipelines.errors import ConfigurationError
from pipelines.ingestion.readers import LINE_END, Decompressed

FILE_ID_DIGITS = 16
UNKNOWN_FORMAT = None
DAMAGED = b"\x00damaged"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file in landing. name: its path below landing/<source>; format: how it is written, None when unknown.

    accepts_rejects: a person decided that what can be read of it is taken in, however little that is.
    """

    source: str
    name: str
    path: Path
    format: Format | None
    accepts_rejects: bool = False


def find_source_files(landing: Path, catalogue: Catalogue, sources: Sequence[str]) -> tuple[SourceFile, ...]:
    """Every file below landing/<source>, source by source in the given order, by name; hidden files are unfinished."""
    return tuple(
        describe_file(path, landing, catalogue.get("sources", source))
        for source in sources
        for path in sorted((landing / source).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    )


def describe_file(path: Path, landing: Path, contract: Contract) -> SourceFile:
    """How a file is read, as the source's contract says of its name."""
    place = path.relative_to(landing / contract.name).as_posix()
    return SourceFile(contract.name, place, path, find_format(contract, place))


def locate_path(path: Path, landing: Path, catalogue: Catalogue) -> SourceFile:
    """The source file behind a path, there or not; ConfigurationError when the path lies below no source."""
    absolute, below = path.parent.resolve() / path.name, landing.resolve()
    for contract in catalogue.layer("sources"):
        if below / contract.name in absolute.parents:
            return describe_file(absolute, below, contract)
    raise ConfigurationError(f"{path.name} is not below {landing}/<source>", hint="move it into landing/<source> first")


def digest_content(path: Path) -> str:
    """SHA-256 of the decompressed content, in hexadecimal: the same for a file under any name or compression.

    A file that is cut off is known by its whole lines, which are what is taken in of it.
    """
    digest, whole_lines = hashlib.sha256(), None
    with Decompressed(path) as stream:
        while block := stream.read_block():
            end = block.rfind(LINE_END) + 1
            digest.update(block[:end])
            if end:
                whole_lines = digest.copy()
            digest.update(block[end:])
    if stream.cut_off and whole_lines:
        return whole_lines.hexdigest()
    if stream.cut_off or stream.contradicted:
        digest.update(DAMAGED)  # or a file of which nothing can be read would pass for an empty one
    return digest.hexdigest()
