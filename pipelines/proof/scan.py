"""The independent scan: whether any byte under the given directories still holds one of the identifiers.

It shares no code with what writes, deletes or anonymises, and reports where and in which form, never what.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import ConfigurationError
from pipelines.proof.decoding import RAW, walk_file
from pipelines.proof.directories import Entry, describe, distinct, list_entries
from pipelines.proof.needles import Needles, build_needles
from pipelines.proof.pieces import Failure, Piece, Values, Window, list_values

MOST_FINDINGS_PER_FILE = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """Where an identifier stands: `identifier_index` is its 1-based position in the input, never its text."""

    path: str
    place: str
    byte_offset: int | None
    form: str
    identifier_index: int


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What was looked for, what was read, and what was found; paths and places in it have identifiers masked.

    `finding_count` counts every occurrence, `findings` holds the first hundred of each file. `undecodable` counts
    damaged contents, of which the raw bytes and all that still decoded were searched; `damaged` names their files.
    """

    identifier_count: int
    file_count: int
    byte_count: int
    finding_count: int
    findings: tuple[Finding, ...]
    unreachable: tuple[str, ...]
    undecodable: int
    damaged: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Nothing found, and nothing that could not be looked into."""
        return not self.findings and not self.unreachable


@dataclass(slots=True)
class Tally:
    """The report while it grows."""

    file_count: int = 0
    byte_count: int = 0
    finding_count: int = 0
    findings: list[Finding] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    undecodable: int = 0
    damaged: list[str] = field(default_factory=list)

    @property
    def progress(self) -> tuple[int, int, int]:
        """Changes with whatever was read, found or out of reach."""
        return self.file_count, self.finding_count, len(self.unreachable)


def scan(
    directories: Sequence[Path], identifiers: Iterable[str | bytes], *, excluded: Sequence[Path] = ()
) -> ScanReport:
    """Search every file, name and link target under the directories for every identifier in every known form.

    Memory is flat in the size of the files. Raises ConfigurationError for no directories or no identifiers, and for a
    directory without any file: that nothing is found where nothing is proves nothing.
    """
    if not directories:
        raise ConfigurationError("no directory to scan", hint="name at least one directory")
    needles = build_needles(identifiers)
    tally = Tally()
    for directory in distinct(directories):
        scan_directory(directory, excluded, needles, tally)
    return ScanReport(
        identifier_count=needles.identifier_count,
        file_count=tally.file_count,
        byte_count=tally.byte_count,
        finding_count=tally.finding_count,
        findings=tuple(tally.findings),
        unreachable=tuple(tally.unreachable),
        undecodable=tally.undecodable,
        damaged=tuple(tally.damaged),
    )


def read_identifiers(path: Path) -> list[str]:
    """The identifiers of a UTF-8 file, one a line, blank lines skipped; raises ConfigurationError if there are none."""
    hint = "give a UTF-8 file with one identifier a line"
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise ConfigurationError(f"the identifier file {path} cannot be read: {describe(error)}", hint=hint) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the identifier file {path} is not UTF-8", hint=hint) from None
    identifiers = [line.removesuffix("\r") for line in lines if line.strip()]
    if not identifiers:
        raise ConfigurationError(f"the identifier file {path} holds no identifier", hint=hint)
    return identifiers


def scan_directory(directory: Path, excluded: Sequence[Path], needles: Needles, tally: Tally) -> None:
    before = tally.progress
    for entry in list_entries(directory, excluded):
        scan_entry(entry, needles, tally)
    if tally.progress == before:
        raise ConfigurationError(
            f"no file was read under {mask(os.fspath(directory), needles)}",
            hint="name the directory that holds the data",
        )


def scan_entry(entry: Entry, needles: Needles, tally: Tally) -> None:
    """Add one entry's name and content to the tally; what vanishes meanwhile holds nothing any more."""
    shown = mask(os.fspath(entry.path), needles)
    if entry.kind == "unreachable":
        tally.unreachable.append(f"{shown}: {entry.reason}")
        return
    limit = len(tally.findings) + MOST_FINDINGS_PER_FILE
    try:
        for piece in list_pieces(entry, needles):
            if isinstance(piece, Failure):
                add_failure(piece, shown, needles, tally)
            else:
                add_findings(piece, shown, needles, tally, limit)
        tally.file_count += entry.kind == "file"
    except FileNotFoundError:
        return
    except OSError as error:
        tally.unreachable.append(f"{shown}: {describe(error)}")


def list_pieces(entry: Entry, needles: Needles) -> Iterator[Piece]:
    name = "directory name" if entry.kind == "directory" else "file name"
    yield list_values(name, [os.fsencode(entry.path.name)])
    if entry.kind == "link":
        yield list_values("link target", [os.fsencode(entry.path.readlink())])
    if entry.kind == "file":
        yield from walk_file(entry.path, needles.longest - 1)


def add_failure(failure: Failure, shown: str, needles: Needles, tally: Tally) -> None:
    if failure.unreachable:
        tally.unreachable.append(f"{shown}: {mask(failure.place, needles)}: {failure.reason}")
    else:
        tally.undecodable += 1
        tally.damaged += [shown] if shown not in tally.damaged[-1:] else []


def add_findings(piece: Window | Values, shown: str, needles: Needles, tally: Tally, limit: int) -> None:
    if piece.place == RAW and isinstance(piece, Window):
        tally.byte_count += len(piece.data) - piece.seen_bytes
    for pattern, begin, end in needles.find(piece.data):
        if not piece.owns(begin, end):
            continue
        tally.finding_count += 1
        if len(tally.findings) < limit:
            place = mask(piece.place, needles)
            owner, form = needles.owners[pattern], needles.forms[pattern]
            tally.findings.append(Finding(shown, place, piece.locate(begin), form, owner))


def mask(text: str, needles: Needles) -> str:
    """The text with every identifier in it replaced by its position in the input."""
    data = os.fsencode(text)
    masked, done = [], 0
    for pattern, begin, end in sorted(needles.find(data), key=lambda found: (found[1], -found[2])):
        if begin >= done:
            masked += [data[done:begin], b"[identifier %d]" % needles.owners[pattern]]
        done = max(done, end)
    return b"".join([*masked, data[done:]]).decode("utf-8", "backslashreplace")
