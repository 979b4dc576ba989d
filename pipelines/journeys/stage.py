"""What one source file brings: read, parsed, without identifiers, enriched, measured, gated; unseen until committed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from anonymization.errors import AnonymizationError
from pipelines.contracts.derive import find_event_column, lake_tables_of
from pipelines.contracts.model import Contract
from pipelines.control.deliveries import (
    LineCounts,
)
from pipelines.control.quarantine_keys import open_quarantine_key
from pipelines.control.subjects import Suppression, read_suppression, store_account_facts
from pipelines.deletion.request import accept_requests
from pipelines.errors import DataQualityError, TokumeiError
from pipelines.ingestion.content import Content
from pipelines.ingestion.enrich import Batch, build_rows, pseudonymise_accounts, read_vocabulary, suppress_lines
from pipelines.ingestion.parse import ParsedLines, parse_file
from pipelines.ingestion.quarantine import QUARANTINE, seal_rejects
from pipelines.ingestion.reconcile import check_counts, describe_rejected_lines, require_usable
from pipelines.ingestion.reject import count_cut_off
from pipelines.ingestion.repeats import EventIds, LastLine, leave_out_known, open_event_ids
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
from pipelines.telemetry import record_progress, record_step

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
    cut_off_count: int = 0
    suppression_version: int = 0
    last_line: LastLine = field(default_factory=LastLine)
    event_ids: EventIds | None = None


def stage_safely(house: House, file: SourceFile, content: Content) -> Stage:
    """Stage a file; an unexpected error holds it, told by kind and place only, since its own text may quote a line."""
    return guard_staging(file.source, lambda: _stage_file(house, file, content))


def guard_staging(source: str, make_stage: Callable[[], Stage]) -> Stage:
    """A stage, or DataQualityError in place of any error whose own text may quote a line."""
    with record_step("stage_file", source) as step:
        try:
            stage = make_stage()
        except (*EXPECTED, OSError):
            raise
        except UNEXPECTED as error:
            found = describe_error(error)
        else:
            step.count(rejected=stage.counts.rejected, undeclared=stage.undeclared_count)
            return stage
        raise DataQualityError(f"{source}: {found}", hint="report this, it is a defect of the pipeline")


def describe_error(error: BaseException) -> str:
    """What the system says of a file, else only the error's kind and the innermost of our lines that met it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if {"pipelines", "anonymization"} & set(Path(frame.filename).parts)]
    return f"stopped with {type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _stage_file(house: House, file: SourceFile, content: Content) -> Stage:
    contract = house.catalogue.get("sources", file.source)
    require_usable(file)
    file_id = content.digest[:FILE_ID_DIGITS]
    batch = new_batch(house, contract, file_id, file.format.files if file.format else "")
    chunks = (
        (batch, leave_out_known(parsed, content.known_line_count))
        for parsed in parse_file(file, contract, house.settings.timezone)
    )
    reject_tables = ("rejected_lines", QUARANTINE) if "quarantine" in contract.properties else ("rejected_lines",)
    is_own = pl.col("file_id") == file_id
    return stage_chunks(house, contract, chunks, is_own, reject_tables, accepts_rejects=file.accepts_rejects)


def new_batch(house: House, contract: Contract, file_id: str, file_format: str) -> Batch:
    """What treating the lines of one file needs, under the keys of now."""
    return Batch(
        contract.name,
        file_id,
        house.keyring,
        read_vocabulary(contract),
        file_format=file_format,
        find_country=house.country_database,
    )


def stage_chunks(  # noqa: PLR0913 - what is staged, and how each of two journeys wants it
    house: House,
    contract: Contract,
    chunks: Iterable[tuple[Batch, ParsedLines]],
    is_own: pl.Expr,
    reject_tables: Sequence[str] = (),
    *,
    accepts_rejects: bool = False,
) -> Stage:
    """Stage the lines of one source, each chunk with the file that it is of.

    is_own: which stored rows, by file_id and line_number, these very lines may have left before a crash.
    reject_tables: where rejects are noted.
    """
    stage = _open_stage(house, contract.name, reject_tables)
    with discard_on_error(stage):
        suppression = read_suppression(house.ledger)
        stage.suppression_version = suppression.version
        stage.event_ids = open_event_ids(house.lake, house.catalogue, contract.name, house.keyring, is_own)
        for batch, parsed in chunks:
            stage.last_line.see(parsed)
            fresh = stage.event_ids.leave_out(parsed) if stage.event_ids else parsed
            _stage_chunk(house, stage, fresh, batch, suppression)
        _close(stage, contract, accepts_rejects=accepts_rejects)
    return stage


def _open_stage(house: House, source: str, reject_tables: Sequence[str]) -> Stage:
    tables = [*lake_tables_of(house.catalogue, source), *(house.catalogue.get("lake", name) for name in reject_tables)]
    if kept := find_event_column(house.catalogue, source):
        # Committed first: whatever a crash leaves of this file, its events are then known to every other.
        tables.sort(key=lambda table: table.name != kept[0].name)
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
    late = 0
    for name, table_stage in stage.tables.items():
        if name == "rejected_lines":
            built = describe_rejected_lines(parsed.rejects, batch, house.now().date())
        elif name == QUARANTINE:
            built = _seal_rejects(house, table_stage.table, parsed.rejects, batch)
        else:
            built = build_rows(rows, table_stage.table, batch)
        stage.measurements[name] += measure(built, stage.rules[name])
        table_stage.add(built)
        late += _count_late(built)
        if name == QUARANTINE and built.height:
            table_stage.write()  # whole lines would fill the memory long before there are enough of them
    record_progress("read_lines", batch.source, lines=parsed.read_count)
    stage.counts += LineCounts(
        parsed.read_count, rows.height, parsed.rejects.height, parsed.duplicate_count, suppressed, late
    )
    stage.undeclared_count += parsed.undeclared_count
    stage.cut_off_count += count_cut_off(parsed.rejects)
    if batch.source in LEDGER_SINKS:
        stage.for_ledger.append(rows)
    else:
        stage.dates.update(rows["event_date"].unique().to_list())


def _seal_rejects(house: House, table: Contract, rejects: pl.DataFrame, batch: Batch) -> pl.DataFrame:
    now = house.now()
    days = house.catalogue.get("sources", batch.source).properties["quarantine"]["days"]
    expires_on = now.date() + timedelta(days=days)
    key = open_quarantine_key(house.settings, expires_on, now)
    return seal_rejects(rejects, table, batch, now.date(), (expires_on, key))


def _count_late(rows: pl.DataFrame) -> int:
    """Rows without a visitor, which only those are whose day's key is gone, or is not made yet."""
    return rows["visitor_pseudonym"].null_count() if "visitor_pseudonym" in rows.columns else 0


def _close(stage: Stage, contract: Contract, *, accepts_rejects: bool) -> None:
    """Reconcile and gate the whole file, then write what is still buffered."""
    check_counts(stage.counts, contract, cut_off_count=stage.cut_off_count, accepts_rejects=accepts_rejects)
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


@contextmanager
def discard_on_error(stage: Stage) -> Iterator[None]:
    """Leave nothing of a stage behind when it cannot be committed."""
    try:
        yield
    except BaseException:
        discard_stage(stage)
        raise


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
