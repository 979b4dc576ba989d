"""A hold keeps the rows of one table from a deletion, which ends everywhere else and goes on when the hold is over."""

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.control.holds import list_holds, release_hold
from pipelines.control.moves import list_moves
from pipelines.control.requests import list_requests
from pipelines.errors import DeletionIncompleteError, PlanChangedError
from pipelines.journeys import certify, delete
from pipelines.journeys.audit import audit
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import accept_landed, find_open_plans, plan_deletions, run_plan
from pipelines.journeys.retain import place_hold
from pipelines.lake.rewrite import multiset_hash
from pipelines.proof.scan import scan

BASIS = "case 7"
HELD = "page_views"
OTHERS = ("security_events", "device_events", "survey_responses", "identity_links")
WAY_OF_HELD = ["received", "ready", "planned", "approved", "running", "verifying", "held"]
WAY_ON = ["ready", "planned", "approved", "running", "verifying", "completed"]


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(certify, "RESCAN_SECONDS", 0.0)


def place(town, table: str = HELD, days: int = 9):
    ends_on = town.house.now().date() + timedelta(days=days)
    return place_hold(town.house, table, legal_basis=BASIS, ends_on=ends_on, placed_by="officer")


def release(town) -> None:
    for hold in list_holds(town.house.ledger):
        if hold.released_at is None:
            release_hold(town.house.ledger, hold.hold_id, released_at=town.house.now(), released_by="officer")


def states(town) -> list[str]:
    return [request.state for request in list_requests(town.house.ledger)]


def way(town, request_id: str) -> list[str]:
    return [state for state, *_ in list_moves(town.house.ledger, request_id)]


def hash_rows(town, *tables: str) -> dict[str, int]:
    return {table: multiset_hash(town.rows(table)) for table in tables}


def test_held_deletion_ends_everywhere_else_and_goes_on_to_its_certificate_when_the_hold_is_released(town):
    hold = place(town)
    accept_landed(town.house)
    before = hash_rows(town, HELD)
    digest = town.approve()
    requests = list_requests(town.house.ledger)
    gone = [value for request in requests for value in town.events_of(request)]
    assert town.finish(digest) == (), "nobody is certified while anything is kept"
    assert states(town) == ["held", "held"]
    assert hash_rows(town, HELD) == before
    excluded = [town.home / "keys", town.home / "lake" / HELD]
    assert scan([town.home], gone, excluded=excluded).clean
    [held, _] = list_requests(town.house.ledger)
    assert held.reason.startswith(f"lake.{HELD}: {BASIS}, until {hold.ends_on}; without them ")
    assert held.reason.endswith(" files were scanned and are clean")
    assert held.held_datasets == (HELD,)
    assert way(town, held.request_id) == WAY_OF_HELD
    assert audit(town.house).certificate_count == 0
    assert decide_requests(town.house) == (), "the hold still protects"
    assert (plan_deletions(town.house), find_open_plans(town.house)) == (None, ())

    release(town)
    assert len(decide_requests(town.house)) == 2
    certified = town.finish(town.approve())
    assert states(town) == ["completed", "completed"]
    assert way(town, held.request_id) == [*WAY_OF_HELD, *WAY_ON]
    report = scan([town.home], gone, excluded=[town.home / "keys"])
    assert (report.finding_count, report.unreachable) == (0, ())
    outcomes = {part.dataset: (part.outcome, part.row_count) for part in certified[0].certificate.datasets}
    assert outcomes["lake.page_views"] == ("erased", 5), "with the visit of the phone that nobody signed in for"
    assert outcomes["lake.identity_links"] == ("erased", 9), "which the first of the two plans deleted"
    assert outcomes["control.account_facts"] == ("erased", 1)
    assert certified[0].certificate.final


def test_hold_that_is_over_lets_its_requests_go_on_with_new_time(town, monkeypatch: pytest.MonkeyPatch):
    place(town, days=0)
    accept_landed(town.house)
    town.finish(town.approve())
    assert states(town) == ["held", "held"]
    tomorrow = town.house.now() + timedelta(days=1)
    monkeypatch.setattr(type(town.house), "now", lambda _: tomorrow)
    assert {request.state for request in decide_requests(town.house)} == {"ready"}
    for request in list_requests(town.house.ledger):
        assert request.reason == "no hold protects what is left any more"
        assert request.due_on == tomorrow.date() + timedelta(days=town.house.settings.deadline_days)
        assert request.held_datasets == ()


