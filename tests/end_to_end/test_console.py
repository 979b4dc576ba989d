"""The compliance desk as people use it: Chromium, Airflow's own login, its human task, and the ledger behind both."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from pipelines.console.application import ROUTES
from pipelines.control.desk_tables import desk_acts
from pipelines.control.ledger import open_ledger
from pipelines.control.moves import list_moves
from pipelines.control.requests import get_request, list_requests
from pipelines.embedded.airflow import EmbeddedAirflow
from pipelines.embedded.credentials import load_passwords
from pipelines.embedded.environment import configure
from pipelines.journeys.keys import make_keys
from pipelines.settings import Settings, load_settings, prepare_home
from pipelines.synthetic import generate
from tests.end_to_end.console_pages import Visitor
from tests.end_to_end.ports import two_free_ports

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

TOKUMEI = Path(sys.executable).with_name("tokumei")
OFFICER, SECOND, AUDITOR, ENGINEER = "compliance-officer", "second-officer", "auditor", "engineer"
DAG = "propagate_deletions"
NEWCOMER = "u873659021"
NOTE = "the note 5f1c0e of an officer"
ID = "00000000-0000-0000-0000-000000000000"


@dataclass(slots=True)
class Office:
    """A running Airflow over two days of traffic, and whoever sits before it."""

    settings: Settings
    airflow: EmbeddedAirflow
    browser: Browser
    run_id: str = ""
    visitors: dict[str, Visitor] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.airflow.config.url

    @property
    def officers(self) -> tuple[Visitor, Visitor]:
        return self.visit(OFFICER), self.visit(SECOND)

    def visit(self, name: str) -> Visitor:
        if name not in self.visitors:
            password = load_passwords(self.airflow.config.home)[name]
            self.visitors[name] = Visitor(self.browser, self.url, name, password)
        return self.visitors[name]

    def plan(self) -> str:
        """Have deletions planned, and wait until the plan waits; returns its digest."""
        self.run_id = self.airflow.trigger(DAG)
        started = time.monotonic()
        while not (asked := self.airflow.client(OFFICER).pending_human_tasks(DAG, self.run_id)):
            assert time.monotonic() - started < 120
            time.sleep(0.5)
        return asked[0].subject.split()[-1]

    def finish(self) -> dict[str, str]:
        """Wait for the run's end; returns its tasks' states."""
        outcome = self.airflow.wait_for_run(DAG, self.run_id, timeout=300)
        return {task.task_id: task.state for task in outcome.tasks}

    def requests(self, *states: str) -> list[str]:
        with self.ledger() as ledger:
            return [request.request_id for request in list_requests(ledger, states)]

    @contextmanager
    def ledger(self) -> Iterator[sa.Engine]:
        engine = open_ledger(self.settings.control_url)
        yield engine
        engine.dispose()

    def acts(self) -> list[tuple[str, str, str | None, str, str | None]]:
        columns = (desk_acts.c.actor, desk_acts.c.act, desk_acts.c.object_id, desk_acts.c.outcome, desk_acts.c.reason)
        with self.ledger() as ledger, ledger.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(desk_acts.c.act_id))]

    def answers(self) -> list[tuple[str | None, str | None]]:
        """Who answered the last run's human task, and how, as Airflow stored it."""
        query = """SELECT hitl_detail.responded_by, hitl_detail.chosen_options FROM hitl_detail
        JOIN task_instance ON task_instance.id = hitl_detail.ti_id WHERE task_instance.run_id = ?"""
        with closing(sqlite3.connect(f"file:{self.airflow.config.home}/airflow.db?mode=ro", uri=True)) as database:
            return database.execute(query, [self.run_id]).fetchall()

    def read(self, visitor: Visitor | None, path: str, **headers: str) -> httpx.Response:
        """Get a page as that visitor's browser does, or as nobody's."""
        cookies = visitor.cookies if visitor else {}
        return httpx.get(f"{self.url}/privacy{path}", headers=headers, cookies=cookies, timeout=60)

    def send(self, visitor: Visitor | None, path: str, form: dict[str, str], **headers: str) -> httpx.Response:
        """Post a form as that visitor's browser does, or as nobody's."""
        own = {"Sec-Fetch-Site": "same-origin", "Origin": self.url} | headers
        cookies = visitor.cookies if visitor else {}
        return httpx.post(f"{self.url}/privacy{path}", data=form, headers=own, cookies=cookies, timeout=60)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Office]:
    root = tmp_path_factory.mktemp("desk")
    settings = load_settings(
        {
            "TOKUMEI_HOME": str(root / "home"),
            "TOKUMEI_AIRFLOW_PORT": str(two_free_ports()),
            "TOKUMEI_OFFICERS": f"{OFFICER}, {SECOND}",
            "TOKUMEI_FOUR_EYES": "1",
        }
    )
    prepare_home(settings)
    make_keys(settings)
    generate(settings.landing, days=2, users=60, seed=11, start=date(2026, 11, 2), plant=root / "planted.txt")
    for command in ("ingest", "build-marts"):
        environment = {"TOKUMEI_HOME": str(settings.home), "PATH": ""}
        subprocess.run([TOKUMEI, command], env=environment, check=True, capture_output=True)
    with EmbeddedAirflow(configure(settings)) as airflow:
        yield Office(settings, airflow, browser)


