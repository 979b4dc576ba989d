"""The assertions of checks.sql on a built warehouse, before it may be published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.contracts.model import Catalogue
from pipelines.warehouse.engine import engine_errors, open_engine
from pipelines.warehouse.statements import bind_select, read_checks


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How many rows of a mart break one of its assertions; none when all is well."""

    table: str
    check: str
    violation_count: int


def run_checks(path: Path, catalogue: Catalogue, sql_directory: Path) -> tuple[CheckResult, ...]:
    """Every check of every mart on one warehouse file, read-only; whoever publishes it refuses on any violation."""
    with (
        engine_errors("checking the marts"),
        open_engine(str(path), read_only=True, options={"enable_external_access": "false"}) as engine,
    ):
        return tuple(
            CheckResult(
                table=contract.name,
                check=check,
                violation_count=len(bind_select(engine, sql, {"minimum_people": contract.minimum_people})),
            )
            for contract in catalogue.layer("marts")
            for check, sql in read_checks(sql_directory, contract.name).items()
        )
