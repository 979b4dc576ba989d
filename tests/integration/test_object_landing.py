"""Landing in an S3-compatible object store: found, read, committed once, and only then removed."""

import gzip
import json
import logging
from urllib.parse import urlencode

import polars as pl
import pytest
import zstandard

from pipelines.control.deliveries import LineCounts, held_files
from pipelines.errors import ConfigurationError
from pipelines.ingestion.landing import StoredObject, open_landing
from pipelines.journeys import ingest as journey
from pipelines.journeys.ingest import find_files, ingest, name_files
from pipelines.lake.layout import open_table
from tests.integration.houses import found_house


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


@pytest.fixture
def house(tmp_path, server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anyone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    options = {"endpoint_override": server, "scheme": "http", "region": "us-east-1", "allow_bucket_creation": "true"}
    uri = f"s3://{tmp_path.name.replace('_', '-')}/in/landing?{urlencode(options)}"
    landing = open_landing(uri)
    assert isinstance(landing, StoredObject)
    landing.filesystem.create_dir(landing.key.partition("/")[0])
    return found_house(tmp_path / "home", TOKUMEI_LANDING_URI=uri)


def access_lines(*numbers):
    common = {"request_method": "GET", "request_uri": "/", "status": 200}
    lines = [
        {"time": f"2026-11-22T10:{number:02}:00+09:00", "remote_addr": f"203.0.113.{number}"} | common
        for number in numbers
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def upload(house, place, content):
    landing = open_landing(house.settings.landing_uri)
    with landing.filesystem.open_output_stream(f"{landing.key}/{place}", compression=None) as stream:
        stream.write(content)


def count_views(house):
    return pl.read_delta(open_table(house.lake, house.catalogue.get("lake", "page_views"))).height


def test_objects_are_taken_in_once_and_removed(house):
    upload(house, "access/a.jsonl", access_lines(1, 2))
    upload(house, "access/host1/b.jsonl.gz", gzip.compress(access_lines(3)))
    upload(house, "access/host1/twice.jsonl.zst", zstandard.compress(access_lines(3)))
    deliveries = ingest(house, find_files(house))
    assert [delivery.state for delivery in deliveries] == ["committed", "committed", "duplicate"]
    assert count_views(house) == 3
    assert find_files(house) == ()
    assert ingest(house, find_files(house)) == ()


def test_bad_object_is_held_and_stays(house):
    upload(house, "access/bad.jsonl", b"torn\n")
    (held,) = ingest(house, find_files(house))
    assert held.state == "held"
    assert [file.name for file in find_files(house)] == ["bad.jsonl"]
    assert held_files(house.ledger) == (("access", "bad.jsonl", held.reason),)


def test_object_that_is_replaced_before_its_removal_stays_and_is_read_again(house, monkeypatch):
    upload(house, "access/a.jsonl", access_lines(1))
    record = journey.record_delivery

    def record_and_replace(*arguments):
        upload(house, "access/a.jsonl", access_lines(2))
        return record(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(journey, "record_delivery", record_and_replace)
        ingest(house, find_files(house))
    assert ingest(house, find_files(house))[0].counts == LineCounts(read=1, accepted=1)
    assert count_views(house) == 2
    assert find_files(house) == ()


def test_objects_are_named_by_uri_directory_and_glob(house):
    for place in ("access/a.jsonl", "access/b.jsonl", "accounts/c.jsonl"):
        upload(house, place, b"")
    start = house.settings.landing_uri.partition("?")[0]
    assert [file.name for file in name_files(house, [f"{start}/access/b.jsonl"])] == ["b.jsonl"]
    assert [file.name for file in name_files(house, [f"{start}/access/*", f"{start}/accounts"])] == [
        "c.jsonl", "a.jsonl", "b.jsonl"
    ]  # fmt: skip
    assert [file.name for file in name_files(house, [str(file.path) for file in find_files(house)])]
    with pytest.raises(ConfigurationError, match="is not below"):
        name_files(house, ["s3://elsewhere/access/a.jsonl"])


def test_home_keeps_no_copy_of_an_object(house):
    content = access_lines(*range(9))
    upload(house, "access/a.jsonl", content)
    ingest(house, find_files(house))
    files = [path for path in house.settings.home.rglob("*") if path.is_file()]
    assert files
    assert not any(b"203.0.113." in path.read_bytes() for path in files)
