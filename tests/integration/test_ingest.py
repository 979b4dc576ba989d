"""A file's way into the lake: once, whole or not at all, without those who left, and with every line accounted for."""

import gzip
import json
import logging
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from anonymization.operators import pseudonym_of
from pipelines.control.day_keys import open_visitor_keys
from pipelines.control.deliveries import LineCounts, file_accounts, held_files
from pipelines.control.subjects import Tombstone, raise_tombstones
from pipelines.errors import StorageBusyError
from pipelines.journeys import chunk
from pipelines.journeys import ingest as journey
from pipelines.journeys import stage as staging
from pipelines.journeys.house import open_house
from pipelines.journeys.ingest import RESTAGE_ATTEMPTS, find_files
from pipelines.lake.layout import open_table
from pipelines.settings import load_settings, prepare_home
from tests.integration.landed import deliver, ingest_all, parts_on_disk, read, request, requests

DEVICE = "7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a11"
NINE = datetime(2026, 11, 22, 0, tzinfo=UTC)
TABLES = ("page_views", "security_events", "identity_links", "rejected_lines")


def json_lines(*objects):
    return "".join(json.dumps(each) + "\n" for each in objects)


def account(user, *, consent, as_of="2026-11-22"):
    facts = {"as_of": as_of, "user_id": user, "open_listings": 0, "open_trades": 0, "last_transaction_date": None}
    return facts | {"consent": consent}


def search(number, query, user=None):
    record = {"time": "2026-11-22T10:00:00+09:00", "user_id": user, "remote_addr": f"198.51.100.{number}"}
    return record | {"query": query, "result_count": number, "page": 1, "clicked": False}


def bury(house, user, *, kind="user", at=NINE):
    key = house.keyring.current("membership")
    raise_tombstones(house.ledger, [Tombstone(kind, pseudonym_of(user, kind, key), key.id, "request", at)])


def test_same_content_counts_once_whatever_its_name_or_compression(house):
    content = requests(*range(20))
    deliver(house, "access/a.log", content)
    (first,) = ingest_all(house)
    for name, again in (("a.log", content), ("b.log", content), ("host2/a.log.gz", gzip.compress(content.encode()))):
        deliver(house, f"access/{name}", again)
        (delivery,) = ingest_all(house)
        assert (delivery.state, delivery.file_name) == ("duplicate", name)
        assert delivery.counts == LineCounts(read=20, duplicate=20)
    assert (first.state, first.counts) == ("committed", LineCounts(read=20, accepted=20))
    assert read(house, "page_views").height == 20
    assert find_files(house) == ()
    assert file_accounts(house.ledger)["state"].to_list() == ["committed", *["duplicate"] * 3]


def test_one_changed_byte_is_other_content(house):
    deliver(house, "access/a.log", requests(1, 2))
    deliver(house, "access/b.log", requests(1, 3))
    assert [delivery.state for delivery in ingest_all(house)] == ["committed", "committed"]
    assert read(house, "page_views").height == 4


def test_two_runs_at_once_take_every_file_once(house, tmp_path):
    alone = load_settings({"TOKUMEI_HOME": str(tmp_path / "alone")})
    prepare_home(alone)
    open_visitor_keys(house.settings, [NINE.date()], house.now())
    shutil.copytree(house.settings.keyring_file.parent, alone.keyring_file.parent, dirs_exist_ok=True)
    undisturbed = open_house(alone)
    for each in (house, undisturbed):
        for number in range(5):
            deliver(each, f"access/{number}.log", requests(*range(number, number + 25)) + "torn\n")
        deliver(each, "access/twice.log", requests(*range(5, 30)) + "torn\n")
    command = [str(Path(sys.executable).parent / "tokumei"), "ingest"]
    environment = {"TOKUMEI_HOME": str(house.settings.home), "PATH": "/usr/bin:/bin"}
    runs = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(2)]
    ingest_all(undisturbed)
    for run in runs:
        _, errors = run.communicate(timeout=120)
        assert b"Traceback" not in errors
    ingest_all(house)
    for table in TABLES:
        ours, theirs = (read(each, table).sort(pl.all()) for each in (house, undisturbed))
        assert_frame_equal(ours, theirs)
    assert_frame_equal(*(file_accounts(each.ledger).sort(pl.all()) for each in (house, undisturbed)))
    assert find_files(house) == ()