def test_only_those_are_held_of_whom_the_held_table_keeps_rows(town):
    place(town, "survey_responses")
    accept_landed(town.house)
    [verified] = town.finish(town.approve_stranger())
    by_key = {request.request_key: request for request in list_requests(town.house.ledger)}
    assert by_key["stranger"].state == "completed"
    assert verified.certificate.request_id == by_key["stranger"].request_id
    assert {by_key[key].state for key in ("key-0", "key-1")} == {"held"}
    kept = {part.dataset: part for part in verified.certificate.datasets}["lake.survey_responses"]
    assert (kept.outcome, kept.row_count) == ("absent", 0)


def test_residue_outside_the_held_table_keeps_the_request_from_being_held(town):
    place(town)
    accept_landed(town.house)
    digest = town.approve()
    [request, _] = list_requests(town.house.ledger)
    copy = town.home / "lake" / "device_events" / "export.csv"
    copy.write_text(town.events_of(request)[0].hex())
    with pytest.raises(DeletionIncompleteError, match=r"found 1 occurrences .*export\.csv"):
        town.finish(digest)
    assert states(town) == ["verifying", "verifying"]
    copy.unlink()
    town.finish(digest)
    assert states(town) == ["held", "held"]


def test_hold_that_is_placed_or_released_after_approval_asks_for_a_new_plan(town):
    accept_landed(town.house)
    digest = town.approve()
    place(town)
    before = hash_rows(town, HELD, *OTHERS)
    with pytest.raises(PlanChangedError, match="no longer describes"):
        run_plan(town.house, digest)
    assert hash_rows(town, HELD, *OTHERS) == before
    digest = town.approve()
    release(town)
    with pytest.raises(PlanChangedError, match="no longer describes"):
        run_plan(town.house, digest)
    assert len(town.finish(town.approve())) == 2


def test_hold_that_is_placed_while_a_plan_is_carried_out_protects_what_is_not_deleted_yet(town, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    accept_landed(town.house)
    digest = town.approve()
    with monkeypatch.context() as interrupted:
        interrupted.setattr(delete, "remove_subjects", stop)
        with pytest.raises(KeyboardInterrupt):
            run_plan(town.house, digest)
    assert states(town) == ["running", "running"]
    place(town)
    before = hash_rows(town, HELD)
    assert town.finish(digest) == ()
    assert hash_rows(town, HELD) == before
    assert states(town) == ["held", "held"]
    release(town)
    assert len(town.finish(town.approve())) == 2


def test_hold_released_while_a_plan_is_carried_out_lets_the_rest_go_with_the_next_plan(town):
    place(town)
    accept_landed(town.house)
    digest = town.approve()
    run_plan(town.house, digest)
    release(town)
    assert certify_deletions(town.house, digest) == ()
    [held, _] = list_requests(town.house.ledger)
    assert (held.state, held.held_datasets) == ("held", (HELD,))
    assert held.reason.startswith(f"lake.{HELD}: its hold is over; ")
    assert len(town.finish(town.approve())) == 2


def test_phone_that_somebody_else_uses_while_rows_are_held_keeps_its_new_owners_rows(town):
    place(town)
    accept_landed(town.house)
    town.finish(town.approve())
    later = (town.house.now() + timedelta(days=1)).date().isoformat()
    phone = town.phone(town.leaver)
    town.land("access", "next.jsonl", [town.visit(town.neighbour, phone, later, 1)])
    town.take_in()
    rows = town.rows(HELD)
    release(town)
    assert len(town.finish(town.approve())) == 2
    left = town.rows(HELD)
    neighbour = town.subject(town.neighbour).users["usage"]

    def count(frame) -> int:
        return frame["user_pseudonym"].is_in(neighbour).sum()

    assert count(left) == count(rows)


def test_hold_on_a_table_without_any_row_holds_nobody(town):
    place(town, "quarantined_lines")
    accept_landed(town.house)
    assert len(town.finish(town.approve())) == 2


def test_commands_tell_what_is_held_why_and_until_when(town):
    def invoke(*words: str) -> dict:
        done = CliRunner().invoke(app, [*words, "--json"], env={"TOKUMEI_HOME": str(town.home)})
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    until = str(town.house.now().date() + timedelta(days=9))
    hold_id = invoke("hold", "place", HELD, "--basis", BASIS, "--until", until)["hold_id"]
    planned = invoke("delete", "plan")
    assert {line["strategy"] for line in planned["datasets"] if line["table"] == HELD} == {"held"}
    invoke("delete", "approve", planned["digest"])
    ran = invoke("delete", "run")
    assert ran["certificates"] == []
    assert set(ran["held"]) == set(planned["requests"])
    assert all(f"{BASIS}, until {until}" in reason for reason in ran["held"].values())
    [told, _] = invoke("delete", "status")["requests"]
    assert (told["state"], told["days_left"], told["held_datasets"]) == ("held", None, [HELD])
    assert told["reason"] in ran["held"].values()
    invoke("hold", "release", hold_id)
    assert set(invoke("delete", "plan")["requests"]) == set(planned["requests"])
