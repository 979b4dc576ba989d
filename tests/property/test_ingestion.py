"""What reading lines promises for any bytes at all."""

import gzip
import json
import re
import string
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from anonymization.columns import treat_columns
from anonymization.keyring import new_keyring
from anonymization.treatment import Context
from pipelines.contracts.derive import treatments
from pipelines.contracts.formats import find_format
from pipelines.contracts.model import load_catalogue
from pipelines.ingestion.enrich import read_vocabulary, withhold_rare_terms
from pipelines.ingestion.lines import MAXIMUM_LINE_BYTES, _split_carefully, split_lines
from pipelines.ingestion.parse import parse_file
from pipelines.ingestion.readers import Chunk, is_compressed
from pipelines.ingestion.reject import SHAPE_LENGTH, mask_shape
from pipelines.ingestion.sources import SourceFile
from pipelines.ingestion.text_line import read_text_lines
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
KEYRING = new_keyring(datetime(2026, 1, 1, tzinfo=UTC))
SUFFIXES = {"combined": ".log", "json_lines": ".jsonl", "csv": ".csv"}
FORMATS = [("access", "combined"), ("access", "json_lines"), ("surveys", "json_lines"), ("accounts", "json_lines")]
GOOD = b'203.0.113.7 - u000000042 [22/Nov/2026:10:45:00 +0900] "GET /help HTTP/1.1" 200 51 "-" "Mozilla/5.0"'
GOOD_JSON = (
    b'{"time":"2026-11-22T10:45:00+09:00","remote_addr":"203.0.113.7","request_method":"GET",'
    b'"request_uri":"/","status":200}'
)

# Lines that are nearly right are where parsers fail, so fragments of real ones are mixed with anything.
fragments = st.sampled_from(
    [GOOD, GOOD_JSON, b"\r", b"\x00", b"\xff", b"\xef\xbb\xbf", b'"', b"\\", b" ", b"[", b"]", b"-", b"{", b"}", b":60"]
    + [GOOD[:place] for place in range(1, len(GOOD), 7)]
    + [GOOD_JSON[place:] for place in range(1, len(GOOD_JSON), 9)],
)
odd_lines = st.lists(st.one_of(fragments, st.binary(max_size=6)), max_size=4).map(b"".join)
contents = st.one_of(st.binary(max_size=200), st.lists(odd_lines, max_size=12).map(b"\n".join)).filter(
    lambda content: not is_compressed(content)
)


def parse_all(content: bytes, source: str, file_format: str, chunk_bytes: int):
    contract = CATALOGUE.get("sources", source)
    declared = find_format(contract, f"a{SUFFIXES[file_format]}")
    with tempfile.NamedTemporaryFile() as written:
        written.write(content)
        written.flush()
        file = SourceFile(source, "a", Path(written.name), declared)
        return list(parse_file(file, contract, "Asia/Tokyo", chunk_bytes))


def count_lines(content: bytes) -> int:
    return content.count(b"\n") + bool(content and not content.endswith(b"\n"))


@pytest.mark.parametrize(("source", "file_format"), FORMATS)
@given(content=contents)
@example(content=b"\xef\xbb\xbf")
@example(content=GOOD.replace(b"200", b"abc"))
@example(content=GOOD.replace(b"2026", b"99999"))
@example(content=GOOD_JSON.replace(b"2026", b"9999").replace(b"+09:00", b"-23:59"))
@settings(max_examples=60, deadline=None)
def test_every_line_is_a_row_or_a_reject_whatever_its_bytes(source, file_format, content):
    parsed = parse_all(content, source, file_format, chunk_bytes=1 << 20)
    assert sum(each.read_count for each in parsed) == count_lines(content)
    for each in parsed:
        assert each.rows.height + each.rejects.height == each.read_count
        numbers = [*each.rows["line_number"], *each.rejects["line_number"]]
        assert sorted(numbers) == list(range(1, each.read_count + 1))
        required = [column.name for column in CATALOGUE.get("sources", source).columns if column.required]
        assert each.rows.select(pl.col(required).null_count()).sum_horizontal().sum() == 0


