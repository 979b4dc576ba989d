"""The planted-identifier test: everything runs through the real Airflow, and no byte holds who was in the logs.

Extend it first: whatever new store, file or trace is added must lie below the home, and is then covered here.
"""

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest

from pipelines.contracts.model import load_catalogue
from pipelines.embedded.airflow import EmbeddedAirflow
from pipelines.embedded.credentials import COMPLIANCE_OFFICER, passwords_file
from pipelines.embedded.environment import configure
from pipelines.embedded.progress import AWAITING_INPUT, RunOutcome, TaskReport
from pipelines.journeys.intake_secrets import make_client_secret
from pipelines.journeys.keys import make_keys
from pipelines.journeys.report import report
from pipelines.languages import LANGUAGES
from pipelines.proof.certificate import verify_all
from pipelines.proof.scan import read_identifiers, scan
from pipelines.settings import Settings, load_settings, prepare_home
from pipelines.synthetic import generate
from tests.intake.calls import SHOP, deletion
from tests.intake.served import Served

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

UNUSABLE_LINES = 40
FIRST_DAY = date(2026, 11, 2)


@dataclass(frozen=True)
class Lived:
    """A home in which everything has happened, and the runs that made it so."""

    settings: Settings
    planted: tuple[str, ...]
    held: Path
    runs: dict[str, RunOutcome]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, free_port: int) -> Iterator[Lived]:
    """Some days through Airflow, with one file that must be held: its name and its lines, all bad, hold identifiers."""
    root = tmp_path_factory.mktemp("privacy")
    plant = root / "planted.txt"
    settings = load_settings({"TOKUMEI_HOME": str(root / "home"), "TOKUMEI_AIRFLOW_PORT": str(free_port)})
    prepare_home(settings)
    make_keys(settings)
    generate(settings.landing, days=2, users=60, seed=11, start=FIRST_DAY, plant=plant)
    planted = tuple(read_identifiers(plant))
    leaving = find_members(settings, "requests")
    member, asking, later = sorted(find_members(settings, "surveys") - leaving)[:3]
    held = settings.landing / "access" / f"edge-unusable-{member}.log"
    held.write_text("\n".join(f"bad {' '.join(planted[n::UNUSABLE_LINES])}" for n in range(UNUSABLE_LINES)) + "\n")
    held.chmod(0o600)
    run_command(settings, "restrict", "--user-id", member)  # kept sealed in the ledger
    config = configure(replace(settings, canaries=str(plant)))
    since = datetime.now(UTC)
    with EmbeddedAirflow(config) as airflow:
        runs = _run_everything(airflow, since)
        for language in LANGUAGES:
            report(settings, FIRST_DAY, language)
        use_the_desk(airflow, settings, asking)
        ask_over_http(settings, later, next(each for each in planted if "@" in each))
        yield Lived(settings, planted, held, runs)


def find_members(settings: Settings, source: str) -> set[str]:
    """Who is in the files of a source."""
    texts = [path.read_text() for path in (settings.landing / source).iterdir()]
    return {member for text in texts for member in re.findall(r"\bu[0-9]{9}\b", text)}


def try_command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("tokumei"), *arguments]
    environment = {"TOKUMEI_HOME": str(settings.home), "PATH": ""}
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def run_command(settings: Settings, *arguments: str) -> None:
    """Airflow may be building just now, which the command then says; what it has begun `rights run` ends."""
    done, deadline = try_command(settings, *arguments), time.monotonic() + 120
    while "another build" in done.stderr and time.monotonic() < deadline:
        time.sleep(1)
        done = try_command(settings, "rights", "run")
    assert done.returncode == 0, done.stderr


def use_the_desk(airflow: EmbeddedAirflow, settings: Settings, member: str) -> None:
    """Somebody reads what is held on them and corrects it; the officer looks for them in the console."""
    run_command(settings, "access", "--user-id", member, "--approve")
    run_command(settings, "correct", "--user-id", member, "--attribute", "csat", "--value", "4", "--approve")
    passwords = json.loads(passwords_file(settings.airflow_home).read_text())
    login = {"username": COMPLIANCE_OFFICER, "password": passwords[COMPLIANCE_OFFICER]}
    with httpx.Client(base_url=airflow.config.url, timeout=60) as console:
        token = console.post("/auth/token", json=login).json()["access_token"]
        console.headers.update({"Authorization": f"Bearer {token}", "Sec-Fetch-Site": "same-origin"})
        form = re.search(r'name="token" value="([^"]+)"', console.get("/privacy/find").text)
        assert form is not None
        found = console.post("/privacy/find", data={"token": form[1], "user_id": member})
    # A correction that is done has forgotten whom it was about; access remembers as long as its export is there.
    assert len(set(re.findall(r"/requests/([0-9a-f-]{36})", found.text))) == 1


def ask_over_http(settings: Settings, member: str, address: str) -> None:
    """A real intake service takes a request with an address that is somebody's, and is then killed."""
    secret, served = make_client_secret(settings, SHOP, renew=False), Served(settings.home)
    log = settings.airflow_home / "intake.log"
    log.touch(mode=0o600)
    served.start(log)
    contact = {"channel": "email", "address": address, "language": "ja"}
    try:
        assert served.file(secret, deletion(member, contact=contact), key=f"key-of-{member}").status_code == 202
    finally:
        served.kill()


