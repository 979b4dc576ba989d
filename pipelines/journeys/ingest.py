"""A source file's way into the lake: read, parse, end identifiers, enrich, measure, gate, reconcile, commit once."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl

from anonymization.errors import AnonymizationError
from pipelines.contracts.derive import lake_tables_of
from pipelines.contracts.model import Contract
from pipelines.control.deliveries import (
    Delivery,
    LineCounts,
    find_deliveries,
    record_delivery,
    settle_file,
    unsettled_files,
    was_entered,
)
from pipelines.control.subjects import Suppression, read_suppression, store_account_facts, suppression_version
from pipelines.deletion.request import accept_requests
from pipelines.errors import ConfigurationError, DataQualityError, StorageBusyError, TokumeiError
from pipelines.ingestion.enrich import Batch, build_rows, pseudonymise_accounts, read_vocabulary, suppress_lines
from pipelines.ingestion.parse import ParsedLines, parse_file
from pipelines.ingestion.reconcile import check_counts, describe_rejected_lines, require_usable
from pipelines.ingestion.sources import (
    FILE_ID_DIGITS,
    SourceFile,
    digest_content,
    find_source_files,
    locate_path,
)
from pipelines.ingestion.staging import TableStage
from pipelines.journeys.house import House
from pipelines.journeys.keys import find_visitor_keys_of, hold_keys, renew_keyring
from pipelines.quality.gate import judge
from pipelines.quality.measure import Measurement, measure
from pipelines.quality.rules import TableRules, compile_rules
from pipelines.telemetry import logger, record_step

INGESTED_SOURCES = ("accounts", "access", "devices", "searches", "surveys")
RESTAGE_ATTEMPTS = 5
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


def ingest(house: House, files: Iterable[SourceFile]) -> tuple[Delivery, ...]:
    """Take in files one by one; a bad one is held and the others go on."""
    _settle_gone_files(house)
    return tuple(delivery for file in files if (delivery := ingest_file(house, file)))


def find_files(house: House, sources: Sequence[str] = INGESTED_SOURCES) -> tuple[SourceFile, ...]:
    """What waits in landing, accounts first, so that consent is known before anything else is stored."""
    return find_source_files(house.settings.landing, house.catalogue, sources)


def name_files(house: House, paths: Sequence[Path]) -> tuple[SourceFile, ...]:
    """The source files behind paths, in the order in which they are to be ingested, without those ingested already.

    ConfigurationError for a path that is not below landing, or where no file is nor was.
    """
    named = [locate_path(path, house.settings.landing, house.catalogue) for path in paths]
    waiting = [file for file in named if _is_waiting(house, file)]
    return tuple(sorted(waiting, key=lambda file: (file.source in INGESTED_SOURCES[1:], file.source, file.path)))


def _is_waiting(house: House, file: SourceFile) -> bool:
    if file.path.is_file():
        return True
    if was_entered(house.ledger, file.source, file.name):
        return False
    raise ConfigurationError(f"there is no file {file.source}/{file.name} in landing", hint="check its name")


def _settle_gone_files(house: House) -> None:
    """Finish what a crash left between removing a file and noting it; lift the hold on files that somebody took out."""
    for source, name in unsettled_files(house.ledger):
        if not (house.settings.landing / source / name).exists():
            settle_file(house.ledger, source, name)


def ingest_file(house: House, file: SourceFile) -> Delivery | None:
    """One file, exactly once: committed, known as a duplicate, or held; None when another run took it away.

    StorageBusyError, with the file still in landing, for whatever else goes wrong outside of the file's own lines.
    """
    with record_step("ingest_file", file.source) as step:
        try:
            delivery = _deliver(house, file, digest_content(file.path))
        except EXPECTED:
            raise
        except UNEXPECTED as error:
            if isinstance(error, FileNotFoundError) and not file.path.exists():
                return None
            found = _describe_error(error)
        else:
            step.count(state=delivery.state, read=delivery.counts.read, accepted=delivery.counts.accepted)
            if delivery.state != "held" and not delivery.counts.read:
                logger.warning("tokumei: %s/%s is empty", file.source, file.name)
            return delivery
        # Raised out here, so that no traceback can follow the context to the first error's text.
        raise StorageBusyError(
            f"{file.source}/{file.name} cannot be taken in: {found}",
            hint="it stays in landing; see to the disk and its permissions, then run ingest again",
        )


def _deliver(house: House, file: SourceFile, digest: str) -> Delivery:
    """Take in what is new, enter it in the ledger, and only then remove the landing file."""
    known = find_deliveries(house.ledger, file.source, digest)
    delivery = _find_unfinished(known, file)
    if delivery is None:
        delivery = _take_in(house, file, digest, known)
        if not record_delivery(house.ledger, delivery):
            return _deliver(house, file, digest)  # another run has entered it meanwhile
    if delivery.state != "held":
        file.path.unlink(missing_ok=True)
        settle_file(house.ledger, file.source, file.name)
    return delivery


def _find_unfinished(known: Iterable[Delivery], file: SourceFile) -> Delivery | None:
    """The delivery that was entered for this very file, when the file was not removed after it."""
    named = (each for each in known if each.file_name == file.name)
    return next((each for each in named if each.state != "held" and not each.settled), None)


def _take_in(house: House, file: SourceFile, digest: str, known: Iterable[Delivery]) -> Delivery:
    """What becomes of a file that was not entered yet; FileNotFoundError when another run has just removed it."""
    earlier = next((each.counts.read for each in known if each.state == "committed"), None)
    if earlier is not None:
        file.path.stat()
        return _describe(house, file, digest, "duplicate", LineCounts(read=earlier, duplicate=earlier))
    try:
        stage = _stage_and_commit(house, file, digest)
    except DataQualityError as error:
        return replace(_describe(house, file, digest, "held", LineCounts()), reason=f"no line of it is stored; {error}")
    delivery = _describe(house, file, digest, "committed", stage.counts)
    return replace(delivery, event_dates=tuple(sorted(stage.dates)))


def _describe(house: House, file: SourceFile, digest: str, state: str, counts: LineCounts) -> Delivery:
    now = house.now()
    return Delivery(digest, file.source, file.name, state, now, now.date(), counts)


def _stage_and_commit(house: House, file: SourceFile, digest: str) -> Stage:
    """Stage under the tombstones and keys of now; when these changed meanwhile, stage again.

    Otherwise who just left would be stored, or rows under a key that was destroyed, which no deletion could find.
    """
    for _ in range(RESTAGE_ATTEMPTS):
        current = renew_keyring(house)
        stage = _stage_safely(current, file, digest)
        with hold_keys(current) as keys_are_live:
            if keys_are_live and stage.suppression_version == suppression_version(house.ledger):
                _commit(current, stage, file.source, digest)
                return stage
        _discard(stage)
    raise StorageBusyError(
        "tombstones or keys changed during every attempt", hint="run ingest again when deletions are done"
    )


def _stage_safely(house: House, file: SourceFile, digest: str) -> Stage:
    """Stage; an unexpected error holds the file, told by kind and place only, since its own text may quote a line."""
    with record_step("stage_file", file.source) as step:
        try:
            stage = _stage_file(house, file, digest)
        except (*EXPECTED, OSError):
            raise
        except UNEXPECTED as error:
            found = _describe_error(error)
        else:
            step.count(rejected=stage.counts.rejected, undeclared=stage.undeclared_count)
            return stage
        raise DataQualityError(f"{file.source}: {found}", hint="report this, it is a defect of the pipeline")


def _describe_error(error: BaseException) -> str:
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
        _discard(stage)
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
    for name, table_stage in stage.tables.items():
        if name == "rejected_lines":
            built = describe_rejected_lines(parsed.rejects, batch, house.now().date())
        else:
            built = build_rows(rows, table_stage.table, batch)
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


def _commit(house: House, stage: Stage, source: str, digest: str) -> None:
    """Make everything visible, table by table; what an error or a crash leaves out is committed by the next run."""
    try:
        for table_stage in stage.tables.values():
            table_stage.commit(f"{source}/{digest}")
    finally:
        _discard(stage)
    for rows in stage.for_ledger:
        LEDGER_SINKS[source](house, rows)


def _discard(stage: Stage) -> None:
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
