"""Lines of deleted members in files that wait in landing: looked for as ingestion does, and taken out of held files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from pipelines.control.contents import begin_commit, list_extents, note_rewriting, take_turn
from pipelines.control.deliveries import Delivery, find_held, record_delivery
from pipelines.control.subjects import read_suppression
from pipelines.deletion.request import Subject
from pipelines.errors import DeletionIncompleteError
from pipelines.ingestion.content import Content, digest_content
from pipelines.ingestion.enrich import suppress_lines
from pipelines.ingestion.excision import Cut, digest_copy, find_cuts, move_extents, write_without
from pipelines.ingestion.landing import (
    is_still_written,
    open_landing,
    remove_beside,
    replace_unchanged,
    write_beside,
)
from pipelines.ingestion.sources import SourceFile
from pipelines.journeys.house import House
from pipelines.journeys.ingest import find_files
from pipelines.settings import SOURCES
from pipelines.telemetry import record_step


@dataclass(frozen=True, slots=True)
class Sought:
    """Whose lines are looked for, under membership pseudonyms; devices: columns device and until."""

    members: pl.Series
    devices: pl.DataFrame


def seek_subjects(house: House, subjects: Sequence[Subject]) -> Sought:
    """All lines of some members, and those of their devices up to their leaving."""
    members = [value for subject in subjects for value in subject.users["membership"]]
    devices = [value for subject in subjects for value in subject.devices.get("membership", ())]
    until = read_suppression(house.ledger).devices.filter(pl.col("device").is_in(devices))
    return Sought(pl.Series(members, dtype=pl.Binary), until)


def find_lines(house: House, file: SourceFile, sought: Sought) -> Iterator[Cut]:
    """Where the lines of those who are sought are in a file."""

    def keep_others(rows: pl.DataFrame) -> pl.DataFrame:
        return suppress_lines(rows, sought.members, sought.devices, house.keyring)[0]

    contract = house.catalogue.get("sources", file.source)
    return find_cuts(file, contract, house.settings.timezone, keep_others)


def remove_from_landing(house: House, subjects: Mapping[str, Subject]) -> int:
    """Take the subjects' lines out of every held file, which ingestion would never do; returns how many there were.

    Other files are left: ingestion takes them in without these lines. So is one that is still being written, or whose
    earlier lines are half committed; as long as it holds such lines, no deletion is certified.
    """
    held = {(delivery.source, delivery.file_name): delivery for delivery in find_held(house.ledger)}
    files = find_files(house, SOURCES) if held else ()
    sought = seek_subjects(house, list(subjects.values()))
    with record_step("remove_from_landing", "landing") as step:
        _sweep(house)  # what a crash left
        named = [(file, held[file.source, file.name]) for file in files if (file.source, file.name) in held]
        removed = sum(_clear_file(house, file, delivery, sought) for file, delivery in named if file.format)
        _sweep(house)
        step.count(files=len(named), lines=removed)
    return removed


def _sweep(house: House) -> None:
    landing = open_landing(house.settings.landing_uri)
    for source in SOURCES:
        remove_beside(landing, source)


def _clear_file(house: House, file: SourceFile, held: Delivery, sought: Sought) -> int:
    """How many lines were taken out of one file; the ledger's record of it then names what it holds now."""
    if is_still_written(file.path, house.settings.quiet_seconds):
        return 0
    content = digest_content(file, list_extents(house.ledger, file.source))
    cuts = [] if content.half_committed else list(find_lines(house, file, sought))
    if cuts and not _rewrite_file(house, file, content, cuts):
        return 0
    _follow(house, file, held)
    return sum(cut.line_count for cut in cuts)


def _rewrite_file(house: House, file: SourceFile, content: Content, cuts: Sequence[Cut]) -> bool:
    """False when the file changed meanwhile. What it begins with, and was, is known to the ledger before it does."""
    new, expected = write_beside(file.path, partial(write_without, file.path, cuts))
    if digest_copy(new) != expected:
        raise DeletionIncompleteError(
            f"a rewritten file of {file.source} does not read back equal",
            hint="the file in landing is as it was; check the disk and run the deletion again",
        )
    for extent in move_extents(content.beginnings, cuts, new):
        begin_commit(house.ledger, file.source, extent)
    rewritten = digest_content(replace(file, path=new)).digest
    note_rewriting(house.ledger, file.source, content.digest, rewritten, len(cuts))
    with take_turn(house.ledger, file.source):
        return replace_unchanged(file.path, content.mark, new)


def _follow(house: House, file: SourceFile, held: Delivery) -> None:
    """Also what a crash came between: the record of a held file is by name, and its content what is there now."""
    digest = digest_content(file).digest
    if digest != held.content_digest:
        record_delivery(house.ledger, replace(held, content_digest=digest))
