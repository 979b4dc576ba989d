"""Suspension of use as a right: filed once, in force at once, proved by other code, certified in the one chain."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.control.deliveries import mark_built, unbuilt_dates, unbuilt_digests
from pipelines.control.moves import list_moves
from pipelines.control.requests import get_plan
from pipelines.control.restrictions import lift_restrictions, list_restrictions, touch_all
from pipelines.control.rights import get_right, list_rights
from pipelines.errors import CertificateInvalidError, ConfigurationError, ProofFailedError, RightsError
from pipelines.journeys.access import remove_exports
from pipelines.journeys.audit import verify_certificates
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.certify import find_ledger
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.restrict import digest_restricted, list_restricted
from pipelines.journeys.rights import GROUNDS, close_rights_of, file_right, finish_suspensions, refuse_right
from pipelines.proof.certificate import verify_all
from pipelines.proof.restriction import read_restricted_digest
from pipelines.proof.scan import scan
from pipelines.warehouse.directory import lock_directory
from pipelines.warehouse.extract import read_mart
from tests.integration.conftest import LEAVER, MEMBERS, NEIGHBOUR, STRANGER, list_accounts

WAY = ["received", "planned", "approved", "running", "completed"]


def ask(town, kind: str, user: str = NEIGHBOUR, key: str = "one", **more: object) -> str:
    asked = {"request_key": key, "channel": "console", "requested_by": "officer", **more}
    return file_right(town.house, kind, user, **asked)


def list_states(town, request_id: str) -> list[str]:
    return [state for state, *_ in list_moves(town.house.ledger, request_id)]


def count_members(town) -> list[int]:
    return read_mart(town.house.settings.warehouse_file, "usage_daily")["members"].to_list()


def test_restriction_is_in_force_proved_and_certified_when_it_was_filed(town):
    everybody = count_members(town)
    request_id = ask(town, "restrict", detail={"reason": "asked by letter"})
    request = get_right(town.house.ledger, request_id)
    assert (request.state, request.sealed_subject, request.sealed_detail) == ("completed", None, None)
    assert request.due_on == (request.requested_at + timedelta(days=30)).astimezone(town.house.settings.zone).date()
    assert list_states(town, request_id) == WAY
    assert count_members(town) == [count - 1 for count in everybody]
    [verified] = verify_certificates(town.house)
    certificate = verified.certificate
    plan = get_plan(town.house.ledger, certificate.plan_digest)
    assert (certificate.kind, certificate.final, certificate.approved_by) == ("restrict", True, "officer")
    outcomes = {part.dataset: (part.outcome, part.row_count) for part in certificate.datasets}
    planned = {f"lake.{each['table']}": each["row_count"] for each in plan.document["datasets"]}
    assert {name: count for name, (_, count) in outcomes.items() if name.startswith("lake.")} == planned
    assert outcomes["lake.survey_responses"] == ("restricted", 1)
    assert outcomes["marts.usage_daily"] == ("recomputed", 0)


def test_suspension_and_its_end_stand_in_one_chain_with_deletions(town):
    everybody = count_members(town)
    restricted, lifted = ask(town, "restrict"), ask(town, "unrestrict", key="two")
    accept_landed(town.house)
    town.finish(town.approve())
    kinds = [verified.certificate.kind for verified in verify_all(town.house.settings.certificates)]
    assert kinds == ["restrict", "unrestrict", "deletion", "deletion"]
    assert {get_right(town.house.ledger, each).state for each in (restricted, lifted)} == {"completed"}
    assert list_restrictions(town.house.ledger) == ()
    assert count_members(town) == [count - 2 for count in everybody]


def test_filing_under_one_key_twice_is_filing_once(town):
    assert ask(town, "restrict") == ask(town, "restrict")
    assert len(list_rights(town.house.ledger)) == len(verify_all(town.house.settings.certificates)) == 1


def test_key_of_a_deletion_is_not_given_to_another_right(town):
    accept_landed(town.house)
    with pytest.raises(ConfigurationError, match="deletion was filed under this key"):
        ask(town, "restrict", key="key-0")


def test_suspension_waits_for_its_proof_while_the_warehouse_is_locked_and_any_build_ends_it(town):
    everybody = count_members(town)
    with lock_directory(town.house.settings.warehouse_directory):
        request_id = ask(town, "restrict")
        assert get_right(town.house.ledger, request_id).state == "running"
        assert len(list_restrictions(town.house.ledger)) == 1, "the restriction stands already"
    command = [Path(sys.executable).with_name("tokumei"), "build-marts"]
    subprocess.run(command, env={"TOKUMEI_HOME": str(town.home), "PATH": ""}, check=True, capture_output=True)
    assert get_right(town.house.ledger, request_id).state == "completed"
    assert count_members(town) == [count - 1 for count in everybody]
    assert finish_suspensions(town.house) == ()


def test_later_request_takes_back_one_that_still_waits_for_its_proof(town):
    with lock_directory(town.house.settings.warehouse_directory):
        first, second = ask(town, "restrict"), ask(town, "unrestrict", key="two")
    finish_suspensions(town.house)
    assert [get_right(town.house.ledger, each).state for each in (first, second)] == ["refused", "completed"]
    assert [each.certificate.kind for each in verify_all(town.house.settings.certificates)] == ["unrestrict"]


def test_build_under_an_older_restriction_never_passes_for_the_newer_one(town):
    """As when a build that read who is restricted just before marks as built what was touched just after."""
    with lock_directory(town.house.settings.warehouse_directory):
        request_id = ask(town, "restrict")
    touch_all(town.house.ledger, digest_restricted(list_restricted(town.house)), lambda: ())
    mark_built(town.house.ledger, unbuilt_dates(town.house.ledger), unbuilt_digests(town.house.ledger))
    everybody = count_members(town)
    assert finish_suspensions(town.house) == (request_id,)
    assert count_members(town) == [count - 1 for count in everybody]


def test_proof_fails_when_the_marts_were_built_without_the_restriction(town):
    with lock_directory(town.house.settings.warehouse_directory):
        request_id = ask(town, "restrict")
    lift_restrictions(town.house.ledger, town.subject(NEIGHBOUR).users["membership"])
    with pytest.raises(ProofFailedError, match="without leaving out the member"):
        finish_suspensions(town.house)
    assert get_right(town.house.ledger, request_id).state == "running"


def test_lifting_what_nobody_asked_for_is_void_and_so_is_restricting_who_was_deleted(town):
    nothing = ask(town, "unrestrict", STRANGER)
    assert get_right(town.house.ledger, nothing).reason == "no restriction of this member was asked for"
    accept_landed(town.house)
    town.finish(town.approve())
    departed = get_right(town.house.ledger, ask(town, "restrict", LEAVER, key="late"))
    assert (departed.state, departed.sealed_subject) == ("refused", None)
    assert str(departed.reason).startswith("the member was deleted")


def test_member_without_consent_stays_restricted_and_the_certificate_says_so(town):
    [account] = [each for each in list_accounts() if each["user_id"] == NEIGHBOUR]
    town.land("accounts", "later.jsonl", [account | {"as_of": "2026-11-24", "consent": False}])
    town.take_in()
    ask(town, "restrict")
    ask(town, "unrestrict", key="two")
    certificate = verify_all(town.house.settings.certificates)[-1].certificate
    parts = {part.dataset: part for part in certificate.datasets}
    assert certificate.kind == "unrestrict"
    assert parts["lake.survey_responses"].outcome == "restricted"
    assert parts["lake.survey_responses"].reason == "use stays suspended for want of consent"


def test_deletion_ends_other_requests_of_its_member_and_forgets_them(town):
    theirs = ask(town, "access", LEAVER, key="access")
    others = ask(town, "access", NEIGHBOUR, key="other")
    with lock_directory(town.house.settings.warehouse_directory):
        waiting = ask(town, "restrict", LEAVER, key="restrict")
    accept_landed(town.house)
    town.finish(town.approve())
    for request_id in (theirs, waiting):
        closed = get_right(town.house.ledger, request_id)
        assert (closed.state, closed.sealed_subject) == ("refused", None)
        assert closed.reason == "the member was deleted, and what was stored of them with it"
    assert get_right(town.house.ledger, others).state == "received"
    assert get_right(town.house.ledger, others).sealed_subject is not None


def test_deletion_removes_what_was_exported_of_its_member(town):
    directory = town.house.settings.access_exports
    directory.mkdir(parents=True, exist_ok=True)
    names = {user: ask(town, "access", user, key=user) for user in (LEAVER, NEIGHBOUR)}
    for name in names.values():
        for end in (".json", ".html"):
            (directory / f"{name}{end}").write_text("{}")
    leaver = town.subject(LEAVER)
    close_rights_of(town.house, {"leaver": leaver})
    remove_exports(town.house, [leaver])
    assert {path.stem for path in directory.iterdir()} == {names[NEIGHBOUR]}


@pytest.mark.parametrize("ground", GROUNDS)
def test_refusal_carries_a_ground_of_the_policy_and_a_note_and_forgets_the_member(town, ground: str):
    request_id = ask(town, "access")
    refuse_right(town.house, request_id, ground=ground, note=" article 28 ", refused_by="officer")
    request = get_right(town.house.ledger, request_id)
    assert (request.state, request.reason, request.sealed_subject) == ("refused", f"{ground}: article 28", None)
    assert list_states(town, request_id) == ["received", "refused"]
    with pytest.raises(RightsError, match="is refused"):
        refuse_right(town.house, request_id, ground=ground, note="again", refused_by="officer")


@pytest.mark.parametrize(("ground", "note"), [("because", "x"), ("harm", " "), ("harm", "x" * 401)])
def test_refusal_on_another_ground_or_without_a_fitting_note_is_none(town, ground: str, note: str):
    request_id = ask(town, "access")
    with pytest.raises(ConfigurationError, match=r"ground|note"):
        refuse_right(town.house, request_id, ground=ground, note=note, refused_by="officer")
    assert get_right(town.house.ledger, request_id).state == "received"


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("delete", {}),
        ("access", {"detail": {"reason": "mail me at u100000003@example.jp"}}),
        ("restrict", {"detail": {"reason": "u100000003@example.jp asks"}, "channel": "web"}),
        ("restrict", {"detail": {"reason": "x" * 501}}),
        ("restrict", {"detail": {"attribute": "csat"}}),
    ],
)
def test_detail_that_does_not_belong_to_a_right_is_refused_unseen_and_stored_nowhere(town, kind: str, more: dict):
    with pytest.raises(ConfigurationError) as refused:
        ask(town, kind, **more)
    assert "example.jp" not in str(refused.value)
    assert list_rights(town.house.ledger) == ()


def test_no_pseudonym_of_an_open_request_is_in_the_ledger(town):
    ask(town, "access")
    members = town.subject(NEIGHBOUR).users["membership"]  # which account facts are kept under
    others = [each for each in town.pseudonyms(NEIGHBOUR) if each not in members]
    assert scan(find_ledger(town.house)[:1], [*others, NEIGHBOUR]).clean


def test_completed_right_without_its_certificate_is_noticed(town):
    request_id = ask(town, "restrict")
    (town.house.settings.certificates / f"{request_id}.jws").unlink()
    with pytest.raises(CertificateInvalidError, match="have no certificate"):
        verify_certificates(town.house)


def test_unknown_member_is_restricted_like_any_other_so_that_nobody_learns_who_is_one(town):
    request = get_right(town.house.ledger, ask(town, "restrict", STRANGER))
    assert request.state == "completed"
    [verified] = verify_all(town.house.settings.certificates)
    assert {part.outcome for part in verified.certificate.datasets} == {"absent", "recomputed"}


def test_published_file_says_under_which_restriction_it_was_built(town):
    path = town.house.settings.warehouse_file
    nobody = read_restricted_digest(path)
    ask(town, "restrict")
    assert read_restricted_digest(path) != nobody
    ask(town, "unrestrict", key="two")
    assert read_restricted_digest(path) == nobody
    assert build_marts(town.house).event_dates == ()


def test_commands_show_history_and_refuse_without_naming_anybody(town):
    request_id = ask(town, "access", MEMBERS[3])

    def run(*words: str) -> str:
        command = [Path(sys.executable).with_name("tokumei"), "rights", *words]
        environment = {"TOKUMEI_HOME": str(town.home), "PATH": ""}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert request_id in run("status")
    assert run("run") == "nothing is approved\n"
    run("refuse", request_id, "--ground", "unverified", "--note", "no passport")
    [record] = json.loads(run("status", request_id, "--json"))["requests"]
    assert [move["state"] for move in record["history"]] == ["received", "refused"]
