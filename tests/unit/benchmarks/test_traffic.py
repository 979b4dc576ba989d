"""The benchmark's traffic: exactly as many lines as asked for, alike but not the same, and alike in both formats."""

import json

import polars as pl
import pytest

from benchmarks.traffic import describe_lines, spell_combined, write_traffic

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36"
ADDRESSES = [*(f"198.51.100.{number}" for number in range(40)), *(f"2001:db8::{number:x}" for number in range(1, 41))]
LINES = pl.Series(
    "line",
    [
        f"{address} - {'-' if number % 2 else f'u10000{number:04}'} [20/Nov/2026:10:{number % 60:02}:59 +0900] "
        f'"GET /item/123456{number:04} HTTP/2.0" 200 512 "https://www.google.com/" "{AGENT}"'
        for number, address in enumerate(ADDRESSES)
    ]
    + ["torn"] * 3,
)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory):
    return write_traffic(tmp_path_factory.mktemp("traffic"), describe_lines(LINES), 1000)


def test_every_line_is_described_and_spelled_as_it_was_but_most_broken_ones_left_out():
    spelled = describe_lines(LINES).select(spell_combined()).to_series()
    assert spelled.to_list() == LINES.to_list()[:-2]


def test_traffic_has_exactly_the_lines_asked_for_in_both_formats(traffic):
    for path in (traffic.combined, traffic.json_lines):
        lines = path.read_text().splitlines()
        assert len(lines) == traffic.line_count == 1000
        assert 0 < lines.count("torn") < 20


def test_copies_have_new_visitors_besides_some_that_return(traffic):
    addresses = [line.split(" ")[0] for line in traffic.combined.read_text().splitlines() if line != "torn"]
    assert 300 < len(set(addresses)) < 900
    assert max(map(addresses.count, set(addresses))) >= 12
    assert {":" in address for address in addresses} == {True, False}


def test_both_formats_tell_the_same_requests(traffic):
    both = zip(traffic.combined.read_text().splitlines(), traffic.json_lines.read_text().splitlines(), strict=True)
    for line, document in both:
        if line == "torn":
            continue
        record = json.loads(document)
        assert line.startswith(f"{record['remote_addr']} - {record['user_id'] or '-'} [20/Nov/2026:1")
        assert f'"GET {record["request_uri"]} HTTP/2.0" {record["status"]} {record["body_bytes_sent"]} ' in line
        assert line.endswith(f'"{record["http_referer"]}" "{record["http_user_agent"]}"')
