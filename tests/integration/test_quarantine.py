"""Rejected lines under seal: kept only where a contract asks for it, until they expire, and taken in after a fix."""

import gzip
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from anonymization.errors import AnonymizationError
from anonymization.keyring import QUARANTINE_PURPOSE, unseal
from anonymization.operators import pseudonym_of
from pipelines.contracts.model import load_catalogue
from pipelines.control.day_keys import find_day_keys, read_quarantine_keys
from pipelines.control.deliveries import LineCounts, file_accounts
from pipelines.control.keyring_file import read_history, read_keyring
from pipelines.control.subjects import Tombstone, raise_tombstones
from pipelines.errors import GateFailedError
from pipelines.ingestion.quarantine import open_lines
from pipelines.journeys import stage
from pipelines.journeys.house import House
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.keys import destroy_key
from pipelines.journeys.replay import replay_rejected
from pipelines.journeys.retain import retain
from pipelines.lake.layout import open_table
from pipelines.proof.scan import scan
from pipelines.settings import REPOSITORY
from tests.integration.houses import found_house

DAYS = 7
MEMBER, LEAVER = "u000000042", "u000000077"
SECRETS = (MEMBER, LEAVER, "203.0.113.7", "hiroshi@example.jp")


def write_contracts(directory: Path, *, days: int | None, time_key: str = "time") -> Path:
    """The house's contracts, with a quarantine for access logs, and their clock under some key."""
    shutil.copytree(REPOSITORY / "data_contracts", directory)
    path = directory / "sources" / "access.odcs.yaml"
    text = path.read_text().replace("physicalName: time\n", f"physicalName: {time_key}\n")
    if days:
        limit = "- {property: maximumRejectPercent, value: 5}\n"
        asked = f"- {{property: quarantine, value: {{days: {days}}}}}\n"
        text = text.replace(limit, f"{limit.replace('5', '50')}      {asked}")
    path.write_text(text)
    return directory


@pytest.fixture(scope="module")
def catalogues(tmp_path_factory):
    """Before and after a fix: the service had begun to call its clock `at`."""
    root = tmp_path_factory.mktemp("contracts")
    before = write_contracts(root / "before", days=DAYS)
    return load_catalogue(before), load_catalogue(write_contracts(root / "after", days=DAYS, time_key="at"))


@pytest.fixture
def house(tmp_path, catalogues):
    return replace(found_house(tmp_path / "home"), catalogue=catalogues[0])


@pytest.fixture
def mended(house, catalogues):
    return replace(house, catalogue=catalogues[1])


def visit(number, clock="time", **changes):
    request = {
        clock: f"2026-11-22T10:{number:02}:00+09:00",
        "remote_addr": "203.0.113.7",
        "user_id": MEMBER,
        "request_method": "GET",
        "request_uri": "/help",
        "status": 200,
    }
    return json.dumps(request | changes)


def deliver(house: House, name: str, *lines: str | bytes):
    path = house.settings.landing / "access" / name
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + b"\n")
    return ingest(house, find_files(house))


def read(house: House, table: str) -> pl.DataFrame:
    return pl.read_delta(open_table(house.lake, house.catalogue.get("lake", table)))


def bury(house: House, user: str) -> None:
    key = house.keyring.current("membership")
    gone = Tombstone("user", pseudonym_of(user, "user", key), key.id, "request", datetime(2026, 11, 22, tzinfo=UTC))
    raise_tombstones(house.ledger, [gone])


MIXED = [
    visit(0),
    visit(1, "at"),
    visit(2),
    f"{MEMBER} wrote hiroshi@example.jp",
    visit(4),
    visit(5, "at", user_id=LEAVER),
]


def test_without_being_asked_nothing_of_a_line_is_kept(house, tmp_path):
    plain = replace(house, catalogue=load_catalogue(REPOSITORY / "data_contracts"))
    deliver(plain, "a.jsonl", *(visit(number % 60) for number in range(40)), MIXED[3])
    assert read(plain, "rejected_lines").height == 1
    assert not (plain.settings.home / "lake" / "quarantined_lines").exists()
    assert not find_day_keys(plain.settings, QUARANTINE_PURPOSE).exists()


def test_rejected_line_is_kept_under_seal_and_shows_nothing(house):
    (delivery,) = deliver(house, "a.jsonl", *MIXED)
    assert delivery.counts == LineCounts(read=6, accepted=3, rejected=3)
    kept, rejected = read(house, "quarantined_lines"), read(house, "rejected_lines")
    places = ["source", "file_id", "line_number", "byte_offset", "reason"]
    assert kept.select(places).sort("line_number").equals(rejected.select(places).sort("line_number"))
    assert set(kept["expires_on"]) == {house.now().date() + timedelta(days=DAYS)}
    assert scan([house.settings.home], SECRETS).clean
    with pytest.raises(AnonymizationError):
        unseal(house.keyring, kept["sealed_line"][0])


