"""New houses, a town of a few members ingested once and copied for each test, and processes that are killed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.control.subjects import AccountFacts
from pipelines.deletion.request import SUBJECT_PURPOSES, Subject, identify_subject, unseal_subject
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.decide import decide_requests
from pipelines.journeys.delete import approve_plan, plan_deletions, request_deletion, run_plan
from pipelines.journeys.house import House, open_house
from pipelines.journeys.ingest import find_files, ingest
from pipelines.lake.layout import read_columns
from pipelines.proof.certificate import Verified
from pipelines.settings import load_settings
from tests.integration.houses import found_house

LEAVER, FOLLOWER, NEIGHBOUR, STRANGER = "u100000001", "u100000002", "u100000003", "u999999999"
BYSTANDERS = tuple(f"u20000000{number}" for number in range(6))
MEMBERS = (LEAVER, FOLLOWER, NEIGHBOUR, *BYSTANDERS)
TABLET = "7d444840-9dc0-4a1d-8f5c-000000000000"  # the leaver's and the neighbour's
PHONES = {user: f"7d444840-9dc0-4a1d-8f5c-{user[1:]:0>12}" for user in MEMBERS}
DAYS = ("2026-11-20", "2026-11-21")


def visit(user: str | None, device: str | None, day: str, minute: int, **changes: object) -> dict[str, object]:
    return {
        "time": f"{day}T10:{minute:02}:00+09:00",
        "remote_addr": f"203.0.113.{minute}",
        "user_id": user,
        "device_id": device,
        "request_method": "GET",
        "request_uri": "/",
        "status": 200,
        "body_bytes_sent": 1000,
        "http_referer": None,
        "http_user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
        "accept_language": "ja",
        **changes,
    }


def list_visits() -> list[dict[str, object]]:
    signed_in = [visit(user, PHONES[user], day, number) for day in DAYS for number, user in enumerate(MEMBERS)]
    anonymous = [visit(None, device, DAYS[0], 30) for device in (PHONES[LEAVER], PHONES[NEIGHBOUR], TABLET)]
    shared = [visit(user, TABLET, DAYS[0], 40 + number) for number, user in enumerate((LEAVER, NEIGHBOUR))]
    refused = {"request_method": "POST", "request_uri": "/login", "status": 401}
    return [*signed_in, *anonymous, *shared, *(visit(user, PHONES[user], DAYS[1], 50, **refused) for user in MEMBERS)]


def list_openings() -> list[dict[str, object]]:
    common = {"event": "app_open", "advertising_id": None, "platform": "ios", "os_version": "26.1", "locale": "ja-JP"}
    common |= {"remote_addr": "203.0.113.9", "model": "iPhone17,1", "app_version": "8.1.0"}
    who = [(LEAVER, PHONES[LEAVER]), (None, PHONES[LEAVER]), (None, TABLET), (FOLLOWER, PHONES[FOLLOWER])]
    return [
        {"time": f"{DAYS[0]}T09:00:00+09:00", "user_id": user, "device_id": device, **common} for user, device in who
    ]


def list_answers() -> list[dict[str, object]]:
    common = {"survey_id": "autumn", "channel": "web", "segment": "buyer", "csat": 4, "nps": 9, "ces": 2}
    common |= {"comment": None, "language": "ja"}
    return [{"time": f"{DAYS[1]}T20:00:00+09:00", "user_id": user, **common} for user in MEMBERS]


def list_accounts() -> list[dict[str, object]]:
    facts = {"open_listings": 0, "open_trades": 0, "last_transaction_date": "2026-01-31", "consent": True}
    person = {"registered_date": "2020-01-01", "display_name": "name"}
    return [
        {"as_of": DAYS[1], "user_id": user, "email": f"{user}@example.jp", "phone": "090-0000-0000", **person, **facts}
        for user in MEMBERS
    ]


def list_requests_landed() -> list[dict[str, object]]:
    times = {LEAVER: f"{DAYS[1]}T12:00:00+09:00", FOLLOWER: f"{DAYS[1]}T13:00:00+09:00"}
    return [
        {"requested_at": at, "request_key": f"key-{number}", "user_id": user, "channel": "web"}
        for number, (user, at) in enumerate(times.items())
    ]


def write_lines(path: Path, records: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@dataclass(frozen=True)
class Town:
    """An installation with its members, and the steps that most tests take."""

    house: House
    leaver: str = LEAVER
    follower: str = FOLLOWER
    neighbour: str = NEIGHBOUR
    stranger: str = STRANGER
    tablet: str = TABLET
    days: tuple[str, ...] = DAYS

    @property
    def home(self) -> Path:
        return self.house.settings.home

    def phone(self, user: str) -> str:
        return PHONES[user]

    def visit(
        self, user: str | None, device: str | None, day: str, minute: int, **changes: object
    ) -> dict[str, object]:
        return visit(user, device, day, minute, **changes)

    def land(self, source: str, name: str, records: list[dict[str, object]]) -> Path:
        path = self.house.settings.landing / source / name
        write_lines(path, records)
        return path

    def take_in(self) -> None:
        assert {delivery.state for delivery in ingest(self.house, find_files(self.house))} <= {"committed", "duplicate"}

    def subject(self, user: str) -> Subject:
        return identify_subject(user, self.house.keyring)

    def pseudonyms(self, *users: str) -> list[bytes]:
        return [value for user in users for purpose in SUBJECT_PURPOSES for value in self.subject(user).users[purpose]]

    def events_of(self, request) -> list[bytes]:
        """What must be in no byte once a planned request is completed: members and own devices, but for tombstones."""
        subject = unseal_subject(request, self.house.keyring)
        return [
            value for purpose in SUBJECT_PURPOSES if purpose != "membership" for value in subject.pseudonyms(purpose)
        ]

    def rows(self, table: str) -> pl.DataFrame:
        contract = self.house.catalogue.get("lake", table)
        stored = [column.name for column in contract.columns if column.name not in contract.partition_columns]
        return read_columns(self.house.lake, contract, stored)

    def approve(self) -> str:
        """Everything up to an approved plan for the requests that are filed; returns its digest."""
        decide_requests(self.house)
        planned = plan_deletions(self.house)
        assert planned is not None
        approve_plan(self.house, planned.digest, approved_by="compliance-officer")
        return planned.digest

    def approve_stranger(self) -> str:
        """An approved plan for a member of whom nothing is stored, so that no mart is built anew."""
        facts = AccountFacts(0, 0, date(2026, 1, 31))
        request_deletion(self.house, STRANGER, request_key="stranger", facts=facts)
        return self.approve()

    def finish(self, digest: str) -> tuple[Verified, ...]:
        run_plan(self.house, digest)
        return certify_deletions(self.house, digest)


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A new house with nothing in it."""
    return found_house(tmp_path / "home")


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a town whose logs are ingested and whose marts are built; two deletion requests wait in landing."""
    home = tmp_path_factory.mktemp("town") / "home"
    house = found_house(home)
    sources = {"access": list_visits, "devices": list_openings, "surveys": list_answers, "accounts": list_accounts}
    for source, make in (*sources.items(), ("requests", list_requests_landed)):
        write_lines(house.settings.landing / source / "app.jsonl", make())
    assert {delivery.state for delivery in ingest(house, find_files(house))} == {"committed"}
    build_marts(house)
    house.ledger.dispose()
    return home


@pytest.fixture(scope="module")
def open_town(tmp_path_factory: pytest.TempPathFactory, founded: Path) -> Iterator[Callable[..., Town]]:
    """Opens the town that lies in a home, by default in a new copy, with further settings."""
    opened: list[Town] = []

    def open_copy(home: Path | None = None, **variables: str) -> Town:
        if home is None:
            home = tmp_path_factory.mktemp("town") / "home"
            shutil.copytree(founded, home)
        opened.append(Town(open_house(load_settings({"TOKUMEI_HOME": str(home), **variables}))))
        return opened[-1]

    yield open_copy
    for town in opened:
        town.house.ledger.dispose()


@pytest.fixture
def town(open_town: Callable[..., Town]) -> Town:
    return open_town()


@pytest.fixture(scope="module")
def crash_in() -> Iterator[Callable[..., None]]:
    """Asks a script beside this file to work until a step's how-manieth time, and sees it killed there."""
    started: dict[str, subprocess.Popen[str]] = {}

    def crash(script: str, home: Path, step: str, count: int, **more: str) -> None:
        if script not in started:
            command = [sys.executable, str(Path(__file__).with_name(script))]
            started[script] = stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
        process, request = started[script], {"home": str(home), "step": step, "count": count, **more}
        print(json.dumps(request), file=process.stdin, flush=True)
        assert process.stdout.readline() == "killed\n"

    with ExitStack() as stack:
        yield crash
        for process in started.values():
            process.stdin.close()
            assert process.wait() == 0
