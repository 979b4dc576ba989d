"""What the chunks of a source file bring: no identifiers any more, enriched, measured; unseen until it is committed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Self

import polars as pl

from anonymization.distinct import Rows
from pipelines.contracts.derive import find_event_column, lake_tables_of
from pipelines.contracts.formats import Format
from pipelines.contracts.model import Contract
from pipelines.control.day_keys import open_quarantine_key
from pipelines.control.deliveries import LineCounts
from pipelines.control.quality_results import Judgement
from pipelines.control.subjects import (
    Suppression,
    find_returning,
    open_epochs,
    read_suppression,
    store_account_facts,
)
from pipelines.deletion.extension import NOBODY, NOTHING_SEEN, Watch, read_key_ids, sight
from pipelines.deletion.request import accept_requests
from pipelines.ingestion.enrich import (
    Batch,
    build_rows,
    list_consents,
    pseudonymise_accounts,
    read_vocabulary,
    suppress_lines,
)
from pipelines.ingestion.headers import Header
from pipelines.ingestion.parse import ParsedLines, parse_chunk
from pipelines.ingestion.quarantine import QUARANTINE, seal_rejects
from pipelines.ingestion.readers import Chunk
from pipelines.ingestion.reconcile import describe_rejected_lines
from pipelines.ingestion.reject import count_cut_off
from pipelines.ingestion.repeats import EventIds, LastLine, leave_out_known
from pipelines.ingestion.staging import Staged, TableStage
from pipelines.journeys.external_accounts import link_accounts
from pipelines.journeys.house import House
from pipelines.journeys.keys import find_visitor_keys_of
from pipelines.journeys.restrict import follow_consents
from pipelines.journeys.watch import watch_for_members
from pipelines.quality.measure import Measurement, measure
from pipelines.quality.rules import TableRules, compile_rules
from pipelines.telemetry import record_progress


@dataclass(slots=True)
class Tally:
    """What becomes of lines, counted. dates: those of the events stored. last_line: where the file ends."""

    counts: LineCounts = field(default_factory=LineCounts)
    dates: set[date] = field(default_factory=set)
    cut_off_count: int = 0
    last_line: LastLine = field(default_factory=LastLine)

    def __iadd__(self, other: Tally) -> Self:
        self.counts += other.counts
        self.dates |= other.dates
        self.cut_off_count += other.cut_off_count
        self.last_line = max(self.last_line, other.last_line, key=lambda line: line.number)
        return self


@dataclass(frozen=True, slots=True)
class Portion:
    """What some chunks came to, as one process hands it to another: counts, figures, parts, and rows of pseudonyms."""

    tables: Mapping[str, Staged]
    measurements: Mapping[str, Measurement]
    tally: Tally
    sightings: pl.DataFrame


@dataclass(slots=True)
class Stage:
    """Everything that one file brings, none of it visible yet."""

    tables: dict[str, TableStage]
    rules: dict[str, TableRules]
    measurements: dict[str, Measurement]
    for_ledger: list[pl.DataFrame] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    suppression_version: int = 0
    event_ids: EventIds | None = None
    watch: Watch = NOBODY
    key_ids: frozenset[str] = frozenset()
    sightings: pl.DataFrame = field(default_factory=NOTHING_SEEN.clone)
    judgement: Judgement | None = None

    def write_judged(self) -> None:
        """Write what is buffered of every table whose rows need not wait for the file's end."""
        for table in self.tables.values():
            if not table.waits_for_end:
                table.write()

    def hand_over(self) -> Portion:
        """What was staged since the last time, which is now for the receiver to commit or to discard."""
        tables = {name: table.hand_over() for name, table in self.tables.items()}
        portion = Portion(tables, self.measurements, self.tally, self.sightings)
        self.measurements, self.tally = {name: Measurement() for name in self.tables}, Tally()
        self.sightings = NOTHING_SEEN
        return portion

    def receive(self, portion: Portion) -> None:
        """Take over what another stage of the same file handed over; the order of portions makes no difference."""
        for name, table in self.tables.items():
            table.receive(portion.tables[name])
            self.measurements[name] += portion.measurements[name]
        self.tally += portion.tally
        self.note_sightings(portion.sightings)

    def note_sightings(self, sightings: pl.DataFrame) -> None:
        """Members of open requests who passed by, under keys that these do not know; each once."""
        if sightings.height:
            self.sightings = pl.concat([self.sightings, sightings]).unique()


def open_stage(house: House, source: str, reject_tables: Iterable[str]) -> Stage:
    """An empty stage with every table that a source feeds. reject_tables: where rejects are noted."""
    tables = [*lake_tables_of(house.catalogue, source), *(house.catalogue.get("lake", name) for name in reject_tables)]
    if kept := find_event_column(house.catalogue, source):
        # Committed first: whatever a crash leaves of this file, its events are then known to every other.
        tables.sort(key=lambda table: table.name != kept[0].name)
    return Stage(
        tables={table.name: TableStage(house.lake, table) for table in tables},
        rules={table.name: compile_rules(table) for table in tables},
        measurements={table.name: Measurement() for table in tables},
    )


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the lines of one source are staged: in this process, or in each of several."""

    house: House
    contract: Contract
    suppression: Suppression
    stage: Stage

    def take_lines(
        self, batch: Batch, declared: Format, chunk: Chunk, header: Header | None, known_line_count: int
    ) -> None:
        """Parse and stage a chunk; of the file's first known_line_count lines it is only counted that they came again.

        declared: how the file is written. header: the one in force before the chunk.
        """
        parsed = parse_chunk(chunk, declared, self.contract, self.house.settings.timezone, header)
        self.stage.tally.last_line.see(parsed)
        self.take(batch, leave_out_known(parsed, known_line_count))

    def take(self, batch: Batch, parsed: ParsedLines) -> None:
        """Stage parsed lines; rows that can be judged before the file's end are written when enough are there."""
        event_ids = self.stage.event_ids
        fresh = event_ids.leave_out(parsed) if event_ids else parsed
        _stage_chunk(self.house, self.stage, fresh, batch, self.suppression)


