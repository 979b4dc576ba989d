"""What the chunks of a source file bring: no identifiers any more, enriched, measured; unseen until it is committed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl

from anonymization.distinct import Rows
from pipelines.contracts.derive import lake_tables_of
from pipelines.control.deliveries import LineCounts
from pipelines.control.subjects import Suppression, read_suppression, store_account_facts
from pipelines.deletion.request import accept_requests
from pipelines.ingestion.enrich import Batch, build_rows, pseudonymise_accounts, read_vocabulary, suppress_lines
from pipelines.ingestion.parse import ParsedLines, parse_chunk
from pipelines.ingestion.readers import Chunk
from pipelines.ingestion.reconcile import describe_rejected_lines
from pipelines.ingestion.sources import SourceFile
from pipelines.ingestion.staging import Staged, TableStage
from pipelines.journeys.house import House
from pipelines.journeys.keys import find_visitor_keys_of
from pipelines.quality.measure import Measurement, measure
from pipelines.quality.rules import TableRules, compile_rules


@dataclass(frozen=True, slots=True)
class Portion:
    """What some chunks came to, as one process hands it to another: counts, figures, parts, and rows of pseudonyms."""

    tables: Mapping[str, Staged]
    measurements: Mapping[str, Measurement]
    counts: LineCounts
    dates: frozenset[date]
    undeclared_count: int


@dataclass(slots=True)
class Stage:
    """Everything that one file brings, none of it visible yet."""

    tables: dict[str, TableStage]
    rules: dict[str, TableRules]
    measurements: dict[str, Measurement]
    for_ledger: list[pl.DataFrame] = field(default_factory=list)
    counts: LineCounts = field(default_factory=LineCounts)
    dates: set[date] = field(default_factory=set)
    undeclared_count: int = 0
    suppression_version: int = 0

    def write_judged(self) -> None:
        """Write what is buffered of every table whose rows need not wait for the file's end."""
        for table in self.tables.values():
            if not table.waits_for_end:
                table.write()

    def hand_over(self) -> Portion:
        """What was staged since the last time, which is now for the receiver to commit or to discard."""
        portion = Portion(
            tables={name: table.hand_over() for name, table in self.tables.items()},
            measurements=self.measurements,
            counts=self.counts,
            dates=frozenset(self.dates),
            undeclared_count=self.undeclared_count,
        )
        self.measurements = {name: Measurement() for name in self.tables}
        self.counts, self.dates, self.undeclared_count = LineCounts(), set(), 0
        return portion

    def receive(self, portion: Portion) -> None:
        """Take over what another stage of the same file handed over; the order of portions makes no difference."""
        for name, table in self.tables.items():
            table.receive(portion.tables[name])
            self.measurements[name] += portion.measurements[name]
        self.counts += portion.counts
        self.dates |= portion.dates
        self.undeclared_count += portion.undeclared_count


def open_stage(house: House, source: str) -> Stage:
    """An empty stage with every table that a source feeds."""
    tables = (*lake_tables_of(house.catalogue, source), house.catalogue.get("lake", "rejected_lines"))
    return Stage(
        tables={table.name: TableStage(house.lake, table) for table in tables},
        rules={table.name: compile_rules(table) for table in tables},
        measurements={table.name: Measurement() for table in tables},
    )


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the chunks of one file are staged: in this process, or in each of several."""

    house: House
    file: SourceFile
    batch: Batch
    suppression: Suppression
    stage: Stage

    def take(self, chunk: Chunk) -> None:
        """Stage one more chunk; rows that can be judged before the file's end are written when enough are there."""
        contract = self.house.catalogue.get("sources", self.file.source)
        parsed = parse_chunk(chunk, self.file.format, contract, self.house.settings.timezone)
        stage_chunk(self.house, self.stage, parsed, self.batch, self.suppression)


def open_bench(house: House, file: SourceFile, file_id: str) -> Bench:
    """A bench with an empty stage, under the keys of the house and the tombstones of now."""
    vocabulary = read_vocabulary(house.catalogue.get("sources", file.source))
    suppression = read_suppression(house.ledger)
    stage = open_stage(house, file.source)
    stage.suppression_version = suppression.version
    return Bench(house, file, Batch(file.source, file_id, house.keyring, vocabulary), suppression, stage)


def stage_chunk(house: House, stage: Stage, parsed: ParsedLines, batch: Batch, suppression: Suppression) -> None:
    """One chunk through the house: suppress, end identifiers, enrich, measure."""
    left_out = _choose_left_out(batch.source, suppression)
    rows, suppressed = suppress_lines(parsed.rows, left_out, suppression.devices, house.keyring)
    batch = replace(batch, visitor_keys=find_visitor_keys_of(house, batch.source, rows))
    shared = Rows(rows)
    for name, table_stage in stage.tables.items():
        if name == "rejected_lines":
            built = describe_rejected_lines(parsed.rejects, batch, house.now().date())
        else:
            built = build_rows(shared, table_stage.table, batch)
        stage.measurements[name] += measure(built, stage.rules[name])
        table_stage.add(built)
    stage.counts += LineCounts(parsed.read_count, rows.height, parsed.rejects.height, 0, suppressed)
    stage.undeclared_count += parsed.undeclared_count
    if batch.source in LEDGER_SINKS:
        stage.for_ledger.append(rows)
    else:
        stage.dates.update(rows["event_date"].unique().to_list())


def discard_stage(stage: Stage) -> None:
    for table_stage in stage.tables.values():
        table_stage.discard()


def describe_error(error: BaseException) -> str:
    """What the system says of a file, else only the error's kind and the innermost of our lines that met it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if {"pipelines", "anonymization"} & set(Path(frame.filename).parts)]
    return f"stopped with {type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _store_accounts(house: House, rows: pl.DataFrame) -> None:
    store_account_facts(house.ledger, pseudonymise_accounts(rows, house.keyring))


def _accept_requests(house: House, rows: pl.DataFrame) -> None:
    accept_requests(house.ledger, house.keyring, rows)


def _choose_left_out(source: str, suppression: Suppression) -> pl.Series:
    """Whose lines a source leaves out: who left and who refuses; facts of who refuses are kept; requests all count.

    A member who left may have to be deleted again, say after a restore.
    """
    if source == "requests":
        return suppression.left.clear()
    return suppression.left if source in LEDGER_SINKS else suppression.left.append(suppression.refusing)


# Sources whose rows end in the control ledger instead of a lake table; both sinks may be repeated without harm.
LEDGER_SINKS: Mapping[str, Callable[[House, pl.DataFrame], None]] = {
    "accounts": _store_accounts,
    "requests": _accept_requests,
}