def test_bad_file_is_held_and_the_others_go_on(house):
    bad = deliver(house, "access/bad.log", requests(1, 2, 3) + "203.0.113.99 no line of ours\n")
    deliver(house, "access/good.log", requests(4, 5))
    held, committed = ingest_all(house)
    assert (held.state, held.counts, committed.state) == ("held", LineCounts(), "committed")
    assert held.reason.startswith("no line of it is stored; access: 1 of 4 lines rejected (25.0 %, limit 5 %)")
    assert bad.exists()
    assert read(house, "page_views").height == 2
    assert read(house, "rejected_lines").height == 0
    assert len(parts_on_disk(house)) == sum(len(open_table_files(house, table)) for table in TABLES)
    assert held_files(house.ledger) == (("access", "bad.log", held.reason),)


def open_table_files(house, table):
    return open_table(house.lake, house.catalogue.get("lake", table)).file_uris()


def test_mended_file_is_taken_and_the_hold_lifted(house):
    deliver(house, "access/bad.log", "torn\n")
    ingest_all(house)
    deliver(house, "access/bad.log", requests(1))
    (delivery,) = ingest_all(house)
    assert delivery.state == "committed"
    assert held_files(house.ledger) == ()


def test_hold_is_lifted_when_somebody_takes_the_file_away(house):
    bad = deliver(house, "access/bad.log", "torn\n")
    ingest_all(house)
    bad.unlink()
    assert ingest_all(house) == ()
    assert held_files(house.ledger) == ()


def test_rejected_line_is_a_row_with_its_place_and_shape(house):
    before = requests(*range(19))
    deliver(house, "access/a.log", before + "u000000042 was here\n" + requests(19))
    (delivery,) = ingest_all(house)
    assert delivery.counts == LineCounts(read=21, accepted=20, rejected=1)
    (reject,) = read(house, "rejected_lines").to_dicts()
    assert (reject["source"], reject["file_id"]) == ("access", delivery.content_digest[:16])
    assert (reject["line_number"], reject["byte_offset"], reject["byte_count"]) == (20, len(before), 19)
    assert (reject["reason"], reject["shape"]) == ("malformed_line", "a9 a a")
    assert read(house, "page_views")["line_number"].sort().to_list() == [*range(1, 20), 21]


def test_address_that_cannot_be_read_is_null_everywhere_and_its_line_is_kept(house):
    unreadable = ("999.1.1.1", "client.example.jp", "-", "203.0.113.7.8")
    deliver(house, "access/a.log", "".join(request(7).replace("203.0.113.7", each) + "\n" for each in unreadable))
    (delivery,) = ingest_all(house)
    assert delivery.counts == LineCounts(read=4, accepted=4)
    events = read(house, "security_events")
    told = [name for name in events.columns if "address" in name or "network" in name]
    assert events.height == 4
    assert {events[name].null_count() for name in told} == {4}


def test_empty_file_is_told_and_is_no_error(house, caplog):
    deliver(house, "access/a.log", b"")
    deliver(house, "devices/a.jsonl.gz", gzip.compress(b""))
    with caplog.at_level(logging.WARNING, logger="tokumei"):
        deliveries = ingest_all(house)
    assert [delivery.state for delivery in deliveries] == ["committed", "committed"]
    assert caplog.messages == ["tokumei: access/a.log is empty", "tokumei: devices/a.jsonl.gz is empty"]
    assert find_files(house) == ()


def test_line_of_a_member_who_left_is_never_stored(house):
    bury(house, "u000000001")
    deliver(house, "access/a.log", requests(1, 2, user="u000000001") + requests(3, user="u000000002"))
    (delivery,) = ingest_all(house)
    assert delivery.counts == LineCounts(read=3, accepted=1, suppressed=2)
    assert read(house, "page_views")["line_number"].to_list() == [3]
    assert read(house, "security_events").height == 1


def test_device_is_suppressed_only_while_it_was_the_leavers(house):
    bury(house, DEVICE, kind="device", at=NINE + timedelta(minutes=90))
    event = {"event": "app_open", "device_id": DEVICE, "platform": "ios"}
    times = ("2026-11-22T10:00:00+09:00", "2026-11-22T11:00:00+09:00")
    deliver(house, "devices/a.jsonl", json_lines(*({"time": time} | event for time in times)))
    (delivery,) = ingest_all(house)
    assert delivery.counts == LineCounts(read=2, accepted=1, suppressed=1)


