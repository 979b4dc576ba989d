"""A deletion empties the quarantine, for nobody can tell who is in it, and says so in plan and certificate."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.control.subjects import AccountFacts
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import approve_plan, plan_deletions, request_deletion, run_plan
from pipelines.settings import REPOSITORY

DAYS = 3
EVERYBODY_GOES = "nobody can tell who is in a line that could not be read, so all of them go"


@pytest.fixture(scope="module")
def contracts(tmp_path_factory) -> str:
    directory = tmp_path_factory.mktemp("contracts") / "contracts"
    shutil.copytree(REPOSITORY / "data_contracts", directory)
    path = directory / "sources" / "devices.odcs.yaml"
    limit = "      - {property: maximumRejectPercent,"
    asked = f"      - {{property: quarantine, value: {{days: {DAYS}}}}}\n{limit}"
    path.write_text(path.read_text().replace(limit, asked))
    return str(directory)


@pytest.fixture
def town(open_town, contracts):
    """A town with one line in quarantine, of nobody knows whom, and a request of somebody of whom nothing is stored."""
    town = open_town(TOKUMEI_CONTRACTS=contracts)
    land_unreadable(town, "a.jsonl")
    request_deletion(town.house, town.stranger, request_key="stranger", facts=AccountFacts(0, 0, None))
    return town


def land_unreadable(town, name: str) -> None:
    opening = {"event": "app_open", "device_id": town.phone(town.neighbour), "platform": "ios"}
    good = [{"time": f"{town.days[0]}T11:{minute:02}:00+09:00", **opening} for minute in range(40)]
    path = town.land("devices", name, good)
    path.write_text(path.read_text() + f"{town.leaver} {name}\n")
    town.take_in()


def count_quarantined(town) -> int:
    return town.rows("quarantined_lines").height


def stored_files(town) -> list[Path]:
    return list((town.home / "lake" / "quarantined_lines").glob("expires_on=*/*"))


def plan(town) -> tuple[str, dict[str, object]]:
    decide_requests(town.house)
    planned = plan_deletions(town.house)
    approve_plan(town.house, planned.digest, approved_by="compliance-officer")
    [line] = [line for line in planned.datasets if line["table"] == "quarantined_lines"]
    return planned.digest, line


def outcome(verified):
    [part] = [part for part in verified.certificate.datasets if part.dataset == "lake.quarantined_lines"]
    return part


def test_every_deletion_empties_the_quarantine_and_the_plan_and_the_certificate_say_so(town):
    digest, line = plan(town)
    assert line == {
        "table": "quarantined_lines",
        "strategy": "empty",
        "rows": 1,
        "files": 1,
        "reason": EVERYBODY_GOES,
    }
    [verified] = town.finish(digest)
    part = outcome(verified)
    assert (part.outcome, part.row_count, part.file_count, part.reason) == ("erased", 1, 1, EVERYBODY_GOES)
    assert verified.certificate.final
    assert (count_quarantined(town), stored_files(town)) == (0, [])


def test_lines_that_come_between_approval_and_run_go_too_and_change_no_plan(town):
    digest, _ = plan(town)
    land_unreadable(town, "b.jsonl")
    assert run_plan(town.house, digest)["quarantined_lines"] == {"rows": 2, "files": 2}
    assert count_quarantined(town) == 0


def test_certificate_names_the_day_on_which_later_lines_expire(town):
    digest, _ = plan(town)
    run_plan(town.house, digest)
    land_unreadable(town, "late.jsonl")
    [verified] = certify_deletions(town.house, digest)
    part = outcome(verified)
    assert (part.outcome, part.row_count) == ("expires", 1)
    assert part.expires_on == town.house.now().date() + timedelta(days=DAYS)
    assert not verified.certificate.final


def test_emptying_again_counts_what_came_since(town):
    digest, _ = plan(town)
    run_plan(town.house, digest)
    land_unreadable(town, "late.jsonl")
    [verified] = town.finish(digest)
    assert (outcome(verified).outcome, outcome(verified).row_count) == ("erased", 2)
