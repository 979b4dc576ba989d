"""Rows of the lake and the ledger as frames, and the warehouse that is built of them."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from pipelines.contracts.derive import polars_schema
from pipelines.contracts.model import Catalogue, load_catalogue
from pipelines.control.deletion_facts import FACT_SCHEMA
from pipelines.settings import load_settings
from pipelines.warehouse.build import BuiltWarehouse, build_warehouse
from pipelines.warehouse.query import run_query
from pipelines.warehouse.relations import Inputs
from pipelines.warehouse.serve import publish_warehouse

SETTINGS = load_settings()
CATALOGUE = load_catalogue(SETTINGS.contracts)
MARTS = CATALOGUE.layer("marts")
MONDAY = date(2026, 11, 2)
RESTRICTION_SCHEMA = pl.Schema({"purpose": pl.String(), "pseudonym": pl.Binary()})
BUILT_AT = datetime(2026, 11, 22, 10, 45, tzinfo=UTC)

Row = dict[str, object]


def view(day: date, person: int, minute: int = 0) -> Row:
    return {
        "event_at": datetime(day.year, day.month, day.day, 3, tzinfo=UTC) + timedelta(minutes=minute),
        "event_date": day,
        "subject_bucket": person % 4,
        "visitor_pseudonym": pseudonym(person),
        "device_pseudonym": pseudonym(person),
        "user_pseudonym": pseudonym(person + 500) if person % 2 else None,
        "key_id": "usage-1",
        "is_page_view": True,
        "status_code": 200,
        "response_bytes": 100,
        "browser_family": f"Browser {person % 3}",
        "os_family": "Linux",
        "device_class": "desktop",
        "page_group": "item",
        "route": "/item/{id}",
        "referrer_channel": "search_engine",
        "referrer_source": "google",
    }


def bot_view(day: date, person: int) -> Row:
    return view(day, person) | {"user_pseudonym": None, "is_page_view": False, "bot_family": "search_engine"}


def app_open(day: date, person: int) -> Row:
    return {
        "event_date": day,
        "subject_bucket": person % 4,
        "user_pseudonym": pseudonym(person + 500),
        "key_id": "usage-1",
        "event_name": "app_open",
    }


def search(day: date, person: int, term: str = "camera") -> Row:
    return {"event_date": day, "term": term, "people_sketch": person % 64, "page_number": 1, "result_count": 1}


def answer(day: date, person: int, csat: int = 5) -> Row:
    return {
        "event_date": day,
        "subject_bucket": person % 2,
        "user_pseudonym": pseudonym(person + 900),
        "survey_id": "after_sale",
        "csat": csat,
    }


def refusal(day: date, person: int) -> Row:
    """A login that was refused."""
    return {
        "event_at": datetime(day.year, day.month, day.day, 3, tzinfo=UTC),
        "event_date": day,
        "subject_bucket": person % 2,
        "user_pseudonym": pseudonym(person + 1300),
        "device_pseudonym": pseudonym(person + 1700),
        "key_id": "security-1",
        "is_login_failure": True,
    }


def received_file(day: date, **counts: int) -> Row:
    figures = (
        dict.fromkeys(("read", "accepted", "rejected", "duplicate", "suppressed", "late", "undeclared"), 0) | counts
    )
    return {"received_date": day, "source": "access", "state": "committed"} | {
        f"{name}_count": count for name, count in figures.items()
    }


def pseudonym(number: int) -> bytes:
    """Sixteen bytes that no other part of a file holds by chance."""
    return b"planted" + number.to_bytes(9, "big")


def inputs_from(**rows: list[Row]) -> dict[str, pl.DataFrame]:
    """Every input as a frame: those of the lake and of the ledger, empty when left out."""
    lake = {
        f"lake.{table.name}": pl.DataFrame(rows.get(table.name, []), schema=polars_schema(table))
        for table in CATALOGUE.layer("lake")
    }
    files = rows.get("source_files", [])
    ledger = {
        "control.source_files": pl.DataFrame([*files, received_file(MONDAY)]).head(len(files)),
        "control.deletion_facts": pl.DataFrame(rows.get("deletion_facts", []), schema=FACT_SCHEMA),
        "control.restrictions": pl.DataFrame(rows.get("restrictions", []), schema=RESTRICTION_SCHEMA),
    }
    return lake | ledger


# Where others are restricted, everything is made anew.
RESTRICTED = [{"purpose": "usage", "pseudonym": pseudonym(4000)}]


def busy_inputs(days: int = 2) -> dict[str, pl.DataFrame]:
    """Enough people on each day for every mart to have rows."""
    dates = [MONDAY + timedelta(days=offset) for offset in range(days)]
    return inputs_from(
        page_views=[row for day in dates for row in (bot_view(day, 40), *(view(day, person) for person in range(40)))],
        searches=[search(day, person) for day in dates for person in range(12)],
        survey_responses=[answer(day, person) for day in dates for person in range(30)],
        restrictions=RESTRICTED,
        security_events=[refusal(day, person) for day in dates for person in range(12)],
        source_files=[received_file(day, read=40, accepted=40) for day in dates],
        deletion_facts=[{"month": MONDAY.replace(day=1), "fact": "completed", "days": 2.5, "row_count": 7}] * 12,
    )


def build(
    directory: Path,
    inputs: Inputs,
    event_dates: Sequence[date] | None = None,
    *,
    catalogue: Catalogue = CATALOGUE,
    sql: Path = SETTINGS.sql,
) -> BuiltWarehouse:
    return build_warehouse(
        directory,
        catalogue,
        sql,
        inputs,
        event_dates,
        timezone="Asia/Tokyo",
        memory_limit="500MB",
        built_at=BUILT_AT,
    )


def publish(built: BuiltWarehouse) -> Path:
    return publish_warehouse(built, built.path.parent / "tokumei.duckdb")


def rows_of(path: Path, table: str) -> list[Row]:
    return json.loads(run_query(path, f"FROM {table} ORDER BY ALL", format="json"))


def all_marts(path: Path) -> dict[str, list[Row]]:
    with duckdb.connect(str(path), read_only=True) as engine:
        names = [contract.name for contract in MARTS]
        return {name: engine.sql(f"FROM marts.{name} ORDER BY ALL").pl().to_dicts() for name in names}
