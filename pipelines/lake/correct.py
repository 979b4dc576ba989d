"""One value of a subject's rows corrected: what they said is noted in a history first, and the rows follow from it.

A crash between the two leaves a history whose rows still say the old value; the next attempt carries it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Contract
from pipelines.errors import DataQualityError
from pipelines.lake.append import (
    MOVED_OR_PURGED,
    add_action,
    commit_actions,
    commit_parts,
    discard_parts,
    remove_action,
    require_stored,
    until_committed,
    write_file,
    write_parts,
)
from pipelines.lake.layout import DataFile, Lake, open_batch, read_file
from pipelines.lake.rewrite import Subjects, multiset_hash
from pipelines.lake.subject_rows import read_held

PLACE = ("user_pseudonym", "file_id", "line_number")  # what tells one row from every other


@dataclass(frozen=True, slots=True)
class Correction:
    """What one column is to say in all rows of a subject, or in those of one date; request_id names it for ever."""

    request_id: str
    attribute: str
    value: str | int
    event_date: date | None = None

    @property
    def batch(self) -> str:
        return f"correction-{self.request_id}-{self.attribute}"


@dataclass(frozen=True, slots=True)
class Corrected:
    """How many rows a correction is about, on which dates, and the hash of all other rows of their files.

    The hash is a sum of row hashes, in hexadecimal, before the correction and, as read back, after it.
    """

    row_count: int
    dates: tuple[date, ...]
    hash_before: str
    hash_after: str


def find_differing(lake: Lake, contract: Contract, subjects: Subjects, correction: Correction) -> pl.DataFrame:
    """The subject's rows that do not say what they should, with every column of the contract."""
    is_theirs = [pl.col(name).is_in(list(values)) for name, values in subjects.items()]
    differs = pl.any_horizontal(is_theirs) & pl.col(correction.attribute).ne_missing(pl.lit(correction.value))
    found = (rows.filter(differs) for _, rows in read_held(lake, contract, subjects, correction.event_date))
    return pl.concat([pl.DataFrame(schema=polars_schema(contract)), *found])


def note_history(
    lake: Lake, history: Contract, differing: pl.DataFrame, correction: Correction, corrected_at: datetime
) -> None:
    """Note what rows say that are about to be corrected, once: the first that was noted of a correction stands."""
    if differing.is_empty() or open_batch(lake, history, correction.batch)[1]:
        return
    rows = differing.with_columns(
        request_id=pl.lit(correction.request_id),
        corrected_at=pl.lit(corrected_at),
        attribute=pl.lit(correction.attribute),
        old_value=pl.col(correction.attribute).cast(pl.String),
        new_value=pl.lit(str(correction.value)),
    )
    parts = write_parts(lake, history, rows)
    if not commit_parts(lake, history, parts, correction.batch):
        discard_parts(lake, history, parts)


def read_history(lake: Lake, history: Contract, subjects: Subjects, correction: Correction) -> pl.DataFrame:
    """What was noted of one correction."""
    is_noted = (pl.col("request_id") == correction.request_id) & (pl.col("attribute") == correction.attribute)
    found = (rows.filter(is_noted) for _, rows in read_held(lake, history, subjects))
    return pl.concat([pl.DataFrame(schema=polars_schema(history)), *found])


def apply_history(
    lake: Lake, contract: Contract, subjects: Subjects, noted: pl.DataFrame, correction: Correction
) -> Corrected:
    """Let the rows that were noted say the new value, in one commit; nothing is written when all of them do.

    DataQualityError, and nothing is committed, when a file does not read back as it was to be.
    """

    def apply_once() -> Corrected:
        table, number = open_batch(lake, contract, correction.batch)
        files = list(_correct_files(lake, contract, subjects, noted, correction))
        written = [file.new for file in files if file.new]
        if written:
            require_stored(lake, contract, written)
            _commit(lake, contract, table, files, (correction.batch, number + 1))
        return _summarise(files)

    return until_committed(apply_once, contract.name, hint="run the correction again", conflicts=MOVED_OR_PURGED)


@dataclass(frozen=True, slots=True)
class _CorrectedFile:
    """A file that holds rows to be corrected; new is None where all of them say the new value already."""

    old: DataFile
    new: DataFile | None
    row_count: int
    hash_before: int
    hash_after: int


def _correct_files(
    lake: Lake, contract: Contract, subjects: Subjects, noted: pl.DataFrame, correction: Correction
) -> Iterator[_CorrectedFile]:
    places = noted.select(*PLACE, is_noted=pl.lit(value=True)).unique()
    for file, rows in read_held(lake, contract, subjects):
        is_noted = rows.join(places, on=PLACE, how="left", maintain_order="left")["is_noted"].fill_null(value=False)
        if is_noted.any():
            yield _correct_file(lake, contract, file, rows.with_columns(is_noted), correction)


def _correct_file(
    lake: Lake, contract: Contract, file: DataFile, rows: pl.DataFrame, correction: Correction
) -> _CorrectedFile:
    stored = rows.drop("is_noted", *contract.partition_columns)
    is_noted, kind = rows["is_noted"], stored.schema[correction.attribute]
    value = pl.when(is_noted).then(pl.lit(correction.value, kind)).otherwise(pl.col(correction.attribute))
    corrected = stored.with_columns(value.alias(correction.attribute))
    hash_before = multiset_hash(stored.filter(~is_noted))
    if corrected.equals(stored):
        return _CorrectedFile(file, None, int(is_noted.sum()), hash_before, hash_before)
    new = write_file(lake, contract.name, file.partition, corrected)
    read_back = read_file(lake, contract, new.path)
    hash_after = multiset_hash(read_back.filter(~is_noted)) if read_back.equals(corrected) else None
    if hash_after != hash_before:
        discard_parts(lake, contract, [new])
        raise DataQualityError(
            f"a corrected file of {contract.name} does not read back equal",
            hint="nothing was committed; check the disk and run the correction again",
        )
    return _CorrectedFile(file, new, int(is_noted.sum()), hash_before, hash_after)


def _commit(
    lake: Lake, contract: Contract, table: DeltaTable, files: Sequence[_CorrectedFile], batch: tuple[str, int]
) -> None:
    changed = [(file.old, file.new) for file in files if file.new]
    actions = [action for old, new in changed for action in (add_action(new), remove_action(old))]
    try:
        commit_actions(table, actions, *batch)
    except CommitFailedError:
        discard_parts(lake, contract, [new for _, new in changed])
        raise


def _summarise(files: Sequence[_CorrectedFile]) -> Corrected:
    dates = {date.fromisoformat(str(file.old.partition["event_date"])) for file in files}
    before, after = sum(file.hash_before for file in files), sum(file.hash_after for file in files)
    count = sum(file.row_count for file in files)
    return Corrected(count, tuple(sorted(dates)), f"{before % 2**64:016x}", f"{after % 2**64:016x}")
