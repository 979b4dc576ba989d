"""What reading any declared format promises, for any line of any layout and for any bytes of delimited fields."""

import csv
import io
import ipaddress
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipelines.contracts.formats import build_format, find_format
from pipelines.contracts.layout import UnreadableLayoutError
from pipelines.contracts.model import load_catalogue
from pipelines.ingestion.client_address import resolve_clients
from pipelines.ingestion.layout_plan import plan_layout
from pipelines.ingestion.parse import parse_file
from pipelines.ingestion.readers import is_compressed
from pipelines.ingestion.records import find_record_end, find_records
from pipelines.ingestion.sources import SourceFile
from pipelines.ingestion.text_line import split_exactly, split_quickly
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
COLUMNS = {column.name: column.physical_name for column in CATALOGUE.get("sources", "access").columns}
LAYOUTS = [
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"',
    '%v:%p %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D',
    '%{X-Forwarded-For}i %h %t "%r" %>s',
    "$msec|$remote_addr|$request|$status",
    '[$time_iso8601] $remote_addr "$request_method $request_uri $server_protocol" $status',
    '$remote_addr $time_local "$request" rt=$request_time; uct="$upstream" $status',
]
PARTS = ["$remote_addr", "$time_local", "[$time_local]", '"$request"', '"$http_user_agent"', "$status", "$request_uri"]
ODD_PARTS = [
    '"$request_method $request_uri"',
    "$host:$port",
    "<$msec>",
    "$http_x_forwarded_for",
    'a="$x$y"',
    "rt=$msec",
]
variables = st.sampled_from([*PARTS, *ODD_PARTS])
layouts = st.one_of(
    st.sampled_from(LAYOUTS),
    st.lists(variables, min_size=1, max_size=5, unique=True).map(" ".join),
    st.text('$ab" []|%h'),
)
# What stands where a layout has a variable: values as they should be, and everything that could be taken for a border.
values = st.one_of(
    st.sampled_from(
        ["203.0.113.7", "-", "", "200", "22/Nov/2026:10:45:00 +0900", "GET / HTTP/1.1", "a, b", "0.5", "a:b"]
    ),
    st.text(st.sampled_from('ab "\\[]:|,;=-<> \t\u3000茶'), max_size=6),
)


def compile_format(layout, *, open_ended=False):
    try:
        declared = build_format({"files": "*", "kind": "text", "layout": layout, "openEnded": open_ended}, COLUMNS)
    except UnreadableLayoutError:
        return None
    return declared if declared.fields else None


