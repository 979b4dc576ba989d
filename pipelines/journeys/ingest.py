"""A source file's way into the lake: read, parse, end identifiers, enrich, measure, gate, reconcile, commit once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.contracts.derive import lake_tables_of
from pipelines.contracts.model import Contract
from pipelines.control.deliveries import (
    Delivery,
    LineCounts,
    find_committed,
    is_unsettled,
    record_delivery,
    settle_delivery,
)
from pipelines.control.subjects import Suppression, read_suppression, store_account_facts, suppression_version
from pipelines.deletion.request import accept_requests
from pipelines.errors import DataQualityError, StorageBusyError
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
from pipelines.quality.rules import compile_rules
from pipelines.telemetry import record_step

INGESTED_SOURCES = ("accounts", "access", "devices", "searches", "surveys")
RESTAGE_ATTEMPTS = 5


@dataclass(slots=True)
class Stage:
    """Everything that one file brings, none of it visible yet."""

    tables: dict[str, TableStage]
    measurements: dict[str, Measurement] = field(default_factory=dict)
    for_ledger: list[pl.DataFrame] = field(default_factory=list)
    counts: LineCounts = field(default_factory=LineCounts)
    dates: set[date] = field(default_factory=set)
    suppression_version: int = 0


def ingest(house: House, files: Iterable[SourceFile]) -> tuple[Delivery, ...]:
    """Take in files one by one; a bad one is held and the others go on."""
    return tuple(delivery for file in files if (delivery := ingest_file(house, file)))


def find_files(house: House, sources: Sequence[str] = INGESTED_SOURCES) -> tuple[SourceFile, ...]:
    """What waits in landing, accounts first, so that consent is known before anything else is stored."""
    return find_source_files(house.settings.landing, house.catalogue, sources)


def name_files(house: House, paths: Sequence[Path]) -> tuple[SourceFile, ...]:
    """The source files behind paths that somebody named, in the order in which they are to be ingested."""
    named = (locate_path(path, house.settings.landing, house.catalogue) for path in paths)
    return tuple(sorted(named, key=lambda file: (INGESTED_SOURCES.index(file.source), file.path)))


def ingest_file(house: House, file: SourceFile) -> Delivery | None:
    """One file, exactly once: committed, known as a duplicate, or held; None when another run took it away."""
    with record_step("ingest_file", file.source) as step:
        try:
            delivery = _deliver(house, file, digest_content(file.path))
        except FileNotFoundError:
            return None
        step.count(state=delivery.state, read=delivery.counts.read, accepted=delivery.counts.accepted)
    return delivery


def _deliver(house: House, file: SourceFile, digest: str) -> Delivery:
    if not is_unsettled(house.ledger, digest, file.path.name):
        delivery = _take_in(house, file, digest)
        record_delivery(house.ledger, delivery)
    else:
        delivery = _describe(house, file, digest, "committed", LineCounts())
    if delivery.state != "held":
        file.path.unlink(missing_ok=True)
        settle_delivery(house.ledger, digest, file.path.name)
    return delivery


def _take_in(house: House, file: SourceFile, digest: str) -> Delivery:
    """What becomes of content that was not entered yet."""
    earlier = find_committed(house.ledger, digest)
    if earlier is not None:
        return _describe(house, file, digest, "duplicate", LineCounts(read=earlier.read, duplicate=earlier.read))
    try:
        stage = _stage_and_commit(house, file, digest)
    except DataQualityError as error:
        return replace(_describe(house, file, digest, "held", LineCounts()), reason=str(error))
    delivery = _describe(house, file, digest, "committed", stage.counts)
    return replace(delivery, event_dates=tuple(sorted(stage.dates)))


def _describe(house: House, file: SourceFile, digest: str, state: str, counts: LineCounts) -> Delivery:
    now = house.now()
    return Delivery(digest, file.source, file.path.name, state, now, now.date(), counts)


def _stage_and_commit(house: House, file: SourceFile, digest: str) -> Stage:
    """Stage under the tombstones and keys of now; when these changed meanwhile, stage again.

    Otherwise who just left would be stored, or rows under a key that was destroyed, which no deletion could find.
    """
    for _ in range(RESTAGE_ATTEMPTS):
        current = renew_keyring(house)
        stage = _stage_file(current, file, digest)
        with hold_keys(current) as keys_are_live:
            if keys_are_live and stage.suppression_version == suppression_version(house.ledger):
                _commit(current, stage, file.source, digest)
                return stage
        _discard(stage)
    raise StorageBusyError(
        "tombstones or keys changed during every attempt", hint="run ingest again when deletions are done"
    )


def _stage_file(house: House, file: SourceFile, digest: str) -> Stage:
    contract = house.catalogue.get("sources", file.source)
    require_usable(file)
    rejected = house.catalogue.get("lake", "rejected_lines")
    tables = (*lake_tables_of(house.catalogue, file.source), rejected)
    stage = Stage({table.name: TableStage(house.lake, table) for table in tables})
    try:
        suppression = read_suppression(house.ledger)
        stage.suppression_version = suppression.version
        batch = Batch(file.source, digest[:FILE_ID_DIGITS], house.keyring, read_vocabulary(contract))
        for parsed in parse_file(file, contract, house.settings.timezone):
            _stage_chunk(house, stage, parsed, batch, suppression)
        _close(stage, contract, tables)
    except BaseException:
        _discard(stage)
        raise
    return stage


def _stage_chunk(house: House, stage: Stage, parsed: ParsedLines, batch: Batch, suppression: Suppression) -> None:
    """One chunk through the house: suppress, end identifiers, enrich, measure."""
    left_out = suppression.left if batch.source in LEDGER_SINKS else suppression.left.append(suppression.refusing)
    rows, suppressed = suppress_lines(parsed.rows, left_out, suppression.devices, house.keyring)
    batch = replace(batch, visitor_keys=find_visitor_keys_of(house, batch.source, rows))
    for name, table_stage in stage.tables.items():
        if name == "rejected_lines":
            built = describe_rejected_lines(parsed.rejects, batch, house.now().date())
        else:
            built = build_rows(rows, table_stage.table, batch)
        measured = measure(built, compile_rules(table_stage.table))
        stage.measurements[name] = stage.measurements.get(name, Measurement()) + measured
        table_stage.add(built)
    stage.counts += LineCounts(parsed.read_count, rows.height, parsed.rejects.height, 0, suppressed)
    if batch.source in LEDGER_SINKS:
        stage.for_ledger.append(rows)
    else:
        stage.dates.update(rows["event_date"].unique().to_list())


def _close(stage: Stage, contract: Contract, tables: Iterable[Contract]) -> None:
    """Reconcile and gate the whole file, then write what is still buffered."""
    check_counts(stage.counts, contract)
    for table in tables:
        judge(table, stage.measurements.get(table.name, Measurement())).require()
        stage.tables[table.name].write()


def _commit(house: House, stage: Stage, source: str, digest: str) -> None:
    for table_stage in stage.tables.values():
        table_stage.commit(digest)
    for rows in stage.for_ledger:
        LEDGER_SINKS[source](house, rows)


def _discard(stage: Stage) -> None:
    for table_stage in stage.tables.values():
        table_stage.discard()


def _store_accounts(house: House, rows: pl.DataFrame) -> None:
    store_account_facts(house.ledger, pseudonymise_accounts(rows, house.keyring))


def _accept_requests(house: House, rows: pl.DataFrame) -> None:
    accept_requests(house.ledger, house.keyring, rows)


# Sources whose rows end in the control ledger instead of a lake table; both sinks may be repeated without harm.
LEDGER_SINKS: Mapping[str, Callable[[House, pl.DataFrame], None]] = {
    "accounts": _store_accounts,
    "requests": _accept_requests,
}
