"""The DAG that answers requests for other rights, with a suspension whose proof had to wait."""

from pathlib import Path

import pytest

from pipelines.settings import REPOSITORY, load_settings, prepare_home

MEMBER = "u873659021"

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("default")]


@pytest.fixture
def run(metadata_database: None):
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(REPOSITORY / "dags")
    return lambda dag_id: {each.task_id: str(each.state) for each in bag.dags[dag_id].test().get_task_instances()}


@pytest.fixture
def house(home: Path):
    from pipelines.journeys.house import open_house
    from pipelines.journeys.keys import make_keys

    settings = load_settings()
    prepare_home(settings)
    make_keys(settings)
    return open_house(settings)


def test_suspension_that_waits_is_ended_and_without_other_requests_nobody_is_asked(run, house, capfd):
    from pipelines.control.rights import get_right
    from pipelines.journeys.rights import file_right
    from pipelines.proof.certificate import verify_all
    from pipelines.warehouse.directory import lock_directory

    with lock_directory(house.settings.warehouse_directory):
        filed = file_right(house, "restrict", MEMBER, request_key="one", channel="web", requested_by="shop")
        assert get_right(house.ledger, filed).state == "running"
    states = run("answer_requests")
    assert (states["accept_rights"], states["plan_rights"]) == ("success", "success")
    assert states["approve"] == states["carry_out_rights"] == states["certify_rights"] == "skipped"
    [verified] = verify_all(house.settings.certificates)
    assert (verified.certificate.request_id, verified.certificate.kind) == (filed, "restrict")
    assert MEMBER not in "".join(capfd.readouterr())


def test_answer_that_no_named_user_gave_approves_nothing(house):
    from airflow.sdk.exceptions import AirflowFailException

    from pipelines.desk_tasks import carry_out_rights

    for answer in ({"chosen_options": ["Approve"]}, {"chosen_options": ["Reject"], "responded_by_user": {"name": "x"}}):
        with pytest.raises(AirflowFailException, match="not approved by a named user"):
            carry_out_rights({"digest": "0" * 64}, answer)
