"""The independent scan: whether any byte under the given directories still holds one of the identifiers.

It shares no code with what writes, deletes or anonymises, and reports where and in which form, never what.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Self

from pipelines.errors import ConfigurationError
from pipelines.proof.decoding import RAW, walk_file, walk_keys
from pipelines.proof.directories import Entry, describe, distinct, leads_out, list_entries
from pipelines.proof.needles import Needles, build_needles
from pipelines.proof.partitions import Buckets, is_outlying
from pipelines.proof.pieces import Failure, Piece, Values, Window, list_values

MOST_FINDINGS_PER_FILE = 100
NO_BUCKETS: Buckets = MappingProxyType({})


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
    `outlying_count` are the files in partitions of others, of which the key columns alone were searched.
    `listing_digest` is the SHA-256 of which files were read, of what size and how deeply, in no order.
    """

    identifier_count: int
    file_count: int
    byte_count: int
    finding_count: int
    findings: tuple[Finding, ...]
    unreachable: tuple[str, ...]
    undecodable: int
    damaged: tuple[str, ...] = ()
    outlying_count: int = 0
    listing_digest: str = ""

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
    outlying_count: int = 0
    listing: list[bytes] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Self:
        self.file_count += other.file_count
        self.byte_count += other.byte_count
        self.finding_count += other.finding_count
        self.findings += other.findings
        self.unreachable += other.unreachable
        self.undecodable += other.undecodable
        self.damaged += other.damaged
        self.outlying_count += other.outlying_count
        self.listing += other.listing
        return self

    @property
    def looked_at_something(self) -> bool:
        """Whether anything was read, found or out of reach."""
        return bool(self.file_count or self.finding_count or self.unreachable)


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, which partitions of which tables can hold it, and where links may lead."""

    needles: Needles
    buckets: Buckets
    places: tuple[Path, ...]


def scan(
    directories: Sequence[Path],
    identifiers: Iterable[str | bytes],
    *,
    excluded: Sequence[Path] = (),
    buckets: Buckets = NO_BUCKETS,
    threads: int = 1,
) -> ScanReport:
    """Search every file, name and link target under the directories for every identifier in every known form.

    buckets: of tables whose directories `subject_bucket=N` tell which subjects they hold, the N of those looked for; in
    all others only the columns that hold pseudonyms are searched. No link is followed: one that leads out of the
    directories is unreachable. Memory is flat in the size of the files. Raises ConfigurationError for no directories or
    no identifiers, and for a directory without any file: that nothing is found where nothing is proves nothing.
    """
    if not directories:
        raise ConfigurationError("no directory to scan", hint="name at least one directory")
    places = tuple(path.resolve() for path in (*directories, *excluded))  # what is left out is so on purpose
    search = Search(build_needles(identifiers), buckets, places)
    tally = Tally()
    with ThreadPoolExecutor(threads) as pool:
        for directory in distinct(directories):
            tally += scan_directory(directory, excluded, search, pool)
    return ScanReport(
        identifier_count=search.needles.identifier_count,
        file_count=tally.file_count,
        byte_count=tally.byte_count,
        finding_count=tally.finding_count,
        findings=tuple(tally.findings),
        unreachable=tuple(tally.unreachable),
        undecodable=tally.undecodable,
        damaged=tuple(tally.damaged),
        outlying_count=tally.outlying_count,
        listing_digest=sha256(b"".join(sorted(tally.listing))).hexdigest(),
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


def scan_directory(directory: Path, excluded: Sequence[Path], search: Search, pool: Executor) -> Tally:
    tally = Tally()
    for found in pool.map(partial(scan_entry, search=search), list_entries(directory, excluded)):
        tally += found
    if not tally.looked_at_something:
        raise ConfigurationError(
            f"no file was read under {mask(os.fspath(directory), search.needles)}",
            hint="name the directory that holds the data",
        )
    return tally


def scan_entry(entry: Entry, search: Search) -> Tally:
    """What one entry's name and content come to; what vanishes meanwhile holds nothing any more."""
    tally, needles = Tally(), search.needles
    shown = mask(os.fspath(entry.path), needles)
    if entry.kind == "unreachable":
        tally.unreachable.append(f"{shown}: {entry.reason}")
        return tally
    if entry.kind == "link" and leads_out(entry.path, search.places):
        tally.unreachable.append(f"{shown}: a link that leads out of what is scanned")
    is_others = entry.kind == "file" and is_outlying(entry.path, search.buckets)
    try:
        for piece in list_pieces(entry, needles, is_others=is_others):
            if isinstance(piece, Failure):
                add_failure(piece, shown, needles, tally)
            else:
                add_findings(piece, shown, needles, tally)
        if entry.kind == "file":
            tally.file_count += 1
            tally.outlying_count += is_others
            tally.listing.append(digest_entry(entry, is_others=is_others))
    except FileNotFoundError:
        pass
    except OSError as error:
        tally.unreachable.append(f"{shown}: {describe(error)}")
    return tally


def digest_entry(entry: Entry, *, is_others: bool) -> bytes:
    listed = (os.fspath(entry.path), entry.path.stat().st_size, is_others)
    return sha256(repr(listed).encode("utf-8", "backslashreplace")).digest()


def list_pieces(entry: Entry, needles: Needles, *, is_others: bool) -> Iterator[Piece]:
    name = "directory name" if entry.kind == "directory" else "file name"
    yield list_values(name, [os.fsencode(entry.path.name)])
    if entry.kind == "link":
        yield list_values("link target", [os.fsencode(entry.path.readlink())])
    if entry.kind == "file":
        yield from (walk_keys if is_others else walk_file)(entry.path, needles.longest - 1)


def add_failure(failure: Failure, shown: str, needles: Needles, tally: Tally) -> None:
    if failure.unreachable:
        tally.unreachable.append(f"{shown}: {mask(failure.place, needles)}: {failure.reason}")
    else:
        tally.undecodable += 1
        tally.damaged += [shown] if shown not in tally.damaged[-1:] else []


def add_findings(piece: Window | Values, shown: str, needles: Needles, tally: Tally) -> None:
    if piece.place == RAW and isinstance(piece, Window):
        tally.byte_count += len(piece.data) - piece.seen_bytes
    for pattern, begin, end in needles.find(piece.data):
        if not piece.owns(begin, end):
            continue
        tally.finding_count += 1
        if len(tally.findings) < MOST_FINDINGS_PER_FILE:
            place = mask(piece.place, needles)
            owner, form = needles.describe(pattern)
            tally.findings.append(Finding(shown, place, piece.locate(begin), form, owner))


def mask(text: str, needles: Needles) -> str:
    """The text with every identifier in it replaced by its position in the input."""
    data = os.fsencode(text)
    masked, done = [], 0
    for pattern, begin, end in sorted(needles.find(data), key=lambda found: (found[1], -found[2])):
        if begin >= done:
            masked += [data[done:begin], b"[identifier %d]" % needles.describe(pattern)[0]]
        done = max(done, end)
    return b"".join([*masked, data[done:]]).decode("utf-8", "backslashreplace")
