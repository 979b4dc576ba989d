"""From the lake to what analysts open: build the marts of touched dates, gate them, publish the file in one step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.contracts.model import Contract
from pipelines.control.deletion_facts import deletion_facts
from pipelines.control.deliveries import file_accounts, mark_built, unbuilt_dates, unbuilt_digests
from pipelines.control.quality_results import RuleFigures, list_results, record_judgement
from pipelines.control.restrictions import touch_all
from pipelines.errors import ConfigurationError, GateFailedError
from pipelines.journeys.anomalies import watch_quality
from pipelines.journeys.copies import require_in_step, require_reapplied
from pipelines.journeys.house import House
from pipelines.journeys.restrict import digest_restricted, list_restricted
from pipelines.journeys.verdicts import list_rules, new_judgement, require_kept
from pipelines.lake.layout import file_uris, table_dates
from pipelines.quality.documents import write_documents
from pipelines.quality.gate import Verdict, judge
from pipelines.quality.measure import measure
from pipelines.quality.rules import compile_rules
from pipelines.telemetry import record_step
from pipelines.warehouse.build import BuiltWarehouse, build_warehouse
from pipelines.warehouse.checks import CheckResult, run_checks
from pipelines.warehouse.describe import QualityRow, record_quality
from pipelines.warehouse.directory import sweep_dead_builds
from pipelines.warehouse.export import is_exported
from pipelines.warehouse.extract import read_content, read_mart
from pipelines.warehouse.relations import RESTRICTIONS
from pipelines.warehouse.relations import digest_restricted as digest_inputs
from pipelines.warehouse.serve import publish_warehouse


@dataclass(frozen=True, slots=True)
class PublishedMarts:
    """Where the published file is, the rows of each mart, and the event dates that were made anew."""

    path: Path
    tables: Mapping[str, int]
    event_dates: tuple[date, ...]


def build_marts(house: House, also: Iterable[date] = ()) -> PublishedMarts:
    """Rebuild the marts of every date touched since the last build, and of the dates given, then publish.

    Every date is touched when who is restricted is not who was at the last build, with the devices that go with them.
    Nothing is built when neither events, files nor contracts came since the last build: what is published stays.
    RestoredCopyError, and nothing is built, when a copy was restored that holds who left, until they are gone again.
    """
    require_in_step(house)
    require_reapplied(house)
    restricted = list_restricted(house)
    touch_all(house.ledger, digest_restricted(restricted), lambda: _find_dates(house, date.min, date.max))
    digests, touched = unbuilt_digests(house.ledger), unbuilt_dates(house.ledger)
    dates = sorted({*touched, *also})
    with record_step("build_marts", "marts") as step:
        current = None if dates else _find_current(house, restricted)
        published = current or _publish(house, dates, restricted)
        sweep_dead_builds(house.settings.warehouse_directory)
        mark_built(house.ledger, touched, digests)
        watch_quality(house)
        if not current:
            write_documents(house.settings.quality_documents, list_results(house.ledger))
        step.count(dates=len(published.event_dates), rows=sum(published.tables.values()))
    return published


def rebuild_marts(house: House, first: date | None = None, last: date | None = None) -> PublishedMarts:
    """Rebuild, from the lake, the marts of every date from first to last, both included, and whatever was touched.

    Without first or last the interval is open. Dates of which the lake holds nothing any longer keep their rows.
    """
    if first and last and first > last:
        raise ConfigurationError(f"{first} is after {last}", hint="give the earlier date first")
    return build_marts(house, also=_find_dates(house, first or date.min, last or date.max))


def _find_dates(house: House, first: date, last: date) -> frozenset[date]:
    """The dates in an interval of which the lake holds events that some mart reads."""
    read = {name for mart in house.catalogue.layer("marts") for name in mart.properties["inputs"]}
    tables = [contract for contract in house.catalogue.layer("lake") if f"lake.{contract.name}" in read]
    dates = frozenset[date]().union(*(table_dates(house.lake, table) for table in tables))
    return frozenset(day for day in dates if first <= day <= last)


def _find_current(house: House, restricted: pl.DataFrame) -> PublishedMarts | None:
    """What is published, when it is what a build without dates would make."""
    path = house.settings.warehouse_file
    if not path.exists():
        return None
    content = read_content(path)
    declared = {contract.name: contract.version for contract in house.catalogue.layer("marts")}
    if content.versions != declared or not _counts_every_file(house, path) or not is_exported(path):
        return None
    if content.restricted_digest != digest_inputs({RESTRICTIONS: restricted}):
        return None
    return PublishedMarts(path, content.row_counts, ())


def _counts_every_file(house: House, path: Path) -> bool:
    """A delivery may touch no date, say a duplicate, and yet count in data_quality_daily; the ledger forgets none."""
    counted = read_mart(path, "data_quality_daily")["file_count"].sum()
    return bool(counted == file_accounts(house.ledger).filter(pl.col("state") != "held").height)


def _publish(house: House, dates: Sequence[date], restricted: pl.DataFrame) -> PublishedMarts:
    built = build_warehouse(
        house.settings.warehouse_directory,
        house.catalogue,
        house.settings.sql,
        read_inputs(house, restricted),
        dates,
        timezone=house.settings.timezone,
        memory_limit=house.settings.memory_limit,
        built_at=house.now(),
    )
    _gate(house, built)
    path = publish_warehouse(built, house.settings.warehouse_file)
    return PublishedMarts(path, dict(built.tables), built.event_dates)


def read_inputs(house: House, restricted: pl.DataFrame) -> dict[str, Sequence[str] | pl.DataFrame]:
    """The relations that marts read, by the names that their SQL uses."""
    tables = {f"lake.{contract.name}": file_uris(house.lake, contract) for contract in house.catalogue.layer("lake")}
    facts = deletion_facts(house.ledger, house.settings.zone, house.now(), house.settings.deadline_days)
    ledger = {"control.source_files": file_accounts(house.ledger), "control.deletion_facts": facts}
    return {**tables, **ledger, "control.restrictions": restricted}


def _gate(house: House, built: BuiltWarehouse) -> None:
    """Judge every mart by its contract and its own assertions; a failed file is removed and the last good one stays.

    What was found is entered in the ledger in either case.
    """
    try:
        verdicts = [_judge_mart(built, contract) for contract in house.catalogue.layer("marts")]
        checks = run_checks(built.path, house.catalogue, house.settings.sql)
        judgement = new_judgement(house, [*map(list_rules, verdicts), (_as_rule(house, check) for check in checks)])
        record_judgement(house.ledger, judgement)
        require_kept(verdicts)
        _require_checks(checks)
        record_quality(built.path, map(_as_quality_row, judgement.figures))
    except BaseException:
        built.path.unlink(missing_ok=True)
        raise


def _judge_mart(built: BuiltWarehouse, contract: Contract) -> Verdict:
    return judge(contract, measure(read_mart(built.path, contract.name), compile_rules(contract)))


def _as_rule(house: House, check: CheckResult) -> RuleFigures:
    """An assertion of checks.sql as the ledger keeps it."""
    return RuleFigures(
        layer="marts",
        table=check.table,
        contract_version=house.catalogue.get("marts", check.table).version,
        row_count=0,
        rule=f"_check__{check.check}",
        severity="critical",
        unit="rows",
        observed=check.violation_count,
        minimum=0,
        maximum=0,
        passed=not check.violation_count,
        description=f"table: no row breaks the check {check.check}",
    )


def _as_quality_row(figures: RuleFigures) -> QualityRow:
    return QualityRow(
        table=f"{figures.layer}.{figures.table}",
        rule=figures.rule,
        severity=figures.severity,
        unit=figures.unit,
        observed=figures.observed,
        minimum=figures.minimum,
        maximum=figures.maximum,
        passed=figures.passed,
    )


def _require_checks(checks: Iterable[CheckResult]) -> None:
    for result in checks:
        if result.violation_count:
            raise GateFailedError(
                f"{result.table}: {result.violation_count} rows break the check {result.check}",
                hint="the last good marts stay; correct the query or the lake table, then build again",
            )