@given(content=contents, chunk_bytes=st.integers(1, 300), compressed=st.booleans())
@example(content=b"a\n\xef\xbb\xbfb\n", chunk_bytes=1, compressed=False)
@settings(max_examples=60, deadline=None)
def test_size_of_chunks_changes_nothing(content, chunk_bytes, compressed):
    stored = gzip.compress(content) if compressed else content
    whole = parse_all(stored, "access", "combined", chunk_bytes=1 << 20)
    parts = parse_all(stored, "access", "combined", chunk_bytes)
    assert bool(whole) == bool(parts) == bool(content)
    for name in ("rows", "rejects") if content else ():
        assert_frame_equal(pl.concat(getattr(part, name) for part in parts), getattr(whole[0], name))


@given(content=contents)
@settings(max_examples=60, deadline=None)
def test_reject_points_at_its_bytes(content):
    (parsed,) = parse_all(content, "access", "combined", chunk_bytes=1 << 20) or [None]
    lines = content.split(b"\n")
    for reject in parsed.rejects.iter_rows(named=True) if parsed else ():
        start, line = reject["byte_offset"], lines[reject["line_number"] - 1]
        assert content[start : start + reject["byte_count"]] == line
        assert reject["shape"] == mask_shape(line)


@given(content=contents)
@settings(max_examples=60, deadline=None)
def test_one_bad_line_changes_nothing_for_its_neighbours(content):
    """The fast way, which empties the lines that are no text, says of every line what a look at each says."""
    for bad in (b"\x00", b"\xff", b"x" * (MAXIMUM_LINE_BYTES + 1), b"\r"):
        chunk = Chunk(content.removesuffix(b"\n") + b"\n" + bad + b"\n", 1, 1)
        fast, careful = split_lines(chunk), _split_carefully(chunk.data)
        assert fast.texts.to_list() == careful.texts.to_list()
        assert fast.reasons == careful.reasons


# The property White_Space of Unicode; Python takes four control characters for white space besides.
WHITE_SPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
)


def read_by_hand(line: str) -> tuple[str, ...] | None:
    """The combined format read character by character, as its definition says, with no regular expression."""
    fields, rest = [], line
    for kind in ("bare", "bare", "bare", "time", "quoted", "status", "bytes", "quoted", "quoted"):
        taken = {"time": take_bracketed, "quoted": take_quoted}.get(kind, take_bare)(rest)
        if taken is None or (kind in ("status", "bytes") and not is_number(taken[0], kind)):
            return None
        fields.append(taken[0])
        rest = taken[1]
        if len(fields) < 9:
            if not rest.startswith(" "):
                return None
            rest = rest[1:]
    return None if rest else tuple(fields[:1] + fields[2:])


def take_bare(text: str):
    ends = (place for place, character in enumerate(text) if character == '"' or character in WHITE_SPACE)
    end = next(ends, len(text))
    return (text[:end], text[end:]) if end else None


def take_bracketed(text: str):
    inside, closed, rest = text[1:].partition("]")
    held = inside and closed and "[" not in inside and '"' not in inside
    return (inside, rest) if text.startswith("[") and held else None


def take_quoted(text: str):
    place = 1
    while text.startswith('"') and place < len(text):
        if text[place] == '"':
            return text[1:place], text[place + 1 :]
        place += 2 if text[place] == "\\" else 1
    return None


def is_number(text: str, kind: str) -> bool:
    """A status is three digits, a count of bytes any number of them; a count below zero is a number that is wrong."""
    if text == "-":
        return True
    digits = text if kind == "status" or text.startswith("-0") else text.removeprefix("-")
    return bool(digits) and set(digits) <= set(string.digits) and (kind == "bytes" or len(digits) == 3)


plain = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\x00"), max_size=8)
pieces = st.one_of(st.sampled_from(['"', "\\", " ", "[", "]", "-", "200", "GET / HTTP/1.1", '\\"']), plain)
combined_lines = st.builds(
    '{0} {1} {2} [{3}] "{4}" {5} {6} "{7}" "{8}"{9}'.format,
    *([st.one_of(st.just("-"), pieces)] * 3),
    st.one_of(st.just("22/Nov/2026:10:45:00 +0900"), pieces),
    *([st.one_of(st.sampled_from(["GET / HTTP/1.1", "200", "-", "Mozilla/5.0"]), pieces)] * 5),
    st.one_of(st.just(""), pieces),
)