@pytest.fixture(scope="module")
def free_port() -> int:
    import socket

    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        return min(int(first.getsockname()[1]), 65000)


def _run_everything(airflow: EmbeddedAirflow, since: datetime) -> dict[str, RunOutcome]:
    def approve(report: TaskReport) -> None:
        if report.state == AWAITING_INPUT:
            officer = airflow.client(COMPLIANCE_OFFICER)
            for task in officer.pending_human_tasks(report.dag_id, report.run_id):
                officer.answer_human_task(task.dag_id, task.run_id, task.task_id, option="Approve", note="read")

    chain = ("ingest_logs", "build_marts", "propagate_deletions", "audit_residue")
    airflow.unpause(reversed(chain))  # landing is watched last of all
    runs = {dag_id: airflow.wait_for_asset_run(dag_id, since, approve, timeout=300) for dag_id in chain}
    retained = airflow.wait_for_run("enforce_retention", airflow.trigger("enforce_retention"), timeout=300)
    return {**runs, "enforce_retention": retained}


def test_the_whole_chain_ran_and_only_the_unusable_file_was_complained_of(lived: Lived):
    assert [task.task_id for task in lived.runs["ingest_logs"].failed_tasks] == ["report_held_files"]
    assert all(run.succeeded for dag_id, run in lived.runs.items() if dag_id != "ingest_logs")
    assert list((lived.settings.landing / "access").iterdir()) == [lived.held]


def test_no_planted_identifier_is_in_any_byte_outside_landing_and_keys(lived: Lived):
    settings = lived.settings
    excluded = [settings.landing, settings.keyring_file.parent]
    report = scan([settings.home], lived.planted, excluded=excluded)
    assert report.findings == ()
    assert report.unreachable == ()
    assert report.identifier_count > 500
    assert report.file_count > 100


def test_the_desk_was_used_and_lay_where_the_scan_looked(lived: Lived):
    exports = {path.suffix for path in lived.settings.access_exports.iterdir()}
    kinds = {verified.certificate.kind for verified in verify_all(lived.settings.certificates)}
    assert exports == {".json", ".html"}
    assert kinds == {"deletion", "restrict", "access", "correct"}


def test_pages_of_the_week_are_among_what_was_searched(lived: Lived):
    pages = sorted((lived.settings.home / "reports").glob("usage-*.html"))
    assert [page.name for page in pages] == ["usage-2026-W45.en.html", "usage-2026-W45.ja.html"]
    assert all("<svg" in page.read_text() for page in pages)


def test_exported_marts_lay_where_the_scan_looked(lived: Lived):
    marts = {contract.name for contract in load_catalogue(lived.settings.contracts).layer("marts")}
    assert {path.stem for path in (lived.settings.warehouse_directory / "parquet").iterdir()} == marts


def test_what_the_gates_found_is_drawn_and_was_scanned(lived: Lived):
    pages = {path.name for path in lived.settings.quality_documents.iterdir()}
    assert {"index.html", "lake_page_views.html", "marts_usage_daily.html"} <= pages


def test_the_scan_would_have_found_them(lived: Lived):
    report = scan([lived.settings.landing], lived.planted)
    assert len({finding.identifier_index for finding in report.findings}) > 0
    assert report.finding_count >= len(lived.planted)


def test_the_command_agrees(lived: Lived, tmp_path: Path):
    identifiers = tmp_path / "identifiers.txt"
    identifiers.write_text("\n".join(lived.planted))
    command = [Path(sys.executable).with_name("tokumei"), "scan", "--identifiers", identifiers]
    environment = {"TOKUMEI_HOME": str(lived.settings.home), "PATH": ""}
    clean = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (clean.returncode, clean.stderr) == (0, "")
    dirty = subprocess.run(
        [*command, lived.settings.landing], env=environment, capture_output=True, text=True, check=False
    )
    assert dirty.returncode == 1
    assert not any(identifier in dirty.stdout for identifier in lived.planted)


def test_airflow_keeps_no_rendered_fields_and_only_ids_and_counts_in_xcom(lived: Lived):
    database = lived.settings.airflow_home / "airflow.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rendered = [row[0] for row in connection.execute("SELECT rendered_fields FROM rendered_task_instance_fields")]
        passed = [row[0] for row in connection.execute("SELECT value FROM xcom")]
    assert not any(value for fields in rendered for value in json.loads(fields).values())
    assert passed
    assert not any(identifier in str(value) for identifier in lived.planted for value in passed)


def test_approval_is_by_a_named_person_and_stands_in_every_certificate(lived: Lived):
    certificates = [verified.certificate for verified in verify_all(lived.settings.certificates)]
    deletions = [certificate for certificate in certificates if certificate.kind == "deletion"]
    assert {certificate.approved_by for certificate in deletions} == {COMPLIANCE_OFFICER}
    assert all(certificate.scan.residual_count == 0 for certificate in certificates)


def test_every_file_and_directory_is_private(lived: Lived):
    for path in [lived.settings.home, *lived.settings.home.rglob("*")]:
        if not path.is_symlink():
            assert path.stat().st_mode & 0o077 == 0, path
