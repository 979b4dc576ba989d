"""Access through the spine: planned, approved by a named person, exported, compared with what is stored, certified."""

import hashlib
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.control.moves import list_moves
from pipelines.control.requests import get_plan
from pipelines.control.rights import get_right
from pipelines.errors import ConfigurationError, PlanChangedError, ProofFailedError, SameEyesError
from pipelines.journeys.audit import verify_certificates
from pipelines.journeys.rights import (
    approve_rights,
    certify_rights,
    file_right,
    find_open_rights_plans,
    plan_rights,
    refuse_right,
    run_rights,
)
from pipelines.proof.certificate import verify_all
from tests.integration.conftest import BYSTANDERS, LEAVER, NEIGHBOUR, PHONES


def ask(town, user: str, key: str) -> str:
    return file_right(town.house, "access", user, request_key=key, channel="web", requested_by="shop")


def approve(town) -> str:
    planned = plan_rights(town.house)
    assert planned is not None
    approve_rights(town.house, planned.digest, approved_by="officer")
    return planned.digest


def test_access_is_exported_proved_and_certified(town):
    request_id = ask(town, NEIGHBOUR, "one")
    digest = approve(town)
    run_rights(town.house, digest)
    assert find_open_rights_plans(town.house) == (digest,)
    [verified] = certify_rights(town.house, digest)
    request, certificate = get_right(town.house.ledger, request_id), verified.certificate
    assert [state for state, *_ in list_moves(town.house.ledger, request_id)] == [
        "received",
        "planned",
        "approved",
        "running",
        "completed",
    ]
    assert request.expires_on == town.house.now().date() + timedelta(days=30)
    assert request.sealed_subject is not None, "a deletion must find the export"
    written = (town.house.settings.access_exports / f"{request_id}.json").read_bytes()
    assert certificate.export_digest == hashlib.sha256(written).hexdigest()
    assert (certificate.kind, certificate.approved_by, certificate.final) == ("access", "officer", True)
    outcomes = {part.dataset: (part.outcome, part.row_count) for part in certificate.datasets}
    assert outcomes["lake.survey_responses"] == ("exported", 1)
    assert outcomes["lake.page_views"][0] == "exported"
    assert verify_certificates(town.house)[-1].certificate == certificate
    assert get_plan(town.house.ledger, digest).document["requests"][0]["kind"] == "access"


def test_rows_that_came_after_the_export_are_in_it_before_it_is_certified(town):
    request_id = ask(town, NEIGHBOUR, "one")
    digest = approve(town)
    run_rights(town.house, digest)
    first = json.loads((town.house.settings.access_exports / f"{request_id}.json").read_bytes())
    town.land("access", "more.jsonl", [town.visit(NEIGHBOUR, PHONES[NEIGHBOUR], "2026-11-23", 5)])
    town.take_in()
    certify_rights(town.house, digest)
    assert json.loads((town.house.settings.access_exports / f"{request_id}.json").read_bytes()) != first


def test_export_that_somebody_changed_is_not_certified(town):
    request_id = ask(town, NEIGHBOUR, "one")
    digest = approve(town)
    run_rights(town.house, digest)
    path = town.house.settings.access_exports / f"{request_id}.json"
    path.write_text(path.read_text().replace("2026", "2025"))
    with pytest.raises(ProofFailedError, match="not what was written"):
        certify_rights(town.house, digest)
    run_rights(town.house, digest)
    assert len(certify_rights(town.house, digest)) == 1


def test_refusal_of_one_sends_the_others_of_its_plan_back_and_the_plan_approves_nobody(town):
    refused, kept = ask(town, LEAVER, "one"), ask(town, BYSTANDERS[0], "two")
    planned = plan_rights(town.house)
    refuse_right(town.house, refused, ground="unverified", note="no passport", refused_by="officer")
    assert get_right(town.house.ledger, kept).state == "received"
    with pytest.raises(PlanChangedError, match="covers no request"):
        approve_rights(town.house, planned.digest, approved_by="officer")


def test_nothing_runs_that_nobody_approved_and_four_eyes_hold(open_town):
    town = open_town(TOKUMEI_FOUR_EYES="1")
    ask(town, NEIGHBOUR, "one")
    planned = plan_rights(town.house)
    with pytest.raises(ConfigurationError, match="not approved"):
        run_rights(town.house, planned.digest)
    with pytest.raises(SameEyesError, match="whoever approves it"):
        approve_rights(town.house, planned.digest, approved_by="shop")
    approve_rights(town.house, planned.digest, approved_by="officer")


def test_command_writes_the_export_at_once_and_names_nobody(town):
    command = [Path(sys.executable).with_name("tokumei"), "access", "--user-id", NEIGHBOUR, "--approve", "--json"]
    environment = {"TOKUMEI_HOME": str(town.home), "PATH": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    record = json.loads(done.stdout)
    assert record["state"] == "completed"
    assert [Path(path).exists() for path in record["exports"]] == [True, True]
    assert [verified.path.name for verified in verify_all(town.house.settings.certificates)] == record["certificates"]
    assert NEIGHBOUR not in done.stdout + done.stderr
