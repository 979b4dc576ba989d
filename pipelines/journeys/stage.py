"""What one source file brings: read, parsed, without identifiers, enriched, measured, gated; unseen until committed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl

from anonymization.distinct import Rows
from anonymization.errors import AnonymizationError
from pipelines.contracts.derive import lake_tables_of
from pipelines.contracts.model import Contract
from pipelines.control.deliveries import (
    LineCounts,
)
from pipelines.control.subjects import Suppression, read_suppression, store_account_facts
from pipelines.deletion.request import accept_requests
from pipelines.errors import DataQualityError, TokumeiError
from pipelines.ingestion.enrich import Batch, build_rows, pseudonymise_accounts, read_vocabulary, suppress_lines
from pipelines.ingestion.parse import ParsedLines, parse_file
from pipelines.ingestion.reconcile import check_counts, describe_rejected_lines, require_usable
from pipelines.ingestion.sources import (
    FILE_ID_DIGITS,
    SourceFile,
)
from pipelines.ingestion.staging import TableStage
from pipelines.journeys.house import House
from pipelines.journeys.keys import find_visitor_keys_of
from pipelines.quality.gate import judge
from pipelines.quality.measure import Measurement, measure
from pipelines.quality.rules import TableRules, compile_rules
from pipelines.telemetry import record_step

EXPECTED = (TokumeiError, AnonymizationError)
UNEXPECTED = (Exception, pl.exceptions.PanicException)


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


def stage_safely(house: House, file: SourceFile, digest: str) -> Stage:
    """Stage a file; an unexpected error holds it, told by kind and place only, since its own text may quote a line."""
    with record_step("stage_file", file.source) as step:
        try:
            stage = _stage_file(house, file, digest)
        except (*EXPECTED, OSError):
            raise
        except UNEXPECTED as error:
            found = describe_error(error)
        else:
            step.count(rejected=stage.counts.rejected, undeclared=stage.undeclared_count)
            return stage
        raise DataQualityError(f"{file.source}: {found}", hint="report this, it is a defect of the pipeline")


def describe_error(error: BaseException) -> str:
    """What the system says of a file, else only the error's kind and the innermost of our lines that met it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if {"pipelines", "anonymization"} & set(Path(frame.filename).parts)]
    return f"stopped with {type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _stage_file(house: House, file: SourceFile, digest: str) -> Stage:
    contract = house.catalogue.get("sources", file.source)
    require_usable(file)
    stage = _open_stage(house, file.source)
    try:
        suppression = read_suppression(house.ledger)
        stage.suppression_version = suppression.version
        batch = Batch(file.source, digest[:FILE_ID_DIGITS], house.keyring, read_vocabulary(contract))
        for parsed in parse_file(file, contract, house.settings.timezone):
            _stage_chunk(house, stage, parsed, batch, suppression)
        _close(stage, contract)
    except BaseException:
        discard_stage(stage)
        raise
    return stage


def _open_stage(house: House, source: str) -> Stage:
    tables = (*lake_tables_of(house.catalogue, source), house.catalogue.get("lake", "rejected_lines"))
    return Stage(
        tables={table.name: TableStage(house.lake, table) for table in tables},
        rules={table.name: compile_rules(table) for table in tables},
        measurements={table.name: Measurement() for table in tables},
    )


def _stage_chunk(house: House, stage: Stage, parsed: ParsedLines, batch: Batch, suppression: Suppression) -> None:
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


def _close(stage: Stage, contract: Contract) -> None:
    """Reconcile and gate the whole file, then write what is still buffered."""
    check_counts(stage.counts, contract)
    for name, table_stage in stage.tables.items():
        judge(table_stage.table, stage.measurements[name]).require()
        table_stage.write()


def commit_stage(house: House, stage: Stage, source: str, digest: str) -> None:
    """Make everything visible, table by table; what an error or a crash leaves out is committed by the next run."""
    try:
        for table_stage in stage.tables.values():
            table_stage.commit(f"{source}/{digest}")
    finally:
        discard_stage(stage)
    for rows in stage.for_ledger:
        LEDGER_SINKS[source](house, rows)


def discard_stage(stage: Stage) -> None:
    for table_stage in stage.tables.values():
        table_stage.discard()


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
