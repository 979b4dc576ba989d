"""Which files wait in landing, and how each is to be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from pipelines.contracts.formats import Format, find_format
from pipelines.contracts.model import Catalogue, Contract
from pipelines.errors import ConfigurationError, DataQualityError
from pipelines.ingestion.file_names import FileNames
from pipelines.ingestion.landing import LandedPath, StoredObject, list_files

FILE_ID_DIGITS = 16
WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file in landing. format: how it is written, None when unknown.

    name: its path below landing/<source>, as it may be shown and kept: without identifiers. place: that path as it is.
    byte_limit: how much of its content is to be read, where that is not all of it. accepts_rejects: a person decided
    that what can be read of it is taken in, however little that is.
    """

    source: str
    name: str
    path: LandedPath
    format: Format | None
    place: str = ""
    byte_limit: int | None = None
    accepts_rejects: bool = False


def find_source_files(
    landing: LandedPath, catalogue: Catalogue, sources: Sequence[str], names: FileNames
) -> tuple[SourceFile, ...]:
    """Every finished file below landing/<source>, source by source in the given order, by place."""
    return tuple(
        describe_file(path, place, catalogue.get("sources", source), names)
        for source in sources
        for place, path in list_files(landing, source)
    )


def describe_file(path: LandedPath, place: str, contract: Contract, names: FileNames) -> SourceFile:
    """How a file is read, as the source's contract says of its name."""
    return SourceFile(contract.name, names.show(place), path, find_format(contract, place), place)


def require_format(file: SourceFile) -> Format:
    """How a file is written; a name that tells no format raises DataQualityError, which holds it in landing."""
    if file.format is None:
        raise DataQualityError(
            f"{file.source}: the file's name is not one that its contract reads",
            hint="rename it, or declare such names among the formats of the source's contract",
        )
    return file.format


def locate_place(named: str, landing: LandedPath, uri: str, catalogue: Catalogue) -> tuple[str, str]:
    """The source, and the file, directory or glob below landing/<source>, that somebody named; there or not.

    ConfigurationError for what lies below no source.
    """
    place = _make_relative(named, landing, uri)
    source, _, rest = (place or "").partition("/")
    if (
        place
        and ".." not in PurePosixPath(place).parts
        and source in {item.name for item in catalogue.layer("sources")}
    ):
        return source, rest
    raise ConfigurationError(
        f"{PurePosixPath(named).name} is not below {landing}/<source>", hint="move it into landing/<source> first"
    )


def _make_relative(named: str, landing: LandedPath, uri: str) -> str | None:
    if isinstance(landing, StoredObject):
        for start in (f"{uri.partition('?')[0].rstrip('/')}/", f"{landing.key}/"):
            if named.startswith(start):
                return named.removeprefix(start)
        return None
    path = Path(named)
    absolute, below = path.parent.resolve() / path.name, landing.resolve()
    return absolute.relative_to(below).as_posix() if below in absolute.parents else None


def match_place(named: str, place: str) -> bool:
    """True when a file's place is the named one, lies in this directory, or fits this glob, whose * also takes in /."""
    return place == named or not named or place.startswith(f"{named.rstrip('/')}/") or fnmatchcase(place, named)