def paths(method: str) -> list[str]:
    names = {"request_id": ID, "hold_id": ID, "message_id": ID, "name": "desk.css", "form": "json"}
    return [route.path.format(**names) for route in ROUTES if route.method == method]


def test_without_a_login_every_page_and_every_form_is_answered_401(office: Office):
    pages = [office.read(None, path).status_code for path in paths("GET")]
    forms = [office.send(None, path, {}).status_code for path in paths("POST")]
    assert set(pages + forms) == {401}
    assert len(pages) > 10
    assert len(forms) > 5
    assert office.read(None, "/", Authorization="Bearer forged").status_code == 401
    assert [act for act in office.acts() if act[0] == "nobody"] == [("nobody", "get", None, "refused", "needs login")]


def test_auditor_reads_but_is_shown_no_button_and_refused_every_form(office: Office):
    office.plan()
    [request_id, *_] = office.requests("planned")
    auditor = office.visit(AUDITOR)
    desk = auditor.find_desk()
    desk.open_request(request_id)
    desk.expect_state("to be approved")
    desk.expect_no_button("Approve the plan")
    desk.expect_no_button("Refuse the request")
    before = len(office.acts())
    answers = [office.send(auditor, path.replace(ID, request_id), {}) for path in paths("POST")]
    assert {answer.status_code for answer in answers} == {403}
    assert {act[0] for act in office.acts()[before:]} == {AUDITOR}
    assert len(office.acts()) == before + len(answers)
    assert office.answers() == [(None, None)]


def test_form_with_a_forged_token_or_from_elsewhere_changes_nothing(office: Office):
    [request_id, *_] = office.requests("planned")
    first, second = office.officers
    first.open_desk(f"/requests/{request_id}")
    with office.ledger() as ledger:
        digest = get_request(ledger, request_id).plan_digest
    good = first.open_desk(f"/requests/{request_id}").token()
    theirs = second.open_desk(f"/requests/{request_id}").token()
    path = f"/requests/{request_id}/approve"
    forged = [office.send(first, path, {"digest": digest, "token": token}) for token in ("", "0" * 64, theirs)]
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    forged.append(office.send(first, path, {"digest": digest, "token": good}, **elsewhere))
    assert {answer.status_code for answer in forged} == {403}
    assert office.acts()[-1] == (OFFICER, "post", None, "refused", "forged form")
    assert office.answers() == [(None, None)]