def test_what_no_fix_can_read_is_not_kept(house):
    content = "\n".join([visit(0), visit(2), "", "x" * 1024 * 1024, visit(1)])
    torn = gzip.compress(content.encode(), compresslevel=0)[:-99]
    (house.settings.landing / "access" / "a.jsonl.gz").write_bytes(torn)
    (delivery,) = ingest(house, find_files(house))
    assert delivery.counts == LineCounts(read=5, accepted=2, rejected=3)
    reasons = read(house, "rejected_lines").sort("line_number")["reason"].to_list()
    assert reasons == ["empty_line", "line_too_long", "file_cut_off"]
    assert read(house, "quarantined_lines").height == 0


def test_replay_takes_in_what_can_be_read_now_and_leaves_the_rest(house, mended):
    (delivery,) = deliver(house, "a.jsonl", *MIXED)
    assert replay_rejected(house) == ()
    (replayed,) = replay_rejected(mended)
    assert (replayed.state, replayed.counts) == ("committed", LineCounts(read=2, accepted=2))
    views = read(house, "page_views").sort("line_number")
    assert views["line_number"].to_list() == [1, 2, 3, 5, 6]
    assert set(views["file_id"]) == {delivery.content_digest[:16]}
    assert read(house, "quarantined_lines")["line_number"].to_list() == [4]
    assert read(house, "rejected_lines").height == 3
    assert replay_rejected(mended) == ()
    accounts = file_accounts(house.ledger)
    assert accounts["accepted_count"].to_list() == [3, 2]
    parts = list((house.settings.home / "lake/quarantined_lines").glob("expires_on=*/*.parquet"))
    assert len(parts) == 1, "what was let go is gone from the disk"
    assert scan([house.settings.home], SECRETS).clean


def test_replay_passes_the_tombstones(house, mended):
    deliver(house, "a.jsonl", *MIXED)
    bury(house, LEAVER)
    (replayed,) = replay_rejected(mended)
    assert replayed.counts == LineCounts(read=2, accepted=1, suppressed=1)
    assert read(house, "quarantined_lines")["line_number"].to_list() == [4]


def test_replay_that_a_gate_refuses_is_held_and_taken_in_later(house, mended, monkeypatch):
    def refuse(*_):
        raise GateFailedError("page_views: some rule", hint="mend it")

    deliver(house, "a.jsonl", *MIXED)
    with monkeypatch.context() as patched:
        patched.setattr(stage, "judge", refuse)
        (held,) = replay_rejected(mended)
    assert (held.state, held.reason) == ("held", "page_views: some rule; mend it")
    assert read(house, "page_views").height == 3
    (replayed,) = replay_rejected(mended)
    assert replayed.counts == LineCounts(read=2, accepted=2)
    assert read(house, "page_views").height == 5


def test_line_with_a_mark_at_the_beginning_of_its_file_is_read_like_any_other(house, mended):
    deliver(house, "a.jsonl", b"\xef\xbb\xbf" + visit(1, "at").encode() + b"\r", visit(2))
    (replayed,) = replay_rejected(mended)
    assert replayed.counts.accepted == 1


def test_sealed_line_opens_in_no_other_place(house, mended):
    deliver(house, "a.jsonl", *MIXED)
    rows, keys = read(house, "quarantined_lines"), read_quarantine_keys(house.settings, house.now())
    assert open_lines(rows, keys).height == 3
    assert open_lines(rows.with_columns(pl.col("line_number") + 1), keys).height == 0
    assert open_lines(rows, {}).height == 0


def test_expired_lines_lose_their_key_and_then_their_rows(house, mended, monkeypatch):
    deliver(house, "a.jsonl", *MIXED)
    (key,) = read_keyring(find_day_keys(house.settings, QUARANTINE_PURPOSE)).keys
    moment = house.now()
    monkeypatch.setattr(House, "now", lambda _: moment + timedelta(days=DAYS))
    retain(house)
    assert read(house, "quarantined_lines").height == 3, "held on their last day"
    monkeypatch.setattr(House, "now", lambda _: moment + timedelta(days=DAYS + 1))
    assert replay_rejected(mended) == (), "expired lines are not opened, even before they are removed"
    retain(house)
    assert read(house, "quarantined_lines").height == 0
    assert read_keyring(find_day_keys(house.settings, QUARANTINE_PURPOSE)).retired == (key.id,)
    assert ("destroyed", key.id) in [
        (entry["action"], entry["key_id"]) for entry in read_history(house.settings.keyring_file.parent)
    ]


def test_key_of_a_day_can_be_destroyed_by_hand(house, mended):
    deliver(house, "a.jsonl", *MIXED)
    (key,) = read_keyring(find_day_keys(house.settings, QUARANTINE_PURPOSE)).keys
    assert destroy_key(house.settings, key.id).row_counts == {"quarantined_lines": 3}
    assert replay_rejected(mended) == ()
