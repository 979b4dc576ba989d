"""What gates and watches found, kept in the ledger as figures: for each day, table and rule one row, for 90 days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pipelines.control.ledger import quality_results, transaction

KEPT_DAYS = 90
KEY = ("judged_on", "layer", "table_name", "rule")
INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """One rule of one table of row_count rows: its figure in its unit, the limits, and whether these are kept."""

    layer: str
    table: str
    contract_version: str
    row_count: int
    rule: str
    severity: str
    unit: str
    observed: float
    minimum: float | None
    maximum: float | None
    passed: bool
    description: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything that one run of a gate found, and when. judged_on: that day in the service's time zone."""

    run_id: str
    judged_on: date
    judged_at: datetime
    figures: tuple[RuleFigures, ...] = field(hash=False)


@dataclass(frozen=True, slots=True)
class DayOfRule:
    """What became of one rule on one day, in judged_count runs; a lake table's figures are those of all their files.

    figures: of lake tables rows add up and percentages are of all rows; of others they are the last run's. passed is
    the last run's anyway.
    """

    run_id: str
    judged_on: date
    judged_at: datetime
    judged_count: int
    failed_count: int
    figures: RuleFigures


def record_judgement(engine: sa.Engine, judgement: Judgement) -> None:
    """Enter what a run found, and let go of what is older than 90 days."""
    oldest = judgement.judged_on - timedelta(days=KEPT_DAYS)
    with transaction(engine) as connection:
        add_judgement(connection, judgement)
        connection.execute(sa.delete(quality_results).where(quality_results.c.judged_on < oldest))


def add_judgement(connection: sa.Connection, judgement: Judgement) -> None:
    """Enter what a run found as part of a larger change; figures of lake tables join those of the day's other files.

    A row for each day and not for each file: files are many, and their figures add up.
    """
    rows = [_write(judgement, figures) for figures in judgement.figures]
    if rows:
        connection.execute(insert_or_join(connection.dialect.name), rows)


def insert_or_join(dialect: str) -> sa.Executable:
    """The statement that enters a figure, or joins it with that of the same day, table and rule."""
    statement = INSERTS[dialect](quality_results)
    joined: sa.Executable = statement.on_conflict_do_update(index_elements=KEY, set_=_join(statement.excluded))
    return joined


def _write(judgement: Judgement, figures: RuleFigures) -> dict[str, Any]:
    row = asdict(figures)
    row["table_name"] = row.pop("table")
    row["description"] = figures.description[:1000]
    counts = {"judged_count": 1, "failed_count": int(not figures.passed)}
    return {
        **row,
        **counts,
        "run_id": judgement.run_id,
        "judged_on": judgement.judged_on,
        "judged_at": judgement.judged_at,
    }


def _join(new: Any) -> dict[str, Any]:  # noqa: ANN401 - both dialects' own type of the row that is not inserted
    """Each column of a row that is there already, from what it is and from what comes."""
    known = quality_results.c
    latest = {name: new[name] for name in known.keys() if name not in KEY}  # noqa: SIM118 - of columns
    both = known.row_count + new.row_count
    share = (known.observed * known.row_count + new.observed * new.row_count) / sa.func.nullif(both, 0)
    is_lake = known.layer == "lake"
    observed = sa.case(
        (is_lake & (new.unit == "rows"), known.observed + new.observed),
        (is_lake & (new.unit == "percent"), sa.func.coalesce(share, 0)),
        (is_lake & (known.observed > new.observed), known.observed),
        else_=new.observed,
    )
    return latest | {
        "observed": observed,
        "row_count": sa.case((is_lake, both), else_=new.row_count),
        "judged_count": known.judged_count + new.judged_count,
        "failed_count": known.failed_count + new.failed_count,
    }


def list_results(engine: sa.Engine) -> tuple[DayOfRule, ...]:
    """Everything that is kept, by layer and table, the latest first, rules in the order of their names."""
    order = (quality_results.c.layer, quality_results.c.table_name, quality_results.c.judged_at.desc())
    query = sa.select(quality_results).order_by(*order, quality_results.c.rule)
    with transaction(engine) as connection:
        return tuple(_read(row) for row in connection.execute(query))


def latest_results(results: Iterable[DayOfRule]) -> dict[tuple[str, str], tuple[DayOfRule, ...]]:
    """By layer and table, what its last run judged; rules that it judges no longer are left out."""
    tables: dict[tuple[str, str], list[DayOfRule]] = {}
    for result in sorted(results, key=lambda each: each.judged_at, reverse=True):
        found = tables.setdefault((result.figures.layer, result.figures.table), [])
        if not found or found[0].run_id == result.run_id:
            found.append(result)
    return {name: tuple(sorted(found, key=lambda each: each.figures.rule)) for name, found in sorted(tables.items())}


def _read(row: sa.Row[Any]) -> DayOfRule:
    figures = RuleFigures(
        layer=row.layer,
        table=row.table_name,
        contract_version=row.contract_version,
        row_count=row.row_count,
        rule=row.rule,
        severity=row.severity,
        unit=row.unit,
        observed=row.observed,
        minimum=row.minimum,
        maximum=row.maximum,
        passed=row.passed,
        description=row.description,
    )
    return DayOfRule(row.run_id, row.judged_on, row.judged_at, row.judged_count, row.failed_count, figures)
