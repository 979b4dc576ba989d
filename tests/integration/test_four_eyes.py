"""Four eyes: whoever filed a request cannot approve the plan that holds it, whichever way the approval comes."""

from dataclasses import replace
from getpass import getuser

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from anonymization.keyring import Secret
from pipelines.cli import app
from pipelines.console.approval import ApprovalError, answer_plan
from pipelines.console.authority import Login, Person
from pipelines.control.desk_tables import desk_acts, rights_requests
from pipelines.control.moves import list_moves
from pipelines.control.requests import get_plan, get_request, list_requests
from pipelines.control.subjects import AccountFacts
from pipelines.errors import SameEyesError
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import approve_plan, plan_deletions, request_deletion
from pipelines.journeys.four_eyes import require_four_eyes
from tests.end_to_end.ports import two_free_ports

DONE = AccountFacts(0, 0, None)


@pytest.fixture
def strict(town):
    """The town's house with the setting on."""
    return replace(town.house, settings=replace(town.house.settings, four_eyes=1))


def file_and_plan(house, town, requested_by: str | None) -> tuple[str, str]:
    request_id = request_deletion(house, town.stranger, request_key="filed", facts=DONE, requested_by=requested_by)
    decide_requests(house)
    planned = plan_deletions(house)
    assert planned is not None
    return request_id, planned.digest


def test_request_names_who_filed_it_and_so_does_its_first_move(town):
    request_id, _ = file_and_plan(town.house, town, "ada")
    assert get_request(town.house.ledger, request_id).requested_by == "ada"
    assert list_moves(town.house.ledger, request_id)[0][2] == "ada"


def test_request_of_the_member_names_the_channel_alone(town):
    request_id, _ = file_and_plan(town.house, town, None)
    assert get_request(town.house.ledger, request_id).requested_by is None
    assert list_moves(town.house.ledger, request_id)[0][2] == "cli"


@pytest.mark.parametrize("approver", ["ada", "ADA", " ada "])
def test_who_filed_a_request_cannot_approve_it_and_everything_stays_planned(town, strict, approver):
    request_id, digest = file_and_plan(strict, town, "ada")
    with pytest.raises(SameEyesError, match="another officer"):
        approve_plan(strict, digest, approved_by=approver)
    assert get_request(strict.ledger, request_id).state == "planned"
    assert get_plan(strict.ledger, digest).approved_by is None
    assert plan_deletions(strict) is not None


def test_another_person_approves(town, strict):
    request_id, digest = file_and_plan(strict, town, "ada")
    approve_plan(strict, digest, approved_by="ben")
    assert get_request(strict.ledger, request_id).state == "approved"


def test_without_the_setting_who_filed_it_may_approve(town):
    request_id, digest = file_and_plan(town.house, town, "ada")
    approve_plan(town.house, digest, approved_by="ada")
    assert get_request(town.house.ledger, request_id).state == "approved"


def test_command_files_and_approves_as_the_user_of_the_machine(town):
    variables = {"TOKUMEI_HOME": str(town.home), "TOKUMEI_FOUR_EYES": "1"}
    for path in (town.house.settings.landing / "requests").iterdir():
        path.unlink()
    words = ["delete", "request", "--user-id", town.stranger, "--open-trades", "0"]
    assert CliRunner().invoke(app, words, env=variables).exit_code == 0
    assert CliRunner().invoke(app, ["delete", "plan"], env=variables).exit_code == 0
    [request] = list_requests(town.house.ledger)
    assert request.requested_by == getuser()
    refused = CliRunner().invoke(app, ["delete", "approve", str(request.plan_digest)], env=variables)
    assert isinstance(refused.exception, SameEyesError)


def test_right_that_is_filed_for_a_member_counts_too(town, strict):
    now = strict.now()
    row = {
        "request_id": "0" * 36,
        "request_key": "right",
        "kind": "access",
        "channel": "desk",
        "requested_at": now,
        "requested_by": "ada",
        "state": "planned",
        "known_keys": "",
        "plan_digest": "ab" * 32,
        "due_on": now.date(),
    }
    with strict.ledger.begin() as connection:
        connection.execute(sa.insert(rights_requests).values(row))
    with pytest.raises(SameEyesError):
        require_four_eyes(strict, "ab" * 32, approver="ada")
    require_four_eyes(strict, "ab" * 32, approver="ben")


def acts(house) -> list[tuple[str, str, str, str | None]]:
    with house.ledger.begin() as connection:
        query = sa.select(desk_acts.c.actor, desk_acts.c.act, desk_acts.c.outcome, desk_acts.c.reason)
        return [tuple(row) for row in connection.execute(query.order_by(desk_acts.c.act_id))]


def test_desk_refuses_before_airflow_is_asked_and_notes_every_refusal(town, strict):
    _, digest = file_and_plan(strict, town, "ada")
    ada, ben = Person("ada", "officer"), Person("ben", "officer")
    nobody_listens = replace(ben, login=Login(f"http://127.0.0.1:{two_free_ports()}", Secret("token")))
    tries = [(ada, "", "four eyes", 403), (ben, "", "login", 401), (ben, "a" * 301, "note", 422)]
    for person, note, kind, status in [*tries, (nobody_listens, "", "unreachable", 503)]:
        with pytest.raises(ApprovalError) as refusal:
            answer_plan(strict, person, digest, "Approve", note)
        assert (refusal.value.kind, refusal.value.status) == (kind, status)
    assert acts(strict) == [
        ("ada", "approve", "refused", "four eyes"),
        ("ben", "approve", "refused", "login"),
        ("ben", "approve", "refused", "note"),
        ("ben", "approve", "failed", "unreachable"),
    ]