@given(lines=st.lists(st.one_of(combined_lines, st.lists(pieces).map("".join)), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_combined_lines_are_read_as_their_definition_says(lines):
    contract = CATALOGUE.get("sources", "access")
    rows, reasons = read_text_lines(pl.Series("line", lines, dtype=pl.String), find_format(contract, "a.log"), contract)
    for line, row, reason in zip(lines, rows.iter_rows(named=True), reasons, strict=True):
        expected = read_by_hand(line)
        assert (reason == "malformed_line") == (expected is None)
        if expected is not None:
            address, user, _, _, _, _, referrer, agent = expected
            found = (row["client_ip"], row["user_id"], row["referrer"], row["user_agent"])
            assert found == (address, *(None if text == "-" else text for text in (user, referrer, agent)))


@given(line=st.one_of(st.binary(max_size=600), st.text(max_size=300).map(str.encode)))
def test_shape_holds_no_letter_or_digit_of_its_line(line):
    shape = mask_shape(line)
    assert len(shape) <= SHAPE_LENGTH
    assert {character for character in shape if character.isalnum()} <= {"a", "9"}
    assert re.search("aa|99", shape) is None
    assert shape.isascii()
    assert shape.isprintable()


@given(
    value=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
        max_leaves=6,
    ),
    name=st.sampled_from(["time", "status", "body_bytes_sent", "remote_addr", "undeclared"]),
)
@settings(max_examples=150, deadline=None)
def test_any_json_value_in_any_field_is_a_row_or_a_reject(value, name):
    content = json.dumps(json.loads(GOOD_JSON) | {name: value}).encode()
    (parsed,) = parse_all(content + b"\n" + GOOD_JSON, "access", "json_lines", chunk_bytes=1 << 20)
    assert parsed.read_count == 2
    assert 2 in parsed.rows["line_number"].to_list()
    assert parsed.rows.height + parsed.rejects.height == 2


ODD_VALUES = [None, "", "-", 7, 7.5, True, [], {}, "x", "2026-1-2T3:4:5Z", "2026-11-22 10:45:00Z", " ", 2**70, "200"]


@given(
    values=st.lists(st.sampled_from(ODD_VALUES), max_size=6), name=st.sampled_from(["time", "status", "remote_addr"])
)
@settings(max_examples=60, deadline=None)
def test_odd_json_values_change_nothing_for_their_neighbours(values, name):
    lines = [json.dumps(json.loads(GOOD_JSON) | {name: value}).encode() for value in values] + [GOOD_JSON]
    (together,) = parse_all(b"\n".join(lines), "access", "json_lines", chunk_bytes=1 << 20)
    apart = [parse_all(line, "access", "json_lines", chunk_bytes=1 << 20)[0] for line in lines]
    assert_frame_equal(together.rows.drop("line_number"), pl.concat(each.rows for each in apart).drop("line_number"))
    assert together.rejects["reason"].to_list() == [reason for each in apart for reason in each.rejects["reason"]]


terms, members, days = st.sampled_from(["茶碗", "vase", "clock"]), st.integers(0, 40), st.integers(0, 1)


@given(searches=st.lists(st.tuples(terms, members, days), min_size=1, max_size=120), minimum=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_sketch_never_counts_more_people_than_there_are(searches, minimum):
    table = CATALOGUE.get("lake", "searches")
    raw = pl.DataFrame(
        {
            "event_date": [date(2026, 11, 22) + timedelta(days=day) for _, _, day in searches],
            "term": [term for term, _, _ in searches],
            "user_id": [f"u{person:09}" for _, person, _ in searches],
            "device_id": pl.Series([None] * len(searches), dtype=pl.String),
            "client_ip": ["203.0.113.7"] * len(searches),
        },
    )
    wanted = [each for each in treatments(table, "searches") if each.output in ("term", "people_sketch")]
    context = Context(KEYRING.current("search"), read_vocabulary(CATALOGUE.get("sources", "searches")))
    treated = treat_columns(raw, wanted, context).with_columns(raw["event_date"])
    shown = withhold_rare_terms(treated, minimum)
    for (day, term), rows in treated.group_by("event_date", "term"):
        true_people = raw.filter(event_date=day, term=term)["user_id"].n_unique()
        sketched = rows["people_sketch"].n_unique()
        assert sketched <= true_people
        assert shown.filter(event_date=day, term=term).height == (rows.height if sketched >= minimum else 0)
    assert shown.height == treated.height
