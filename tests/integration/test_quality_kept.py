"""What the gates find is kept as figures, shown to people, and never holds who was in the logs."""

import json
import shutil
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.control.deliveries import Delivery, LineCounts, record_delivery
from pipelines.control.ledger import quality_results, transaction
from pipelines.control.quality_results import latest_results, list_results
from pipelines.errors import GateFailedError
from pipelines.journeys.anomalies import compare_with_weeks_before, watch_quality
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.doctor import examine
from pipelines.journeys.house import House
from pipelines.journeys.ingest import ingest
from pipelines.journeys.verdicts import list_rules
from pipelines.quality.gate import judge
from pipelines.quality.measure import measure
from pipelines.quality.rules import compile_rules
from pipelines.warehouse.extract import read_mart
from pipelines.warehouse.query import run_query
from tests.integration.houses import found_house


def latest(house: House):
    return latest_results(list_results(house.ledger))


def test_every_table_that_was_filled_and_every_mart_has_its_verdict(town):
    found = latest(town.house)
    marts = {("marts", contract.name) for contract in town.house.catalogue.layer("marts")}
    assert marts <= found.keys()
    assert {("lake", "page_views"), ("lake", "identity_links"), ("lake", "rejected_lines")} <= found.keys()
    assert all(result.figures.passed for table in found.values() for result in table)


def test_mart_s_figures_are_those_of_its_gate_and_its_checks(town):
    house, contract = town.house, town.house.catalogue.get("marts", "usage_daily")
    rows = read_mart(house.settings.warehouse_file, "usage_daily")
    expected = {rule.rule: rule for rule in list_rules(judge(contract, measure(rows, compile_rules(contract))))}
    kept = {result.figures.rule: result.figures for result in latest(house)["marts", "usage_daily"]}
    assert {rule: figures for rule, figures in kept.items() if not rule.startswith("_check__")} == expected
    assert any(rule.startswith("_check__") for rule in kept)


def test_published_warehouse_tells_what_its_own_gate_found(town):
    told = query(town.house.settings.warehouse_file, "SELECT * FROM meta.quality ORDER BY ALL")
    kept = [
        result.figures for found in latest(town.house).values() for result in found if result.figures.layer == "marts"
    ]
    assert {(row["table"], row["rule"], row["observed"], row["passed"]) for row in told} == {
        (f"marts.{figures.table}", figures.rule, figures.observed, figures.passed) for figures in kept
    }


