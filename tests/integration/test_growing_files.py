"""Files that grow after they were taken in, and rotated copies of them: each line counts once."""

import gzip
import json
import random
from dataclasses import replace

import pytest
import zstandard

from pipelines.control.deliveries import LineCounts, file_accounts
from pipelines.control.ledger import open_ledger
from pipelines.journeys import stage as staging
from pipelines.journeys.ingest import find_files, ingest, ingest_file
from tests.integration.landed import read


def requests(*numbers):
    return "".join(request(number) + "\n" for number in numbers).encode()


def request(number):
    return f'203.0.113.{number} - - [22/Nov/2026:10:00:{number:02} +0900] "GET /item/{number} HTTP/1.1" 200 7 "-" "-"'


def deliver(house, name, content):
    (house.settings.landing / "access" / name).write_bytes(content)


def take_in(house):
    return [delivery.counts for delivery in ingest(house, find_files(house))]


def line_numbers(house):
    return read(house, "page_views")["line_number"].sort().to_list()


def test_grown_file_brings_only_the_rest_at_its_place(house):
    deliver(house, "a.log", requests(*range(20)))
    assert take_in(house) == [LineCounts(read=20, accepted=20)]
    deliver(house, "a.log", requests(*range(20)) + b"no line\n" + requests(20))
    assert take_in(house) == [LineCounts(read=22, accepted=1, rejected=1, duplicate=20)]
    assert line_numbers(house) == [*range(1, 21), 22]
    (reject,) = read(house, "rejected_lines").to_dicts()
    assert (reject["line_number"], reject["byte_offset"]) == (21, len(requests(*range(20))))
    assert file_accounts(house.ledger)["read_count"].to_list() == [20, 22]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress])
def test_rotated_copy_with_more_lines_is_known_by_its_beginning(house, compress):
    deliver(house, "a.log", requests(1, 2))
    take_in(house)
    deliver(house, "a.log", requests(9))
    deliver(house, "a.1.log", compress(requests(1, 2, 3)))
    assert take_in(house) == [LineCounts(read=3, accepted=1, duplicate=2), LineCounts(read=1, accepted=1)]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor(level=1).compress])
def test_file_that_was_cut_off_and_comes_whole_brings_the_rest_and_its_torn_line(house, compress):
    draw = random.Random(4)
    lines = (request(number % 60).replace("/item/", f"/item/{draw.getrandbits(160)}") for number in range(20_000))
    whole = "".join(f"{line}\n" for line in lines).encode()
    deliver(house, "a.log.gz", compress(whole)[: len(compress(whole)) * 2 // 3])
    (head,) = take_in(house)
    assert (head.accepted, head.rejected) == (head.read - 1, 1)
    assert 0 < head.accepted < 20_000
    deliver(house, "a.log.gz", compress(whole))
    (rest,) = take_in(house)
    assert (rest.read, rest.duplicate, rest.accepted) == (20_000, head.accepted, 20_000 - head.accepted)
    assert line_numbers(house) == list(range(1, 20_001))


def test_longest_beginning_counts_when_a_file_grows_again_and_again(house):
    for count in range(1, 6):
        deliver(house, "a.log", requests(*range(count)))
        assert take_in(house) == [LineCounts(read=count, accepted=1, duplicate=count - 1)]
    assert line_numbers(house) == [1, 2, 3, 4, 5]


def test_file_in_one_run_with_its_beginning_brings_the_rest(house):
    deliver(house, "a.log", requests(1))
    deliver(house, "b.log", requests(1, 2))
    assert take_in(house) == [LineCounts(read=1, accepted=1), LineCounts(read=2, accepted=1, duplicate=1)]


def test_line_that_was_torn_is_read_again(house):
    deliver(house, "a.log", requests(*range(30)) + request(30)[:50].encode())
    assert take_in(house) == [LineCounts(read=31, accepted=30, rejected=1)]
    deliver(house, "a.log", requests(*range(32)))
    assert take_in(house) == [LineCounts(read=32, accepted=2, duplicate=30)]
    assert line_numbers(house) == [*range(1, 33)]


def test_line_that_only_lacked_its_line_end_counts_once(house):
    deliver(house, "a.log", requests(1, 2).removesuffix(b"\n"))
    take_in(house)
    deliver(house, "a.log", requests(1, 2, 3))
    assert take_in(house) == [LineCounts(read=3, accepted=1, duplicate=2)]


def test_beginning_of_another_source_is_no_beginning(house):
    line = json.dumps({"time": "2026-11-22T10:00:00+09:00", "event": "app_open", "device_id": "d", "platform": "ios"})
    content = f"{line}\n".encode()
    (house.settings.landing / "devices/a.jsonl").write_bytes(content)
    take_in(house)
    deliver(house, "a.jsonl", content + requests(1))
    assert take_in(house)[0].duplicate == 0


def test_file_of_which_a_run_takes_in_the_beginning_meanwhile_brings_the_rest(house, monkeypatch):
    """The second to commit notices: else two runs at once would double what both began with."""
    deliver(house, "a.log", requests(*range(20)))
    deliver(house, "b.log", requests(*range(25)))
    beginning, whole = find_files(house)
    stage_file, others = staging._stage_file, [beginning]
    rival = replace(house, ledger=open_ledger(house.settings.control_url))

    def stage_while_another_runs(*arguments):
        stage = stage_file(*arguments)
        if others:
            ingest_file(rival, others.pop())
        return stage

    monkeypatch.setattr(staging, "_stage_file", stage_while_another_runs)
    assert ingest_file(house, whole).counts == LineCounts(read=25, accepted=5, duplicate=20)
    assert line_numbers(house) == [*range(1, 26)]
    rival.ledger.dispose()
