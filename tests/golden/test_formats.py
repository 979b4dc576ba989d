"""Files of every format as real servers write them, and what becomes of each record: tests/golden/formats.yaml."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
import yaml

from pipelines.contracts.format_lint import check_formats
from pipelines.contracts.formats import find_format
from pipelines.contracts.model import load_catalogue
from pipelines.errors import DataQualityError
from pipelines.ingestion.parse import parse_file
from pipelines.ingestion.sources import SourceFile
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
GOLDEN = yaml.safe_load((Path(__file__).parent / "formats.yaml").read_text(encoding="utf-8"))


def declare(case):
    """The contract of a case: the house's own, with the case's format and proxies where it has some."""
    contract = CATALOGUE.get("sources", case.get("source", "access"))
    own = {"formats": [case["declared"]]} if "declared" in case else {}
    return replace(contract, properties=contract.properties | own | {"trustedProxies": case.get("trusted_proxies", [])})


def parse(case, tmp_path, content=None, chunk_bytes=1 << 20):
    contract = declare(case)
    path = tmp_path / "file"
    text = case["content"].replace("→", "\t") if "tabs" in case else case["content"]
    path.write_bytes(text.encode() if content is None else content)
    name = case.get("file", "file")
    file = SourceFile(contract.name, name, path, find_format(contract, name))
    return list(parse_file(file, contract, "Asia/Tokyo", chunk_bytes))


def show_rows(chunks):
    rows = pl.concat(each.rows for each in chunks).rename({"line_number": "line"})
    shown = rows.drop("event_date") if "event_at" in rows.columns else rows
    return [
        {name: plain(value) for name, value in row.items() if value is not None} for row in shown.iter_rows(named=True)
    ]


def plain(value):
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def show_rejects(chunks):
    rejects = pl.concat(each.rejects for each in chunks)
    return rejects.select("reason", line="line_number").select("line", "reason").sort("line").to_dicts()


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20], ids=["in small chunks", "whole"])
@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_file_becomes_exactly_these_rows_and_rejects(case, chunk_bytes, tmp_path):
    chunks = parse(case, tmp_path, chunk_bytes=chunk_bytes)
    assert show_rows(chunks) == case["rows"]
    assert show_rejects(chunks) == case.get("rejects", [])
    assert sum(each.read_count for each in chunks) == len(case["rows"]) + len(case.get("rejects", []))
    assert sum(each.undeclared_count for each in chunks) == case.get("undeclared", 0)


@pytest.mark.parametrize("case", [case for case in GOLDEN if "declared" in case], ids=lambda case: case["name"])
def test_declaration_passes_the_lint(case):
    contract = CATALOGUE.get("sources", case.get("source", "access"))
    columns = [
        {
            "name": column.name,
            "physicalName": column.physical_name,
            "physicalType": column.physical_type,
            "required": column.required,
        }
        for column in contract.columns
    ]
    assert list(check_formats([case["declared"]], columns)) == []


def find_case(beginning):
    return next(case for case in GOLDEN if case["name"].startswith(beginning))


def test_windows_file_with_a_byte_order_mark_reads_the_same(tmp_path):
    case = find_case("accounts as CSV")
    content = b"\xef\xbb\xbf" + case["content"].replace("\n", "\r\n").encode()
    assert show_rows(parse(case, tmp_path, content)) == case["rows"]


def test_quoted_file_without_its_last_line_end_reads_the_same(tmp_path):
    case = find_case("surveys as CSV")
    chunks = parse(case, tmp_path, case["content"].removesuffix("\n").encode(), chunk_bytes=1)
    assert (show_rows(chunks), show_rejects(chunks)) == (case["rows"], case["rejects"])


@pytest.mark.parametrize(
    ("beginning", "content", "message"),
    [
        ("accounts as CSV", b"user_id,consent\nu1,true\n", "has no field as_of, from which event_date is read"),
        ("accounts as CSV", b"user_id,user_id,as_of,consent,open_trades,open_listings\n1\n", "two fields user_id"),
        ("accounts as CSV", b'user_id,"consent\nu1,true\n', "its header cannot be read"),
        ("accounts as CSV", b"\xff\xfe\nu1,true\n", "its header cannot be read"),
        ("CloudFront standard", b"2026-11-22\t01:45:00\n", "records come before a line #Fields:"),
        ("CloudFront standard", b"#Fields: date time\n2026-11-22\t01:45:00\n", "has no field c-ip"),
    ],
)
def test_file_whose_header_does_not_do_is_held_whole(beginning, content, message, tmp_path):
    with pytest.raises(DataQualityError, match=message):
        parse(find_case(beginning), tmp_path, content)


def test_one_quote_cannot_swallow_a_file(tmp_path):
    case = find_case("surveys as CSV")
    header, good = b"time,survey_id,channel,csat,comment\n", b"2026-11-22T10:45:00+09:00,s1,web,5,fine\n"
    content = header + b'2026-11-22T10:45:00+09:00,s1,web,5,"open\n' + good * 20_000
    for chunk_bytes in (1 << 12, 1 << 24):
        chunks = parse(case, tmp_path, content, chunk_bytes)
        assert show_rejects(chunks) == [{"line": 2, "reason": "unbalanced_quotes"}]
        assert sum(each.rows.height for each in chunks) == 20_000
