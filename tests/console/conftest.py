"""A desk over a real home: three members' requests in different states, one certified, one under a hold; and people."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI, HTTPException, Request

from pipelines.console.application import create_application
from pipelines.console.authority import ROLES, Person, Role
from pipelines.control.desk_tables import exports, notices, outbox, recipients, residue_audits, rights_requests
from pipelines.control.ledger import transaction
from pipelines.control.subjects import AccountFacts
from pipelines.deletion.request import identify_subject, seal_subject
from pipelines.journeys.build_marts import build_marts
from pipelines.journeys.certify import certify_deletions
from pipelines.journeys.decide import decide_requests, refuse_request
from pipelines.journeys.delete import approve_plan, plan_deletions, request_deletion, run_plan
from pipelines.journeys.house import House, open_house
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.retain import place_hold
from tests.console.landed import GONE, HOSTILE, MEMBERS, OPEN, REFUSED, WAITING, write_sources
from tests.integration.houses import found_house

ROLE_HEADER = "X-Test-Role"


class FixedAuthority:
    """Says who asks by a header."""

    def require(self, role: Role) -> Callable[..., Person]:
        def find_person(request: Request) -> Person:
            given = request.headers.get(ROLE_HEADER)
            if given is None:
                raise HTTPException(401)
            person = Person(f"{given}-of-test", given)
            if not person.may(role):
                raise HTTPException(403)
            return person

        return find_person


@dataclass
class Town:
    """A home with requests in several states, by what became of them."""

    house: House
    ids: dict[str, str]

    def open(self) -> House:
        return open_house(self.house.settings)

    def application(self) -> FastAPI:
        return create_application(self.open, FixedAuthority())


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """One completed, one refused, one that waits, one planned and a right that was granted; a hold, notices, audits."""
    house = found_house(tmp_path_factory.mktemp("desk") / "home", TOKUMEI_GUARD_SHARE=1)
    write_sources(house.settings.landing)
    ingest(house, find_files(house))
    build_marts(house)
    free = AccountFacts(0, 0, date(2026, 1, 31))
    ids = {GONE: request_deletion(house, GONE, request_key="gone", facts=free)}
    finish(house, plan(house))
    ids[REFUSED] = request_deletion(house, REFUSED, request_key="refused", facts=free)
    refuse_request(house, ids[REFUSED], reason=HOSTILE, refused_by="officer-of-test")
    busy = AccountFacts(1, 2, None)
    long_ago = house.now() - timedelta(days=40)
    ids[WAITING] = request_deletion(house, WAITING, request_key="waiting", facts=busy, requested_at=long_ago)
    place_hold(house, "survey_responses", legal_basis=HOSTILE, ends_on=date(2099, 1, 1), placed_by="officer-of-test")
    ids[OPEN] = request_deletion(house, OPEN, request_key="open", facts=free)
    plan(house)
    ids["access"] = fill_desk(house, ids[GONE])
    house.ledger.dispose()
    return Town(house, ids)


def plan(house: House) -> str:
    decide_requests(house)
    planned = plan_deletions(house)
    assert planned is not None
    return planned.digest


def finish(house: House, digest: str) -> None:
    approve_plan(house, digest, approved_by="officer-of-test")
    run_plan(house, digest)
    certify_deletions(house, digest)


def fill_desk(house: House, request_id: str) -> str:
    """What the other parts of the desk keep: a right, a recipient with an export, messages, an audit."""
    now, access_id = house.now(), "00000000-0000-4000-8000-000000000001"
    subject = seal_subject(identify_subject(MEMBERS[0], house.keyring), house.keyring)
    right = {"request_id": access_id, "request_key": "access", "kind": "access", "channel": "web"}
    right |= {"requested_at": now, "requested_by": HOSTILE, "state": "received", "known_keys": "", "reason": HOSTILE}
    right |= {"sealed_subject": subject, "due_on": now.date() + timedelta(days=3)}
    who = {"recipient_id": "contractor-a", "kind": "contractor", "purpose": HOSTILE, "endpoint": "https://a.example"}
    given = {"export_id": "export-1", "recipient_id": "contractor-a", "kind": "hand_over", "purpose": HOSTILE}
    given |= {"layer": "lake", "dataset": "page_views", "fields": ("event_date", HOSTILE), "row_count": 12}
    given |= {"first_date": now.date(), "last_date": now.date(), "content_digest": "0" * 64, "exported_at": now}
    message = {"request_id": request_id, "channel": "sms", "sealed_address": b"sealed", "created_at": now}
    told = {"kind": "recipient", "request_id": request_id, "export_id": "export-1", "recipient_id": "contractor-a"}
    told |= {"channel": "webhook", "template": "deletion", "created_at": now, "attempt_count": 1, "told_at": now}
    with transaction(house.ledger) as connection:
        connection.execute(sa.insert(rights_requests).values(right))
        connection.execute(sa.insert(recipients).values(who | {"registered_at": now, "registered_by": HOSTILE}))
        connection.execute(sa.insert(exports).values(given | {"exported_by": HOSTILE}))
        for number, state in enumerate(("dead", "pending", "waiting")):
            row = message | {"message_id": f"message-{number}", "kind": "user", "state": state, "failure": HOSTILE}
            connection.execute(sa.insert(outbox).values(row | {"template": "completed", "attempt_count": number}))
        connection.execute(sa.insert(notices).values(told | {"message_id": "notice-1", "confirmed_at": now}))
        audit = {"started_at": now, "finished_at": now, "file_count": 120, "byte_count": 5 << 20}
        connection.execute(sa.insert(residue_audits).values(audit | {"failure": "DeletionIncompleteError"}))
        connection.execute(sa.insert(residue_audits).values(audit | {"tombstone_count": 1, "certificate_count": 1}))
    return access_id


@pytest.fixture(scope="session")
def served(town: Town) -> Iterator[str]:
    """The address of the console, mounted as Airflow does it; a header says who asks."""
    with serve(town.application()) as address:
        yield address


@contextmanager
def serve(application: FastAPI) -> Iterator[str]:
    outside = FastAPI()
    outside.mount("/privacy", application)
    server = uvicorn.Server(uvicorn.Config(outside, port=0, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/privacy"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def clients(served: str) -> Iterator[dict[str, httpx.Client]]:
    """Somebody of each role, and a stranger under an empty name."""
    with ExitStack() as stack:
        yield {role: stack.enter_context(open_client(served, role)) for role in ("", *ROLES)}


def open_client(address: str, role: str) -> httpx.Client:
    headers = {ROLE_HEADER: role} if role else {}
    return httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60)


def read_token(page: str) -> str:
    """The token of a page's form."""
    return page.partition('name="token" value="')[2].partition('"')[0]
