"""A file shared out among processes: the same tables as from one, and nothing left when one of them fails."""

import json
import multiprocessing
import pickle
import shutil
from dataclasses import dataclass, replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from anonymization.errors import AnonymizationError
from pipelines.errors import DataQualityError, StorageBusyError
from pipelines.ingestion import readers
from pipelines.ingestion.enrich import Batch
from pipelines.ingestion.parse import read_headed_chunks
from pipelines.ingestion.readers import Chunk
from pipelines.journeys import stage as stage_journey
from pipelines.journeys.chunk import Bench, Portion, new_batch, open_bench
from pipelines.journeys.house import open_house
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.keys import make_keys
from pipelines.journeys.workers import (
    LARGE_FILE_CHUNKS,
    REJECT_TABLES,
    HeadedChunk,
    Order,
    _finish,
    _take,
    look_ahead,
    new_order,
    share_out,
)
from pipelines.lake.layout import open_table
from pipelines.settings import load_settings, prepare_home

TABLES = ("page_views", "security_events", "identity_links", "rejected_lines")
LINE_COUNT = 600
SHORT = 8192


def access_line(number):
    if number % 50 == 7:
        return "torn"
    request = {
        "time": f"2026-11-22T{number % 20:02}:{number % 60:02}:00+09:00",
        "remote_addr": f"203.0.113.{number % 90}",
        "user_id": f"u{number % 40:09}" if number % 3 else None,
        "device_id": f"7d444840-9dc0-4a1d-8f5c-3f1f6f1f0a{number % 40:02}" if number % 4 else None,
        "request_method": "POST",
        "request_uri": f"/item/{number}" if number % 5 else "/login",
        "status": 401 if number % 7 else 200,
    }
    return json.dumps(request)


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    """A file of a few kilobytes is a large one."""
    monkeypatch.setattr(readers, "BLOCK_BYTES", 4096)
    monkeypatch.setattr(stage_journey, "CHUNK_BYTES", SHORT)


@pytest.fixture
def new_house(tmp_path):
    def open_new(processes, like=None):
        home = tmp_path / f"home-{processes}"
        settings = load_settings({"TOKUMEI_HOME": str(home), "TOKUMEI_PROCESSES": str(processes)})
        prepare_home(settings)
        if like is None:
            make_keys(settings)
        else:
            shutil.copytree(like.settings.keyring_file.parent, home / "keys", dirs_exist_ok=True)
        lines = "\n".join(access_line(number) for number in range(LINE_COUNT))
        (settings.landing / "access/app.jsonl").write_text(lines)
        return open_house(settings)

    return open_new


def read_lake(house):
    frames = {name: pl.read_delta(open_table(house.lake, house.catalogue.get("lake", name))) for name in TABLES}
    return {name: frame.sort(pl.all()) for name, frame in frames.items()}


def parts(house):
    return [path for path in house.settings.home.glob("lake/**/*.parquet") if "_delta_log" not in path.parts]


@dataclass(frozen=True)
class Work:
    """What one process is told of the only file in landing, the file's chunks, and the bench of the one that tells."""

    bench: Bench
    batch: Batch
    order: Order
    chunks: list[HeadedChunk]


def work_of(house):
    (file,) = find_files(house)
    contract = house.catalogue.get("sources", file.source)
    bench = open_bench(house, contract, REJECT_TABLES[:1])
    batch = new_batch(house, contract, "0123456789abcdef", file.format.files)
    return Work(bench, batch, new_order(bench, batch, file.format), list(read_headed_chunks(file, file.format, SHORT)))


def test_tables_are_the_same_however_many_processes_made_them(new_house):
    alone = new_house(1)
    (of_one,) = ingest(alone, find_files(alone))
    together = new_house(2, like=alone)
    (of_two,) = ingest(together, find_files(together))
    assert of_two.counts == of_one.counts
    assert of_two.counts.read == LINE_COUNT
    assert of_two.event_dates == of_one.event_dates
    expected = read_lake(alone)
    for name, frame in read_lake(together).items():
        assert frame.height
        assert_frame_equal(frame, expected[name])


def test_process_that_dies_leaves_nothing_but_the_landing_file(new_house, monkeypatch):
    def read_and_kill(*arguments):
        for index, chunk in enumerate(read_headed_chunks(*arguments)):
            if index == LARGE_FILE_CHUNKS:
                for child in multiprocessing.active_children():
                    child.kill()
            yield chunk

    monkeypatch.setattr(stage_journey, "read_headed_chunks", read_and_kill)
    house = new_house(2)
    with pytest.raises(StorageBusyError, match="died"):
        ingest(house, find_files(house))
    assert parts(house) == []
    assert len(find_files(house)) == 1


def test_error_of_one_process_discards_what_all_of_them_wrote(new_house):
    house = new_house(2)
    work = work_of(house)
    chunks = [*work.chunks, (Chunk(None, 1, 0), None)]
    with pytest.raises(DataQualityError, match=r"TypeError|AttributeError"):
        share_out(work.order, chunks, work.bench.stage.receive)
    for table in work.bench.stage.tables.values():
        table.discard()
    assert parts(house) == []


def test_no_key_crosses_to_another_process(new_house):
    house = new_house(2)
    work = work_of(house)
    order, chunk = work.order, work.chunks[0]
    crossing = b"".join(pickle.dumps(what) for what in (order, chunk, _take(order, chunk), _finish(order)))
    assert not any(key.secret.encode() in crossing for key in house.keyring.keys)
    with pytest.raises(AnonymizationError):
        pickle.dumps(work.batch.keyring)


def test_rows_that_cross_hold_no_identifier(new_house):
    house = new_house(2)
    work = work_of(house)
    answer = _take(work.order, work.chunks[0])
    assert isinstance(answer, Portion)
    assert answer.tables["identity_links"].rows
    pickled = pickle.dumps(answer)
    assert not any(found in pickled for found in (b"203.0.113.", b"u00000000", b"7d444840"))


def test_process_with_other_keys_refuses_the_work(new_house):
    order = replace(work_of(new_house(2)).order, key_ids=frozenset({"usage-2"}))
    answer = _take(order, (Chunk(b"", 1, 0), None))
    assert isinstance(answer, StorageBusyError)
    assert answer.hint


def test_error_keeps_its_hint_between_processes():
    error = pickle.loads(pickle.dumps(StorageBusyError("the table is busy", hint="run it again")))
    assert (str(error), error.hint) == ("the table is busy; run it again", "run it again")


def test_looking_ahead_loses_no_chunk():
    for count in range(LARGE_FILE_CHUNKS + 2):
        chunks = [(Chunk(b"x", number, number), None) for number in range(count)]
        ahead, is_large = look_ahead(iter(chunks))
        assert list(ahead) == chunks
        assert is_large == (count >= LARGE_FILE_CHUNKS)
