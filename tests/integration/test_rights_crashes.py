"""A crash after any side effect of a restriction, then whatever runs next: one restriction and one certificate."""

import shutil

import pytest

from pipelines.control.moves import list_moves
from pipelines.control.restrictions import list_restrictions
from pipelines.control.rights import list_rights
from pipelines.journeys.audit import require_declared, verify_certificates
from pipelines.journeys.rights import finish_suspensions
from pipelines.warehouse.extract import read_mart

WAY = ["received", "planned", "approved", "running", "completed"]
SLOW = pytest.mark.slow
POINTS = [
    pytest.param("enter_right", 1, id="filed"),
    pytest.param("store_plan", 1, id="plan stored", marks=SLOW),
    pytest.param("move_rights", 1, id="planned", marks=SLOW),
    pytest.param("record_approval", 1, id="approval recorded", marks=SLOW),
    pytest.param("move_rights", 2, id="approved", marks=SLOW),
    pytest.param("enter_restrictions", 1, id="restriction in force"),
    pytest.param("move_rights", 3, id="running", marks=SLOW),
    pytest.param("publish_warehouse", 1, id="marts published"),
    pytest.param("issue", 1, id="certified"),
    pytest.param("complete", 1, id="completed", marks=SLOW),
]


@pytest.mark.parametrize(("step", "count"), POINTS)
def test_restriction_ends_the_same_after_a_crash(open_town, founded, crash_in, tmp_path, *, step: str, count: int):
    home = shutil.copytree(founded, tmp_path / "home")
    crash_in("rights_until.py", home, step, count)
    town = open_town(home)
    require_declared(town.house)
    finish_suspensions(town.house)
    [request] = list_rights(town.house.ledger)
    assert [state for state, *_ in list_moves(town.house.ledger, request.request_id)] == WAY
    [verified] = verify_certificates(town.house)
    assert (verified.certificate.request_id, verified.certificate.kind) == (request.request_id, "restrict")
    assert len(list_restrictions(town.house.ledger)) == 1
    assert read_mart(town.house.settings.warehouse_file, "usage_daily")["members"].to_list() == [8, 8]
