"""What one source file brings: read, parsed, without identifiers, enriched, measured, gated; unseen until committed."""

from __future__ import annotations

import polars as pl

from anonymization.errors import AnonymizationError
from pipelines.contracts.model import Contract
from pipelines.errors import DataQualityError, TokumeiError
from pipelines.ingestion.readers import read_chunks
from pipelines.ingestion.reconcile import check_counts, require_usable
from pipelines.ingestion.sources import FILE_ID_DIGITS, SourceFile
from pipelines.journeys.chunk import LEDGER_SINKS, Stage, describe_error, discard_stage, open_bench
from pipelines.journeys.house import House
from pipelines.journeys.workers import look_ahead, may_share_out, new_order, share_out
from pipelines.quality.gate import judge, prepare_judge
from pipelines.telemetry import record_step

CHUNK_BYTES = 8 * 1024 * 1024  # 32 MiB is a little faster, and takes the whole process tree twice the memory
EXPECTED = (TokumeiError, AnonymizationError)
UNEXPECTED = (Exception, pl.exceptions.PanicException)


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


def _stage_file(house: House, file: SourceFile, digest: str) -> Stage:
    contract = house.catalogue.get("sources", file.source)
    require_usable(file)
    bench = open_bench(house, file, digest[:FILE_ID_DIGITS])
    try:
        chunks, is_large = look_ahead(read_chunks(file.path, CHUNK_BYTES))
        if is_large and may_share_out(house.settings, file.source):
            prepare_judge()
            share_out(new_order(bench), chunks, bench.stage.receive)
        else:
            for chunk in chunks:
                bench.take(chunk)
        _close(bench.stage, contract)
    except BaseException:
        discard_stage(bench.stage)
        raise
    return bench.stage


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