def open_bench(house: House, contract: Contract, reject_tables: Iterable[str]) -> Bench:
    """A bench with an empty stage, under the tombstones of now."""
    suppression = read_suppression(house.ledger)
    stage = open_stage(house, contract.name, reject_tables)
    stage.suppression_version = suppression.version
    stage.watch, stage.key_ids = watch_for_members(house), read_key_ids(house.keyring)
    return Bench(house, contract, suppression, stage)


def new_batch(house: House, contract: Contract, file_id: str, file_format: str) -> Batch:
    """What treating the lines of one file needs, under the keys of now."""
    return Batch(
        contract.name,
        file_id,
        house.keyring,
        read_vocabulary(contract),
        file_format=file_format,
        find_country=house.country_database,
        is_datacentre=house.datacentre_networks,
    )


def _stage_chunk(house: House, stage: Stage, parsed: ParsedLines, batch: Batch, suppression: Suppression) -> None:
    """One chunk through the house: suppress, end identifiers, enrich, measure."""
    rows, suppressed = _suppress(house, parsed.rows, batch.source, suppression)
    stage.note_sightings(sight(parsed.rows, stage.watch, house.keyring))
    batch = replace(batch, visitor_keys=find_visitor_keys_of(house, batch.source, rows))
    shared, late = Rows(rows), 0
    for name, table_stage in stage.tables.items():
        if name == "rejected_lines":
            built = describe_rejected_lines(parsed.rejects, batch, house.now().date())
        elif name == QUARANTINE:
            built = _seal_rejects(house, table_stage.table, parsed.rejects, batch)
        else:
            built = build_rows(shared, table_stage.table, batch)
        stage.measurements[name] += measure(built, stage.rules[name])
        table_stage.add(built)
        late += _count_late(built)
        if name == QUARANTINE and built.height:
            table_stage.write()  # whole lines would fill the memory long before there are enough of them
    counts = LineCounts(
        read=parsed.read_count,
        accepted=rows.height,
        rejected=parsed.rejects.height,
        duplicate=parsed.duplicate_count,
        suppressed=suppressed,
        late=late,
        undeclared=parsed.undeclared_count,
    )
    is_for_ledger = batch.source in LEDGER_SINKS
    if is_for_ledger:
        stage.for_ledger.append(rows)
    dates = set() if is_for_ledger else set(rows["event_date"].unique())
    stage.tally += Tally(counts, dates, count_cut_off(parsed.rejects))
    record_progress("read_lines", batch.source, lines=parsed.read_count)


def _seal_rejects(house: House, table: Contract, rejects: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    now = house.now()
    days = house.catalogue.get("sources", batch.source).properties["quarantine"]["days"]
    expires_on = now.date() + timedelta(days=days)
    key = open_quarantine_key(house.settings, expires_on, now)
    return seal_rejects(rejects, table, batch, now.date(), (expires_on, key))


def _count_late(rows: pl.DataFrame) -> int:
    """Rows without a visitor, which only those are whose day's key is gone, or is not made yet."""
    return rows["visitor_pseudonym"].null_count() if "visitor_pseudonym" in rows.columns else 0


def discard_stage(stage: Stage) -> None:
    for table_stage in stage.tables.values():
        table_stage.discard()


@contextmanager
def discard_on_error(stage: Stage) -> Iterator[None]:
    """Leave nothing of a stage behind when it cannot be committed."""
    try:
        yield
    except BaseException:
        discard_stage(stage)
        raise


def describe_error(error: BaseException) -> str:
    """What the system says of a file, else only the error's kind and the innermost of our lines that met it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if {"pipelines", "anonymization"} & set(Path(frame.filename).parts)]
    return f"stopped with {type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _store_accounts(house: House, rows: pl.DataFrame) -> None:
    """Whoever consents anew is let in first: should a crash come then, the same lines are taken in again."""
    open_epochs(house.ledger, list_consents(rows, house.keyring, house.now()))
    store_account_facts(house.ledger, pseudonymise_accounts(rows, house.keyring))
    follow_consents(house, rows)
    link_accounts(house, rows)


def _accept_requests(house: House, rows: pl.DataFrame) -> None:
    accept_requests(house.ledger, house.keyring, rows)


def _suppress(house: House, rows: pl.DataFrame, source: str, suppression: Suppression) -> tuple[pl.DataFrame, int]:
    """Leave out who left, who refuses, and what is older than a return; facts of who refuses are kept.

    Requests all count: a member who left may have to be deleted again, say after a restore.
    """
    if source == "requests":
        return rows, 0
    left, returned = suppression.left, suppression.returned
    if source == "accounts" and suppression.departed.height:
        returning = find_returning(suppression.departed, list_consents(rows, house.keyring, house.now()))
        left, returned = left.filter(~left.is_in(returning["user"].implode())), pl.concat([returned, returning])
    if source not in LEDGER_SINKS:
        left = pl.concat([left, suppression.refusing])  # Series.append would make the first one longer for good
    since = pl.col("until").dt.convert_time_zone(house.settings.timezone).dt.date()
    return suppress_lines(rows, left, suppression.devices, house.keyring, returned.with_columns(since=since))


# Sources whose rows end in the control ledger instead of a lake table; both sinks may be repeated without harm.
LEDGER_SINKS: Mapping[str, Callable[[House, pl.DataFrame], None]] = {
    "accounts": _store_accounts,
    "requests": _accept_requests,
}