@contextmanager
def evil_page(html: str) -> Iterator[str]:
    """A page of another port of this machine, which a browser counts to the same site: it sends the login along."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_arguments):
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_page_of_somebody_else_cannot_approve_in_the_officers_browser(office: Office):
    [request_id, *_] = office.requests("planned")
    officer, _ = office.officers
    desk = officer.open_desk(f"/requests/{request_id}")
    action = f"{office.url}/privacy/requests/{request_id}/approve"
    fields = f'<input name="token" value="{desk.token()}"><input name="digest" value="{"0" * 64}">'
    with evil_page(f'<form method="post" action="{action}">{fields}<button>Win a prize</button></form>') as page:
        officer.page.goto(page)
        officer.page.get_by_role("button", name="Win a prize").click()
        expect(officer.page.get_by_role("heading", name="Your account may not do this")).to_be_visible()
    assert office.answers() == [(None, None)]


def test_two_officers_who_answer_at_once_leave_one_answer(office: Office):
    [request_id, *_] = office.requests("planned")
    with office.ledger() as ledger:
        digest = get_request(ledger, request_id).plan_digest
    together = threading.Barrier(2)
    tokens = [officer.open_desk(f"/requests/{request_id}").token() for officer in office.officers]

    def send_back(officer: Visitor, cookies: dict[str, str], token: str) -> httpx.Response:
        together.wait()
        url = f"{office.url}/privacy/requests/{request_id}/reject"
        form = {"digest": digest, "token": token, "note": NOTE}
        return httpx.post(url, data=form, cookies=cookies, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)

    cookies = [officer.cookies for officer in office.officers]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(send_back, office.officers, cookies, tokens))
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    [late] = [answer for answer in answers if answer.status_code == 409]
    assert "already answered" in late.text
    [(responder, options)] = office.answers()
    winner = office.officers[[answer.status_code for answer in answers].index(303)]
    assert winner.name in str(responder)
    assert "Reject" in str(options)
    told = [(actor, outcome, reason) for actor, act, _, outcome, reason in office.acts() if act == "reject"]
    assert sorted(told, key=lambda each: each[1]) == [
        (winner.name, "done", None),
        (*({OFFICER, SECOND} - {winner.name}), "refused", "answered"),
    ]
    assert office.finish()["carry_out_plan"] == "skipped"


def test_refused_request_leaves_the_plan_and_its_task_is_answered(office: Office):
    office.plan()
    [refused, *others] = office.requests("planned")
    officer, _ = office.officers
    desk = officer.find_desk()
    desk.open_request(refused)
    desk.refuse("article 7: the account is part of a dispute")
    desk.expect_text("The request is refused.")
    desk.expect_state("refused")
    assert office.finish()["carry_out_plan"] == "skipped"
    assert office.requests("ready") == others
    with office.ledger() as ledger:
        assert list_moves(ledger, refused)[-1][2] == OFFICER


def test_officer_approves_watches_it_complete_and_takes_away_a_certificate_that_verifies(office: Office, tmp_path):
    digest = office.plan()
    [request_id, *_] = office.requests("planned")
    officer, second = office.officers
    late = second.open_desk(f"/requests/{request_id}")
    desk = officer.find_desk()
    desk.open_request(request_id)
    desk.expect_state("to be approved")
    desk.approve(NOTE)
    desk.expect_text("You approved the plan.")
    late.approve()
    late.expect_text("already answered")
    desk.expect_state("completed", seconds=240)
    desk.place.get_by_role("link", name="Read and verify").click()
    desk.expect_text("The certificate is genuine")
    desk.expect_text(OFFICER)
    file = officer.download_certificate(desk, tmp_path)
    environment = {"TOKUMEI_HOME": str(office.settings.home), "PATH": ""}
    verified = subprocess.run(
        [TOKUMEI, "certificate", "verify", file], env=environment, capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    assert office.finish()["certify_deletions"] == "success"
    assert (OFFICER, "approve", digest, "done", None) in office.acts()


def test_note_is_in_no_log_of_airflow(office: Office):
    logs = [file for file in (office.airflow.config.home / "logs").rglob("*") if file.is_file()]
    assert len(logs) > 10
    assert [file for file in logs if NOTE.encode() in file.read_bytes()] == []


def test_who_filed_a_request_can_approve_it_neither_here_nor_in_airflow(office: Office):
    _, second = office.officers
    second.open_desk().file_deletion(NEWCOMER)
    digest = office.plan()
    [request_id] = office.requests("planned")
    desk = second.open_desk(f"/requests/{request_id}")
    desk.expect_text("You filed a request of this plan yourself")
    desk.expect_no_button("Approve the plan")
    form = {"digest": digest, "token": desk.token()}
    assert office.send(second, f"/requests/{request_id}/approve", form).status_code == 403
    assert office.acts()[-1] == (SECOND, "approve", digest, "refused", "four eyes")
    assert office.answers() == [(None, None)]
    second.approve_in_airflow(DAG, office.run_id)
    assert office.finish()["carry_out_plan"] == "failed"
    assert office.requests("planned") == [request_id]


def test_approval_in_airflows_own_task_shows_at_the_desk(office: Office):
    office.plan()
    [request_id] = office.requests("planned")
    officer, second = office.officers
    officer.approve_in_airflow(DAG, office.run_id)
    desk = second.open_desk(f"/requests/{request_id}")
    desk.expect_text(OFFICER)
    desk.expect_no_button("Approve the plan")
    desk.expect_state("completed", seconds=240)
    with office.ledger() as ledger:
        approvers = [actor for state, _, actor, _ in list_moves(ledger, request_id) if state == "approved"]
    assert approvers == [OFFICER]
    assert office.finish()["certify_deletions"] == "success"


def test_hold_is_placed_by_an_officer_and_released_by_an_administrator(office: Office):
    officer, _ = office.officers
    desk = officer.open_desk()
    desk.place_hold("searches", "case 17 of the district court", "2027-03-31")
    desk.expect_no_button("Release searches")
    desk.expect_text("an administrator may release it")
    engineer = office.visit(ENGINEER)
    engineer.open_desk().release_hold("searches")
    told = [act[:2] + act[3:4] for act in office.acts() if act[1].endswith("hold")]
    assert told == [(OFFICER, "place hold", "done"), (ENGINEER, "release hold", "done")]


def test_form_that_is_too_large_is_not_read(office: Office):
    officer, _ = office.officers
    assert office.send(officer, "/holds", {"basis": "a" * 10_000_000}).status_code == 413


def test_while_the_ledger_is_down_every_page_says_so_and_still_asks_who_it_is(office: Office):
    officer, _ = office.officers
    ledger = office.settings.home / "control.db"
    away = ledger.rename(ledger.with_suffix(".away"))
    ledger.mkdir()
    try:
        desk = officer.open_desk()
        desk.expect_text("The records cannot be read right now")
        seen = [path for path in paths("GET") if not path.startswith("/static")]
        pages = [office.read(officer, path).status_code for path in seen]
        forms = [office.send(officer, path, {}).status_code for path in paths("POST")]
        strangers = [office.read(None, path).status_code for path in seen]
    finally:
        ledger.rmdir()
        away.rename(ledger)
    assert set(pages) == {503}
    assert set(forms) <= {403, 503}
    assert set(strangers) == {401}
