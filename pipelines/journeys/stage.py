"""What one source file brings: read, parsed, without identifiers, enriched, measured, gated; unseen until committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from anonymization.errors import AnonymizationError
from pipelines.contracts.model import Contract
from pipelines.control.quality_results import record_judgement
from pipelines.errors import DataQualityError, TokumeiError
from pipelines.ingestion.content import Content
from pipelines.ingestion.enrich import Batch
from pipelines.ingestion.parse import ParsedLines, read_headed_chunks
from pipelines.ingestion.reconcile import check_counts
from pipelines.ingestion.repeats import open_event_ids
from pipelines.ingestion.sources import FILE_ID_DIGITS, SourceFile, require_format
from pipelines.journeys.chunk import (
    LEDGER_SINKS,
    Bench,
    Stage,
    describe_error,
    discard_on_error,
    discard_stage,
    new_batch,
    open_bench,
)
from pipelines.journeys.house import House
from pipelines.journeys.verdicts import list_rules, new_judgement, require_kept
from pipelines.journeys.watch import extend_requests
from pipelines.journeys.workers import REJECT_TABLES, look_ahead, may_share_out, new_order, share_out
from pipelines.quality.gate import judge
from pipelines.telemetry import record_step

CHUNK_BYTES = 8 * 1024 * 1024  # 32 MiB is a little faster, and takes the whole process tree twice the memory
EXPECTED = (TokumeiError, AnonymizationError)
UNEXPECTED = (Exception, pl.exceptions.PanicException)


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
            step.count(rejected=stage.tally.counts.rejected, undeclared=stage.tally.counts.undeclared)
            return stage
        raise DataQualityError(f"{source}: {found}", hint="report this, it is a defect of the pipeline")


def _stage_file(house: House, file: SourceFile, content: Content) -> Stage:
    declared = require_format(file)
    contract = house.catalogue.get("sources", file.source)
    batch = new_batch(house, contract, content.digest[:FILE_ID_DIGITS], declared.files)
    bench = _open_bench(house, contract, pl.col("file_id") == batch.file_id, _list_reject_tables(contract))
    with discard_on_error(bench.stage):
        chunks, is_large = look_ahead(read_headed_chunks(file, declared, CHUNK_BYTES))
        if is_large and may_share_out(bench):
            share_out(new_order(bench, batch, declared, content.known_line_count), chunks, bench.stage.receive)
        else:
            for chunk, header in chunks:
                bench.take_lines(batch, declared, chunk, header, content.known_line_count)
        _close(house, bench.stage, contract, accepts_rejects=file.accepts_rejects)
    return bench.stage


def stage_lines(house: House, contract: Contract, lines: Iterable[tuple[Batch, ParsedLines]], is_own: pl.Expr) -> Stage:
    """Stage lines of one source whose rejects were noted before, each chunk with the file that it is of.

    is_own: which stored rows, by file_id and line_number, these very lines may have left before a crash.
    """
    bench = _open_bench(house, contract, is_own)
    with discard_on_error(bench.stage):
        for batch, parsed in lines:
            bench.take(batch, parsed)
        _close(house, bench.stage, contract, accepts_rejects=True)
    return bench.stage


def _open_bench(house: House, contract: Contract, is_own: pl.Expr, reject_tables: Iterable[str] = ()) -> Bench:
    bench = open_bench(house, contract, reject_tables)
    bench.stage.event_ids = open_event_ids(house.lake, house.catalogue, contract.name, house.keyring, is_own)
    return bench


def _list_reject_tables(contract: Contract) -> tuple[str, ...]:
    return REJECT_TABLES if "quarantine" in contract.properties else REJECT_TABLES[:1]


def _close(house: House, stage: Stage, contract: Contract, *, accepts_rejects: bool) -> None:
    """Reconcile and gate the whole file, then write what is still buffered."""
    check_counts(stage.tally.counts, contract, cut_off_count=stage.tally.cut_off_count, accepts_rejects=accepts_rejects)
    verdicts = [judge(table_stage.table, stage.measurements[name]) for name, table_stage in stage.tables.items()]
    stage.judgement = new_judgement(house, map(list_rules, verdicts))
    if not all(verdict.passed for verdict in verdicts):
        record_judgement(house.ledger, stage.judgement)  # else it is entered with what is committed
    require_kept(verdicts)
    for table_stage in stage.tables.values():
        table_stage.write()


def commit_stage(house: House, stage: Stage, source: str, digest: str) -> None:
    """Make everything visible, table by table; what an error or a crash leaves out is committed by the next run.

    Open requests first, for no deletion may miss a row that is visible.
    """
    try:
        extend_requests(house, stage.sightings)
        for table_stage in stage.tables.values():
            table_stage.commit(f"{source}/{digest}")
    finally:
        discard_stage(stage)
    for rows in stage.for_ledger:
        LEDGER_SINKS[source](house, rows)
