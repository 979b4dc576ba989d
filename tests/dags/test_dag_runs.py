"""Each DAG once, in this process and on real files; the scheduler's part is tested end to end."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.settings import REPOSITORY, load_settings, prepare_home
from pipelines.synthetic import generate

MEMBER, PHONE = "u873659021", "+819012345678"
LONG_AGO = timedelta(days=60)

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("default")]


@pytest.fixture
def run(metadata_database: None):
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(REPOSITORY / "dags")

    def run_dag(dag_id: str) -> dict[str, str]:
        bag.dags[dag_id].deadline = None  # they are looked up in the database, where a test's run stores none
        run = bag.dags[dag_id].test()
        return {instance.task_id: str(instance.state) for instance in run.get_task_instances()}

    return run_dag


@pytest.fixture
def landed(home: Path) -> Path:
    from pipelines.journeys.keys import make_keys

    settings = load_settings()
    prepare_home(settings)
    make_keys(settings)
    generate(settings.landing, days=1, users=30, seed=5, start=date(2026, 11, 2), plant=None)
    return home


def test_ingest_then_marts_then_a_plan_that_waits_for_a_person(run, landed):
    assert set(run("ingest_logs").values()) == {"success"}
    assert set(run("build_marts").values()) == {"success"}
    assert (landed / "warehouse" / "tokumei.duckdb").exists()


def test_without_requests_nothing_is_planned_and_nobody_is_asked(run, landed):
    for file in (landed / "landing" / "requests").iterdir():
        file.unlink()
    states = run("propagate_deletions")
    assert states["accept_requests"] == "success"
    assert states["approve"] == states["carry_out_plan"] == "skipped"
    assert states["report_deadlines"] == "success"


def test_overdue_request_fails_its_task_by_id_while_deletion_goes_on(run, landed, capfd):
    from pipelines.control.requests import list_requests
    from pipelines.journeys.delete import request_deletion
    from pipelines.journeys.house import open_house

    for file in (landed / "landing" / "requests").iterdir():
        file.unlink()
    house = open_house(load_settings())
    request_id = request_deletion(house, MEMBER, request_key="old", facts=None, requested_at=house.now() - LONG_AGO)
    states = run("propagate_deletions")
    assert states["report_deadlines"] == "failed"
    assert (states["accept_requests"], states["plan_deletions"]) == ("success", "success")
    [request] = list_requests(house.ledger)
    assert request.state == "waiting", "nobody knows anything of this member yet"
    written = "".join(capfd.readouterr())
    assert f"1 deletion requests are past their due date: {request_id} (waiting)" in written
    assert MEMBER not in written


def test_a_missing_key_fails_the_task_at_once_and_says_so(run, home, capfd):
    states = run("ingest_logs")
    assert states["ingest_accounts"] == "failed"
    assert "make one with `tokumei keys init`" in capfd.readouterr().out


def test_the_audit_of_an_empty_house_finds_it_in_order(run, landed):
    assert run("audit_residue") == {"plant_canaries": "success", "audit_residue": "success"}


def test_messages_that_nothing_carries_yet_fail_no_task_and_stay(run, landed, capfd, caplog):
    from pipelines.control.outbox import keep_contact, list_outbox
    from pipelines.journeys.delete import request_deletion
    from pipelines.journeys.house import open_house

    house = open_house(load_settings())
    request_id = request_deletion(house, MEMBER, request_key="old", facts=None, requested_at=house.now() - LONG_AGO)
    contact = {"channel": "sms", "address": PHONE, "language": "ja"}
    keep_contact(house.ledger, house.keyring, request_id=request_id, now=house.now(), **contact)

    assert run("send_notices") == {"tell_delays": "success", "flush_notices": "success"}
    assert {(message.template, message.state) for message in list_outbox(house.ledger)} == {
        (None, "waiting"),
        ("overdue", "pending"),
    }
    assert "no sms message goes out: no SMS gateway is set up" in caplog.text
    written = caplog.text + "".join(capfd.readouterr())
    assert PHONE not in written
    assert MEMBER not in written