@given(layout=layouts, open_ended=st.booleans(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_splits_say_yes_only_where_the_pattern_finds_the_same(layout, open_ended, data):
    declared = compile_format(layout, open_ended=open_ended)
    if declared is None:
        return
    write = st.tuples(*(st.just(token) if isinstance(token, str) else values for token in declared.tokens))
    endings = st.sampled_from(["", "", " ", ' more "of" it', "x", '"'])
    lines = data.draw(st.lists(st.tuples(write.map("".join), endings).map("".join), min_size=1, max_size=10))
    series, plan = pl.Series("line", lines, dtype=pl.String), plan_layout(declared)
    quick, is_read = split_quickly(series, plan)
    exact, matches = split_exactly(series, plan)
    assert matches.filter(is_read).all()
    assert_frame_equal(quick.filter(is_read), exact.filter(is_read))


@given(agent=st.text(st.characters(codec="utf-8", exclude_characters='\n\r\x00"\\'), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_line_as_servers_write_it_never_needs_the_pattern(agent):
    line = LAYOUTS[0].replace("$time_local", "22/Nov/2026:10:45:00 +0900").replace("$request", "GET / HTTP/2.0")
    line = line.replace("$http_user_agent", agent)
    _, is_read = split_quickly(pl.Series([line]), plan_layout(compile_format(LAYOUTS[0])))
    assert is_read.to_list() == [True]


cells = st.text(st.sampled_from('ab",\n\r ;茶'), max_size=8).filter(lambda cell: "\r" not in cell)
tables = st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=8)


def read_surveys(content, chunk_bytes=1 << 20):
    contract = CATALOGUE.get("sources", "surveys")
    with tempfile.NamedTemporaryFile() as written:
        written.write(content)
        written.flush()
        file = SourceFile("surveys", "a.csv", Path(written.name), find_format(contract, "a.csv"))
        return list(parse_file(file, contract, "Asia/Tokyo", chunk_bytes))


def gather(chunks, name):
    return pl.concat(getattr(each, name) for each in chunks)


@given(
    table=tables, ending=st.sampled_from(["\n", "\r\n"]), quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
)
@settings(max_examples=100, deadline=None)
def test_whatever_a_csv_writer_wrote_is_read_as_it_was(table, ending, quoting):
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=ending, quoting=quoting)
    writer.writerow(["time", "survey_id", "channel", "comment", "segment", "language"])
    for row in table:
        writer.writerow(["2026-11-22T10:45:00+09:00", "s1", "web", *row])
    chunks = read_surveys(written.getvalue().encode())
    rows = gather(chunks, "rows").select("comment", "segment", "language").rows()
    assert rows == [tuple(None if cell in ("", "-") else cell for cell in row) for row in table]


pieces = st.sampled_from(
    [b'"', b'""', b",", b"\n", b"\r\n", b"a", b"\xff", b"\x00", b'"x\ny"', b"2026-11-22T10:45:00Z,s,w,"]
)
contents = st.lists(pieces, max_size=30).map(b"".join).filter(lambda each: not is_compressed(each))


@given(content=contents, chunk_bytes=st.integers(1, 40))
@example(content=b'a,"b\nc\n', chunk_bytes=1)
@settings(max_examples=150, deadline=None)
def test_any_delimited_bytes_are_rows_and_rejects_in_chunks_of_any_size(content, chunk_bytes):
    content = b"time,survey_id,channel,comment\n" + content
    whole, parts = read_surveys(content), read_surveys(content, chunk_bytes)
    for chunk in (*whole, *parts):
        assert chunk.rows.height + chunk.rejects.height == chunk.read_count
    for name in ("rows", "rejects"):
        assert_frame_equal(gather(whole, name).sort("line_number"), gather(parts, name).sort("line_number"))
    numbers = [*gather(whole, "rows")["line_number"], *gather(whole, "rejects")["line_number"]]
    assert len(set(numbers)) == len(numbers)
    assert 1 not in numbers


@given(content=contents)
@settings(max_examples=150, deadline=None)
def test_records_cover_their_bytes_without_a_gap(content):
    records = list(find_records(content, ","))
    assert b"".join(content[each.start : each.end] for each in records) == content
    assert [each.line for each in records] == [content[: each.start].count(b"\n") for each in records]
    assert find_record_end(content, ",") in {0, *(each.end for each in records)}


addresses = st.sampled_from(
    ["10.0.0.1", "10.9.9.9", "::ffff:10.0.0.2", "203.0.113.7", "2001:db8::1", "unknown", "", "10.0.0.1:80"]
)


def find_by_hand(peer, forwarded):
    def judge(text):
        text = text.strip().removeprefix("::ffff:").removesuffix(":80")
        try:
            return ipaddress.ip_address(text) in ipaddress.ip_network("10.0.0.0/8")
        except ValueError:
            return None

    if not judge(peer) or not (forwarded or "").strip():
        return peer
    for hop in reversed(forwarded.split(",")):
        if judge(hop) is None:
            return None
        if not judge(hop):
            return hop.strip()
    return peer


@given(st.lists(st.tuples(addresses, st.one_of(st.none(), st.lists(addresses, max_size=4).map(", ".join))), max_size=8))
@settings(max_examples=150, deadline=None)
def test_client_is_the_last_address_that_no_trusted_proxy_stands_behind(pairs):
    rows = pl.DataFrame(pairs, schema={"client_ip": pl.String, "forwarded_for": pl.String}, orient="row")
    clients = resolve_clients(rows, ["10.0.0.0/8"])["client_ip"].to_list()
    assert clients == [find_by_hand(*pair) for pair in pairs]
    assert resolve_clients(rows, [])["client_ip"].to_list() == [peer for peer, _ in pairs]
