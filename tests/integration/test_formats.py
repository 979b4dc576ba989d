"""Files of several formats in landing, and the rows that they become in the lake: no code of their own anywhere."""

import gzip
import pickle

import polars as pl
import pytest

from pipelines.ingestion.parse import parse_chunk, read_headed_chunks
from pipelines.journeys.ingest import find_files, ingest
from pipelines.lake.layout import open_table
from tests.integration.houses import found_house

CLOUDFRONT = (
    "#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status cs(User-Agent)\n"
    "2026-11-22\t01:45:00\t203.0.113.7\tGET\t/help\t200\tMozilla/5.0%20(X11)\n"
)
ALB = (
    "h2 2026-11-22T01:45:01.5Z app/shop/5 203.0.113.7:2817 10.0.1.9:80 0.0 0.0 0.0 200 200 34 366 "
    '"GET https://www.auction.example.jp:443/help HTTP/2.0" "Mozilla/5.0" - - - "-" "-" "-" 0 2026-11-22T01:45:00Z '
    '"forward" "-" "-" "10.0.1.9:80" "200" "-" "-" TID_1\n'
)
ECS = (
    '{"@timestamp": "2026-11-22T01:45:02Z", "client": {"ip": "203.0.113.7"}, "url": {"path": "/help"}, '
    '"http": {"request": {"method": "get"}, "response": {"status_code": 200}}}\n'
)
COMBINED = '203.0.113.7 - - [22/Nov/2026:10:45:03 +0900] "GET /help HTTP/1.1" 200 7 "-" "Mozilla/5.0"\n'
SURVEYS = 'time,survey_id,channel,csat,comment\n2026-11-22T10:45:00+09:00,s1,web,5,"two\nlines"\n'
FILES = {
    "access/cloudfront/E1.2026-11-22-01.abcd.gz": gzip.compress(CLOUDFRONT.encode()),
    "access/alb/a.log.gz": gzip.compress(ALB.encode()),
    "access/ecs/a.json": ECS.encode(),
    "access/web.log": COMBINED.encode(),
    "surveys/a.csv": SURVEYS.encode(),
}


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    house = found_house(tmp_path_factory.mktemp("formats") / "home")
    for name, content in FILES.items():
        path = house.settings.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return house


def test_every_format_ends_in_the_same_table(landed):
    files = find_files(landed)
    parts = [part for file in files for part in read_headed_chunks(file, file.format)]
    sent = pickle.loads(pickle.dumps([(file.format, part) for file, part in zip(files, parts, strict=True)]))
    for file, (declared, (chunk, header)) in zip(files, sent, strict=True):
        contract = landed.catalogue.get("sources", file.source)
        assert parse_chunk(chunk, declared, contract, "Asia/Tokyo", header).rows.height == 1

    deliveries = ingest(landed, files)
    assert {(each.file_name, each.state, each.counts.read, each.counts.accepted) for each in deliveries} == {
        (name.split("/", 1)[1], "committed", 1, 1) for name in FILES
    }
    views = pl.read_delta(open_table(landed.lake, landed.catalogue.get("lake", "page_views")))
    assert views.select("method", "route", "status_code").rows() == [("GET", "/help", 200)] * 4
    answers = pl.read_delta(open_table(landed.lake, landed.catalogue.get("lake", "survey_responses")))
    assert answers["csat"].to_list() == [5]
