"""What is learnt of who asked for a right is kept beside their open request, and goes when that is closed."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.control.desk_tables import rights_requests, rights_sightings
from pipelines.control.ledger import open_ledger, transaction
from pipelines.control.rights_sightings import forget_sightings, list_open_rights, store_sightings

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path):
    ledger = open_ledger(f"sqlite:///{tmp_path / 'control.db'}")
    yield ledger
    ledger.dispose()


def enter(ledger: sa.Engine, name: str, state: str, sealed: bytes | None = b"sealed") -> None:
    row = {"request_id": name, "request_key": name, "kind": "access", "channel": "web", "requested_at": NOW}
    row |= {"requested_by": "service", "state": state, "sealed_subject": sealed, "known_keys": "usage-1"}
    with transaction(ledger) as connection:
        connection.execute(sa.insert(rights_requests).values(row | {"due_on": date(2026, 12, 6)}))


def learn(ledger: sa.Engine, *names: str, content: bytes = b"more") -> int:
    return store_sightings(ledger, names, lambda right: None if right.sealed_extension == content else content)


def list_learnt(ledger: sa.Engine) -> list[str]:
    with transaction(ledger) as connection:
        return sorted(connection.execute(sa.select(rights_sightings.c.request_id)).scalars())


def test_only_open_requests_whose_subject_is_known_learn_and_the_same_thing_once(ledger: sa.Engine):
    for name, state in (("open", "received"), ("running", "running"), ("done", "completed"), ("no", "refused")):
        enter(ledger, name, state)
    enter(ledger, "forgotten", "received", None)
    assert [right.request_id for right in list_open_rights(ledger)] == ["open", "running"]
    assert learn(ledger, "open", "done", "no", "forgotten", "unknown") == 1
    assert learn(ledger, "open") == 0
    assert learn(ledger, "open", content=b"yet more") == 1
    assert [right.sealed_extension for right in list_open_rights(ledger)] == [b"yet more", None]


def test_what_was_learnt_is_forgotten_with_the_request_and_when_it_is_asked_for(ledger: sa.Engine):
    for name in ("first", "second", "third"):
        enter(ledger, name, "approved")
    assert learn(ledger, "first", "second", "third") == 3
    with transaction(ledger) as connection:
        closed = sa.update(rights_requests).where(rights_requests.c.request_id == "first")
        connection.execute(closed.values(state="completed"))
    forget_sightings(ledger)
    assert list_learnt(ledger) == ["second", "third"]
    forget_sightings(ledger, ["second"])
    assert list_learnt(ledger) == ["third"]