def test_refused_consent_suppresses_until_it_is_given(house):
    users = ("u000000001", "u000000002")
    deliver(house, "accounts/1.jsonl", json_lines(*(account(user, consent=user == users[0]) for user in users)))
    deliver(house, "access/a.log", "".join(requests(number, user=user) for number, user in enumerate(users)))
    accounts, access = ingest_all(house)
    assert (accounts.counts.accepted, access.counts) == (2, LineCounts(read=2, accepted=1, suppressed=1))
    deliver(house, "accounts/2.jsonl", json_lines(account(users[1], consent=True, as_of="2026-11-23")))
    deliver(house, "access/b.log", requests(9, user=users[1]))
    assert [delivery.counts.suppressed for delivery in ingest_all(house)] == [0, 0]


def raise_while_staging(monkeypatch, house, times):
    """Somebody leaves just after each of the first stagings, before anything is committed."""
    stage_file, raised = staging._stage_file, []

    def stage_and_raise(*arguments):
        stage = stage_file(*arguments)
        if len(raised) < times:
            raised.append(f"u{len(raised) + 1:09}")
            bury(house, raised[-1])
        return stage

    monkeypatch.setattr(staging, "_stage_file", stage_and_raise)
    return raised


def test_tombstone_raised_before_the_commit_is_obeyed(house, monkeypatch):
    raised = raise_while_staging(monkeypatch, house, times=1)
    deliver(house, "access/a.log", requests(1, user="u000000001") + requests(2, user="u000000002"))
    (delivery,) = ingest_all(house)
    assert raised == ["u000000001"]
    assert delivery.counts == LineCounts(read=2, accepted=1, suppressed=1)
    assert read(house, "page_views")["line_number"].to_list() == [2]
    assert len(parts_on_disk(house)) == sum(len(open_table_files(house, table)) for table in TABLES)


def test_endless_tombstones_stop_the_run_and_lose_nothing(house, monkeypatch):
    raise_while_staging(monkeypatch, house, times=RESTAGE_ATTEMPTS)
    deliver(house, "access/a.log", requests(1))
    with pytest.raises(StorageBusyError, match="tombstones or keys changed during every attempt"):
        ingest_all(house)
    assert parts_on_disk(house) == []
    assert ingest_all(house)[0].counts.accepted == 1


def fail_with_a_value(*_):
    raise ValueError("203.0.113.7 is no number")


def test_defect_of_ours_holds_the_file_without_a_value_and_leaves_nothing(house, monkeypatch):
    monkeypatch.setattr(chunk, "measure", fail_with_a_value)
    deliver(house, "access/a.log", requests(1))
    (held,) = ingest_all(house)
    assert held.state == "held"
    assert "access: stopped with ValueError at chunk.py:" in held.reason
    assert "203.0.113.7" not in held.reason
    assert parts_on_disk(house) == []


def test_failing_commit_stops_the_run_without_a_value_and_can_be_repeated(house, monkeypatch):
    deliver(house, "access/a.log", requests(*range(20)) + "torn\n")
    with monkeypatch.context() as patched:
        patched.setattr(journey, "record_delivery", fail_with_a_value)
        with pytest.raises(
            StorageBusyError, match=r"access/a.log cannot be taken in: stopped with ValueError at"
        ) as error:
            ingest_all(house)
    assert "203.0.113.7" not in str(error.value)
    assert error.value.__context__ is None
    assert ingest_all(house)[0].counts == LineCounts(read=21, accepted=20, rejected=1)
    assert read(house, "page_views").height == 20


def test_search_holds_no_person_no_time_and_no_place(house):
    queries = [search(number, "vase", user=f"u{number:09}") for number in range(60)]
    queries += [search(99, "something that only one person types", user="u000000099")]
    queries += [search(number, "far too long " * 40) for number in range(100, 120)]
    deliver(house, "searches/a.jsonl", json_lines(*queries))
    (delivery,) = ingest_all(house)
    searches = read(house, "searches")
    assert delivery.counts.accepted == searches.height == 81
    assert set(searches.columns) == {
        "event_date", "term", "people_sketch", "category", "result_count", "page_number", "was_clicked"
    }  # fmt: skip
    assert searches["term"].value_counts().sort("count").rows() == [(None, 21), ("vase", 60)]
    assert searches["result_count"].to_list() != [query["result_count"] for query in queries]