def query(path: Path, sql: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(run_query(path, sql, format="json"))
    return rows


def test_figures_of_a_file_are_entered_with_it_and_only_once(town):
    def count_rows() -> tuple[int, int]:
        (first, *_) = latest(town.house)["lake", "page_views"]
        return first.judged_count, first.figures.row_count

    runs, rows = count_rows()
    lines = [town.visit(town.neighbour, None, "2026-11-23", minute) for minute in range(3)]
    town.land("access", "more.jsonl", lines)
    town.take_in()
    assert count_rows() == (runs + 1, rows + 3)
    town.land("access", "again.jsonl", lines)
    town.take_in()
    assert count_rows() == (runs + 1, rows + 3)


def test_file_that_is_held_leaves_the_rule_that_it_broke(town):
    columns = town.house.catalogue.get("lake", "page_views").columns
    limited = tuple(
        replace(each, limits={"maximum": -1}) if each.name == "response_bytes" else each for each in columns
    )
    strict = change_contract(town.house, "lake", "page_views", columns=limited)
    town.land("access", "breaks.jsonl", [town.visit(town.neighbour, None, "2026-11-23", 5)])
    from pipelines.journeys.ingest import find_files

    (held,) = ingest(strict, find_files(strict))
    assert held.state == "held"
    broken = [result for result in latest(town.house)["lake", "page_views"] if not result.figures.passed]
    assert [result.figures.rule for result in broken] == ["response_bytes__range"]
    assert broken[0].failed_count == 1


def change_contract(house: House, layer: str, name: str, **changes: object) -> House:
    contracts = tuple(
        replace(each, **changes) if (each.layer, each.name) == (layer, name) else each
        for each in house.catalogue.contracts
    )
    return replace(house, catalogue=replace(house.catalogue, contracts=contracts))


def test_build_that_breaks_a_rule_leaves_its_figures_but_no_marts(town):
    columns = town.house.catalogue.get("marts", "usage_daily").columns
    limited = tuple(replace(each, limits={"maximum": -1}) if each.name == "page_views" else each for each in columns)
    with pytest.raises(GateFailedError):
        build_marts(change_contract(town.house, "marts", "usage_daily", columns=limited), also=[date(2026, 11, 20)])
    broken = [result for result in latest(town.house)["marts", "usage_daily"] if not result.figures.passed]
    assert [result.figures.rule for result in broken] == ["page_views__range"]
    said = CliRunner().invoke(app, ["quality"], env={"TOKUMEI_HOME": str(town.house.settings.home)}).output
    assert "marts.usage_daily: FAILED" in said
    assert "critical page_views__range" in said


def test_command_tells_the_latest_verdict_of_every_table(town):
    environment = {"TOKUMEI_HOME": str(town.house.settings.home)}
    told = CliRunner().invoke(app, ["quality", "--json"], env=environment)
    assert told.exit_code == 0
    record = json.loads(told.output)
    assert {item["table"] for item in record["tables"]} >= {"lake.page_views", "marts.usage_daily"}
    assert all(item["passed"] and item["rule_count"] for item in record["tables"])
    text = CliRunner().invoke(app, ["quality"], env=environment).output
    assert "marts.usage_daily: passed" in text
    assert "nothing unusual" in text


def test_documents_are_written_at_the_build_and_are_private(town):
    directory = town.house.settings.quality_documents
    tables = {f"{layer}_{table}.html" for layer, table in latest(town.house)}
    assert {path.name for path in directory.iterdir()} == {"index.html", *tables}
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_neither_documents_nor_ledger_nor_suites_hold_anybody(town):
    identifiers = [town.leaver, town.neighbour, "203.0.113.", "Firefox/144", "7d444840"]
    pages = "".join(path.read_text() for path in town.house.settings.quality_documents.iterdir())
    with transaction(town.house.ledger) as connection:
        kept = repr(connection.execute(sa.select(quality_results)).all())
    for identifier in identifiers:
        assert identifier not in pages
        assert identifier not in kept


def test_build_without_anything_new_draws_nothing_anew(town):
    index = town.house.settings.quality_documents / "index.html"
    index.unlink()
    build_marts(town.house)
    assert not index.exists()
    build_marts(town.house, also=[date(2026, 11, 20)])
    assert index.exists()


@pytest.fixture
def steady(tmp_path: Path) -> House:
    """Ten weeks of a source whose every day brings about a thousand lines, an hour after the day has ended."""
    house = found_house(tmp_path / "home")
    today = house.now().date()
    for ago in range(2, 71):
        arrive(house, today - timedelta(days=ago), 1000 + 13 * (ago % 5))
    return house


def arrive(house: House, day: date, accepted: int) -> None:
    received = datetime.combine(day + timedelta(days=1), datetime.min.time(), house.settings.zone) + timedelta(hours=1)
    record_delivery(
        house.ledger,
        Delivery(
            content_digest=f"{day:%Y%m%d}".rjust(64, "0"),
            source="access",
            file_name=f"{day}.log",
            state="committed",
            received_at=received,
            received_date=received.date(),
            counts=LineCounts(read=accepted, accepted=accepted),
            event_dates=(day,),
            settled=True,
        ),
    )


def compare(house: House):
    compared = compare_with_weeks_before(house.ledger, house.settings.warehouse_file, house.now())
    return {(each.dataset, each.measure): each for each in compared}


def test_source_that_goes_on_as_before_is_no_anomaly(steady: House):
    arrive(steady, steady.now().date() - timedelta(days=1), 1020)
    found = compare(steady)
    assert found.keys() == {("access", "accepted"), ("access", "delay")}
    assert not any(each.is_anomaly for each in found.values())


def test_source_that_stops_is_told_as_late(steady: House):
    found = compare(steady)["access", "delay"]
    assert found.observed > found.usual - 1.5
    later = compare_with_weeks_before(
        steady.ledger, steady.settings.warehouse_file, steady.now().replace(hour=23, minute=59)
    )
    assert [each.measure for each in later if each.is_anomaly] == ["delay"]


def test_volume_that_falls_warns_is_kept_and_stops_nothing(steady: House, caplog: pytest.LogCaptureFixture):
    yesterday = steady.now().date() - timedelta(days=1)
    with transaction(steady.ledger) as connection:
        from pipelines.control.ledger import deliveries

        matches = deliveries.c.received_date == yesterday
        connection.execute(sa.update(deliveries).where(matches).values(accepted_count=40, read_count=40))
    watch_quality(steady)
    assert [record.levelname for record in caplog.records if "accepted" in record.getMessage()] == ["WARNING"]
    (kept,) = latest(steady)["anomalies", "access"][:1]
    assert (kept.figures.rule, kept.figures.severity, kept.figures.passed) == ("accepted", "warning", False)
    build_marts(steady)
    doctor = {finding.subject: finding for finding in examine(steady.settings)}
    assert doctor["quality"].is_well
    assert "accepted" in doctor["quality"].detail
    told = CliRunner().invoke(app, ["quality"], env={"TOKUMEI_HOME": str(steady.settings.home)})
    assert told.exit_code == 0
    assert "unusual: access: accepted" in told.output


def test_ledger_from_before_gets_the_table(town, tmp_path: Path):
    from pipelines.control.ledger import open_ledger

    old = tmp_path / "old.db"
    shutil.copy(town.house.settings.home / "control.db", old)
    engine = open_ledger(f"sqlite:///{old}")
    with transaction(engine) as connection:
        connection.exec_driver_sql("DROP TABLE quality_results")
    assert list_results(open_ledger(f"sqlite:///{old}")) == ()
