"""Access exports: all that is held on a member, as an oracle counts it that reads files alone, and nobody else's."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import jsonschema
import pyarrow.parquet
import pytest
import sqlalchemy as sa

from anonymization.operators import pseudonym_of
from pipelines.control.desk_tables import exports, recipients, rights_requests
from pipelines.control.ledger import transaction
from pipelines.deletion.disclosure.document import read_schema
from pipelines.deletion.request import identify_subject, name_keys, seal_subject
from pipelines.journeys.access import close_subject, describe_access, export_subject
from pipelines.journeys.audit import require_declared
from pipelines.journeys.correct import correct_subject
from pipelines.journeys.delete import accept_landed
from pipelines.journeys.house import open_house
from pipelines.journeys.keys import rotate_key
from pipelines.journeys.restrict import restrict_member
from pipelines.journeys.retain import place_hold, retain
from tests.integration.conftest import DAYS, FOLLOWER, LEAVER, MEMBERS, NEIGHBOUR, PHONES, TABLET

FIRST, LAST = (date.fromisoformat(day) for day in DAYS)


def read_lake(town) -> Iterator[tuple[str, dict[str, object]]]:
    """Every stored row with its table, read file by file as Parquet."""
    for path in sorted((town.home / "lake").glob("*/*=*/**/*.parquet")):
        rows = pyarrow.parquet.ParquetFile(path).read()
        named = dict(part.split("=") for part in path.parts if "=" in part)
        for row in rows.to_pylist():
            yield path.relative_to(town.home / "lake").parts[0], row | named


def find_naively(town, user: str, devices: tuple[str, ...]) -> dict[str, list[dict[str, object]]]:
    """The rows that name the member, or nobody on one of their own devices, by pseudonyms made one by one."""
    members = set(town.pseudonyms(user))
    own = {value for device in devices for value in device_pseudonyms(town, device)}
    found: dict[str, list[dict[str, object]]] = {}
    for table, row in read_lake(town):
        user_of, device_of = row.get("user_pseudonym"), row.get("device_pseudonym")
        if user_of in members or (user_of is None and device_of in own):
            found.setdefault(table, []).append(row)
    return found


def device_pseudonyms(town, device: str) -> list[bytes]:
    return [
        pseudonym_of(device, "device", key) for name in ("usage", "security") for key in town.house.keyring.live(name)
    ]


def write(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value) if isinstance(value, date) else value


def told(dataset: dict, row: dict[str, object]) -> str:
    return json.dumps({column["name"]: write(row.get(column["name"])) for column in dataset["columns"]}, sort_keys=True)


def export(town, user: str, request_id: str | None = None):
    facts = export_subject(town.house, request_id or str(uuid4()), town.subject(user))
    return facts, json.loads(facts.paths[0].read_text())


def enter_request(town, user: str, *, state: str = "completed", expires_on: date | None = None) -> str:
    """A request for access as it stands in the ledger."""
    request_id, now = str(uuid4()), datetime.now(UTC)
    keyring = town.house.keyring
    row = {
        "request_id": request_id,
        "request_key": request_id,
        "kind": "access",
        "channel": "web",
        "requested_at": now,
        "requested_by": "service",
        "state": state,
        "sealed_subject": seal_subject(identify_subject(user, keyring), keyring),
        "known_keys": name_keys(keyring),
        "due_on": now.date(),
        "expires_on": expires_on,
    }
    with transaction(town.house.ledger) as connection:
        connection.execute(sa.insert(rights_requests).values(row))
    return request_id


def is_forgotten(town, request_id: str) -> bool:
    query = sa.select(rights_requests.c.sealed_subject).where(rights_requests.c.request_id == request_id)
    with transaction(town.house.ledger) as connection:
        return connection.execute(query).scalar_one() is None


@pytest.fixture(scope="module")
def told_town(open_town):
    """A town in which the neighbour corrected an answer and is restricted; no test of this file changes it."""
    town = open_town()
    detail = {"attribute": "nps", "value": "3"}
    correct_subject(town.house, str(uuid4()), town.subject(NEIGHBOUR), detail)
    restrict_member(town.house, NEIGHBOUR, restricted_by="officer", reason="asked by letter")
    return town


@pytest.mark.parametrize("user", [LEAVER, FOLLOWER, NEIGHBOUR])
def test_export_holds_the_rows_that_an_oracle_finds_in_every_table_and_no_other(told_town, user: str):
    facts, document = export(told_town, user)
    jsonschema.validate(document, read_schema())
    expected = find_naively(told_town, user, (PHONES[user],))
    tables = {each["table"]: each for each in document["datasets"] if each["layer"] == "lake"}
    assert {name for name, each in tables.items() if each["rows"]} == set(expected)
    for name, dataset in tables.items():
        stored = sorted(told(dataset, row) for row in expected.get(name, []))
        assert sorted(json.dumps(row, sort_keys=True) for row in dataset["rows"]) == stored
        assert dataset["row_count"] == facts.row_counts[name] == len(stored)
    assert [(each["table"], each["rows"]) for each in describe_access(told_town.house, told_town.subject(user))] == [
        *facts.row_counts.items()
    ]


def test_device_that_somebody_else_uses_is_told_by_the_rows_that_name_the_member_alone(told_town):
    closed = close_subject(told_town.house, told_town.subject(NEIGHBOUR))
    assert not set(device_pseudonyms(told_town, TABLET)) & {*closed.pseudonyms("usage"), *closed.pseudonyms("security")}
    assert set(device_pseudonyms(told_town, PHONES[NEIGHBOUR])) <= {
        *closed.pseudonyms("usage"),
        *closed.pseudonyms("security"),
    }


def test_export_says_of_the_ledger_what_it_holds_of_the_member(told_town):
    request_id = enter_request(told_town, NEIGHBOUR, state="approved")
    _, document = export(told_town, NEIGHBOUR, request_id)
    told_rows = {each["table"]: each["rows"] for each in document["datasets"]}
    [account] = told_rows["account_facts"]
    assert (account["as_of"], account["open_trades"], account["consent"]) == (DAYS[1], 0, True)
    assert [(each["ground"], each["reason"]) for each in told_rows["restrictions"]] == [("request", "asked by letter")]
    assert [(each["request_id"], each["kind"], each["state"]) for each in told_rows["requests"]] == [
        (request_id, "access", "approved")
    ]
    [corrected] = told_rows["survey_corrections"]
    assert (corrected["attribute"], corrected["old_value"], corrected["new_value"]) == ("nps", "9", "3")
    _, others = export(told_town, FOLLOWER)
    assert not any(each["rows"] for each in others["datasets"] if each["table"] in {"restrictions", "requests"})


def test_every_dataset_says_why_it_is_held_from_where_how_long_and_in_which_form(told_town):
    _, document = export(told_town, NEIGHBOUR)
    tables = {each["table"]: each for each in document["datasets"]}
    contracts = {each.name: each for each in told_town.house.catalogue.layer("lake")}
    others = {each["table"] for each in document["unattributable"] if each["layer"] == "lake"}
    assert contracts.keys() == {name for name in tables if name in contracts} | others
    assert others == {"rejected_lines", "searches", "quarantined_lines"}
    for name in tables.keys() & contracts.keys():
        assert tables[name]["purpose"] == contracts[name].purpose
        assert tables[name]["retention"] == {
            "days": contracts[name].retention_days,
            "from": contracts[name].retention_column,
        }
        assert tables[name]["sources"]
    assert [each["name"] for each in tables["survey_corrections"]["sources"]] == ["surveys"]


def test_no_code_of_anybody_and_no_name_of_a_key_is_in_an_export(told_town):
    facts, _ = export(told_town, NEIGHBOUR)
    codes = [value.hex() for user in MEMBERS for value in told_town.pseudonyms(user)]
    codes += [value.hex() for device in (*PHONES.values(), TABLET) for value in device_pseudonyms(told_town, device)]
    keys = name_keys(told_town.house.keyring).split()
    for path in facts.paths:
        text = path.read_text()
        assert not [each for each in (*codes, *keys, *MEMBERS, *PHONES.values(), TABLET) if each in text]


def test_recipients_are_those_who_received_a_table_or_statistics_on_it_with_days_of_the_member(town):
    common = {"purpose": "analysis", "fields": ("event_date",), "row_count": 1, "content_digest": "0" * 64}
    common |= {"exported_at": datetime.now(UTC), "exported_by": "engineer", "recipient_id": "acme"}
    handed = [
        ("hand_over", "lake", "page_views", FIRST, FIRST),
        ("extract", "marts", "satisfaction_weekly", FIRST, LAST),
        ("hand_over", "lake", "security_events", FIRST - timedelta(days=9), FIRST - timedelta(days=8)),
    ]
    with transaction(town.house.ledger) as connection:
        known = {"recipient_id": "acme", "kind": "contractor", "purpose": "analysis"}
        known |= {"registered_at": datetime.now(UTC), "registered_by": "engineer"}
        connection.execute(sa.insert(recipients).values(known))
        for kind, layer, dataset, first, last in handed:
            row = {"export_id": str(uuid4()), "kind": kind, "layer": layer, "dataset": dataset}
            connection.execute(sa.insert(exports).values(common | row | {"first_date": first, "last_date": last}))
    facts, document = export(town, NEIGHBOUR)
    received = {each["table"]: sorted(one["of"] for one in each["recipients"]) for each in document["datasets"]}
    assert received["page_views"] == ["lake.page_views", "marts.satisfaction_weekly"]
    assert received["survey_responses"] == ["marts.satisfaction_weekly"]
    assert received["security_events"] == received["account_facts"] == []
    assert "acme (contractor)" in facts.paths[1].read_text()


def test_files_are_for_their_owner_alone_declared_and_what_the_facts_say_of_them(town):
    facts, _ = export(town, LEAVER)
    for path, digest in zip(facts.paths, (facts.json_digest, facts.html_digest), strict=True):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert stat.S_IMODE(facts.paths[0].parent.stat().st_mode) == 0o700
    beside = facts.paths[0].with_name(f".{facts.paths[0].name}.abc123.tmp")
    beside.write_text("what a killed process left")
    require_declared(town.house)
    export_subject(town.house, facts.paths[0].stem, town.subject(LEAVER))
    assert not beside.exists()


def test_export_of_a_stranger_says_that_nothing_is_held(town):
    facts, document = export(town, town.stranger)
    assert set(facts.row_counts.values()) == {0}
    jsonschema.validate(document, read_schema())
    assert "Nothing about you is held here." in facts.paths[1].read_text()


def test_rows_under_a_key_that_was_made_after_the_member_asked_are_told_and_corrected(town):
    enter_request(town, NEIGHBOUR, state="received")
    asked = town.subject(NEIGHBOUR)
    before = export_subject(town.house, str(uuid4()), asked)
    for purpose in ("usage", "satisfaction", "security"):
        rotate_key(town.house.settings, purpose)
    town.house.ledger.dispose()
    renewed = type(town)(open_house(town.house.settings))
    renewed.land("access", "more.jsonl", [renewed.visit(NEIGHBOUR, PHONES[NEIGHBOUR], "2026-11-23", 5)])
    answer = {"survey_id": "winter", "channel": "app", "segment": "buyer", "csat": 4, "nps": 9, "ces": 2}
    late = {"time": "2026-11-23T10:00:00+09:00", "user_id": NEIGHBOUR, "comment": None, "language": "ja"}
    renewed.land("surveys", "more.jsonl", [answer | late])
    renewed.take_in()
    after = export_subject(renewed.house, str(uuid4()), asked)
    more = {name: count - before.row_counts[name] for name, count in after.row_counts.items()}
    assert {name: count for name, count in more.items() if count} == {
        "page_views": 1,
        "survey_responses": 1,
        "identity_links": 3,
    }
    facts = correct_subject(renewed.house, str(uuid4()), asked, {"attribute": "csat", "value": "1"})
    assert facts.row_count == 2


def list_exports(town) -> set[str]:
    return {path.name for path in town.house.settings.access_exports.iterdir()}


def test_retention_removes_an_export_after_its_last_day_and_forgets_whose_it_was(town):
    today = town.house.now().date()
    over, lasting = (enter_request(town, LEAVER, expires_on=today - timedelta(days=days)) for days in (1, 0))
    waiting = enter_request(town, LEAVER, state="running")
    for request_id in (over, lasting, waiting):
        export(town, LEAVER, request_id)
    lost, _ = export(town, LEAVER)
    long_ago = (datetime.now(UTC) - timedelta(days=32)).timestamp()
    for path in lost.paths:
        os.utime(path, (long_ago, long_ago))
    retain(town.house)
    assert list_exports(town) == {f"{name}.{kind}" for name in (lasting, waiting) for kind in ("json", "html")}
    assert [is_forgotten(town, each) for each in (over, lasting, waiting)] == [True, False, False]


def test_deletion_of_a_member_removes_their_exports_and_keeps_those_of_others(town):
    place_hold(
        town.house,
        "page_views",
        legal_basis="court order",
        ends_on=town.house.now().date() + timedelta(days=2),
        placed_by="officer",
    )
    gone, kept = (enter_request(town, user) for user in (LEAVER, NEIGHBOUR))
    for request_id, user in ((gone, LEAVER), (kept, NEIGHBOUR)):
        export(town, user, request_id)
    export(town, NEIGHBOUR)  # of no request in the ledger: whose it is nobody can tell
    Path(town.house.settings.access_exports, f".{gone}.json.abc.tmp").write_text("left by a killed process")
    accept_landed(town.house)
    town.finish(town.approve())
    assert list_exports(town) == {f"{kept}.json", f"{kept}.html"}
    assert [is_forgotten(town, each) for each in (gone, kept)] == [True, False]


def test_device_of_a_deleted_member_whose_rows_a_hold_keeps_is_still_not_told_to_who_shared_it(town):
    """The links between the two are gone with the leaver, and their rows are not."""
    place_hold(
        town.house,
        "page_views",
        legal_basis="court order",
        ends_on=town.house.now().date() + timedelta(days=2),
        placed_by="officer",
    )
    before, _ = export(town, NEIGHBOUR)
    accept_landed(town.house)
    town.finish(town.approve())
    after, _ = export(town, NEIGHBOUR)
    assert after.row_counts["page_views"] == before.row_counts["page_views"]
