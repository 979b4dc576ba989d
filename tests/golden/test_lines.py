"""Raw lines of every kind, and exactly what becomes of each: tests/golden/lines.yaml."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from pipelines.contracts.formats import find_format
from pipelines.contracts.model import load_catalogue
from pipelines.ingestion.parse import parse_chunk
from pipelines.ingestion.readers import Chunk
from pipelines.settings import REPOSITORY

ACCESS = load_catalogue(REPOSITORY / "data_contracts").get("sources", "access")
FORMATS = {"combined": find_format(ACCESS, "a.log"), "json_lines": find_format(ACCESS, "a.jsonl")}
GOLDEN = yaml.safe_load((Path(__file__).parent / "lines.yaml").read_text(encoding="utf-8"))
CASES = [(file_format, case) for file_format, cases in GOLDEN.items() for case in cases]
ACCEPTED = [pytest.param(each, case, id=f"{each}: {case['name']}") for each, case in CASES if "columns" in case]
REJECTED = [pytest.param(each, case, id=f"{each}: {case['name']}") for each, case in CASES if "reason" in case]


def read_content(case) -> bytes:
    line = bytes.fromhex(case["hex"]) if "hex" in case else case["line"].encode()
    return line + case.get("ending", "\n").encode()


def parse(file_format, content):
    return parse_chunk(Chunk(content, first_line=1, byte_offset=0), FORMATS[file_format], ACCESS, "Asia/Tokyo")


def write_plainly(value):
    """Values as YAML gives them: moments without their zone, which is UTC."""
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value


@pytest.mark.parametrize(("file_format", "case"), ACCEPTED)
def test_line_becomes_exactly_these_columns(file_format, case):
    parsed = parse(file_format, read_content(case))
    (row,) = parsed.rows.to_dicts()
    assert row.pop("line_number") == 1
    assert {name: write_plainly(value) for name, value in row.items() if value is not None} == case["columns"]
    assert (parsed.read_count, parsed.rejects.height) == (1, 0)


@pytest.mark.parametrize(("file_format", "case"), REJECTED)
def test_line_is_rejected_for_this_reason_and_keeps_only_its_shape(file_format, case):
    content = read_content(case)
    parsed = parse(file_format, content)
    (reject,) = parsed.rejects.to_dicts()
    assert (reject["reason"], reject["shape"]) == (case["reason"], case["shape"])
    assert (reject["line_number"], reject["byte_offset"]) == (1, 0)
    assert reject["byte_count"] == len(content.removesuffix(b"\n"))
    assert (parsed.read_count, parsed.rows.height) == (1, 0)


def test_every_case_is_one_of_the_two_and_dates_are_dates():
    assert len(CASES) == len(ACCEPTED) + len(REJECTED)
    assert all(type(case["columns"]["event_date"]) is date for _, case in CASES if "columns" in case)


def test_dropped_fields_are_counted():
    content = b'{"session_cookie": 1, "time": "2026-11-22T10:45:00Z", "remote_addr": "203.0.113.7", "zz": null, '
    content += b'"request_method": "GET", "request_uri": "/", "status": 200}\n'
    assert parse("json_lines", content).undeclared_count == 2
