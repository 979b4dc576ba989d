"""Correction through the spine: what is asked for is checked unseen, done once, and proved on what is stored."""

import pytest

from pipelines.control.requests import get_plan
from pipelines.control.rights import get_right, list_rights
from pipelines.errors import ConfigurationError
from pipelines.journeys.rights import approve_rights, certify_rights, file_right, plan_rights, run_rights
from pipelines.proof.scan import scan
from tests.integration.conftest import BYSTANDERS, NEIGHBOUR

TYPED_BY_MISTAKE = "taro.yamada@example.jp"
WORST = {"attribute": "csat", "value": "1"}


def ask(town, user: str = NEIGHBOUR, key: str = "one", **detail: str) -> str:
    return file_right(
        town.house, "correct", user, request_key=key, channel="web", requested_by="shop", detail=detail or WORST
    )


def approve(town) -> str:
    planned = plan_rights(town.house)
    assert planned is not None
    approve_rights(town.house, planned.digest, approved_by="officer")
    return planned.digest


def test_correction_is_done_proved_and_certified_and_the_detail_forgotten(town):
    request_id = ask(town)
    digest = approve(town)
    run_rights(town.house, digest)
    [verified] = certify_rights(town.house, digest)
    request = get_right(town.house.ledger, request_id)
    assert (request.state, request.sealed_subject, request.sealed_detail) == ("completed", None, None)
    [part] = [each for each in verified.certificate.datasets if each.dataset == "lake.survey_responses"]
    assert (verified.certificate.kind, part.outcome, part.row_count) == ("correct", "corrected", 1)
    assert part.survivors_hash_before == part.survivors_hash_after
    assert sorted(town.rows("survey_responses")["csat"].to_list()) == [1, *[4] * 8]
    [planned] = get_plan(town.house.ledger, digest).document["requests"]
    assert (planned["request_id"], planned["kind"], len(planned["detail"])) == (request_id, "correct", 64)


def test_carrying_out_again_corrects_nothing_twice(town):
    ask(town)
    digest = approve(town)
    assert run_rights(town.house, digest) == run_rights(town.house, digest)
    [verified] = certify_rights(town.house, digest)
    assert certify_rights(town.house, digest) == (verified,)


def test_correction_to_what_is_there_already_is_certified_as_absent(town):
    ask(town, attribute="csat", value="4")
    digest = approve(town)
    run_rights(town.house, digest)
    [verified] = certify_rights(town.house, digest)
    assert {part.outcome for part in verified.certificate.datasets} == {"absent"}


@pytest.mark.parametrize("attribute", ["segment", "csat", "comment", TYPED_BY_MISTAKE])
def test_identifier_typed_by_mistake_is_refused_unseen_and_is_in_no_byte(town, attribute: str):
    with pytest.raises(ConfigurationError) as refused:
        ask(town, attribute=attribute, value=TYPED_BY_MISTAKE)
    assert TYPED_BY_MISTAKE not in str(refused.value)
    assert list_rights(town.house.ledger) == ()
    keys = town.house.settings.keyring_file.parent
    assert scan([town.home], [TYPED_BY_MISTAKE], excluded=[town.house.settings.landing, keys]).clean


def test_access_and_correction_of_several_people_go_through_one_plan(town):
    ask(town)
    ask(town, BYSTANDERS[0], key="two", attribute="nps", value="0")
    file_right(town.house, "access", BYSTANDERS[1], request_key="three", channel="web", requested_by="shop")
    digest = approve(town)
    run_rights(town.house, digest)
    certified = certify_rights(town.house, digest)
    assert sorted(verified.certificate.kind for verified in certified) == ["access", "correct", "correct"]
