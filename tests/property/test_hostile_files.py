"""Any bytes at all, as a file of any source: no crash, every line accounted for, and no value in a message."""

import gzip
import json
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.contracts.formats import find_format
from pipelines.contracts.model import load_catalogue
from pipelines.control.deliveries import LineCounts
from pipelines.errors import DataQualityError
from pipelines.ingestion.content import digest_content
from pipelines.ingestion.parse import parse_file
from pipelines.ingestion.readers import is_compressed
from pipelines.ingestion.reject import REJECT_SCHEMA, Reason
from pipelines.ingestion.sources import SourceFile
from pipelines.journeys.house import open_house
from pipelines.journeys.ingest import find_files, ingest
from pipelines.journeys.keys import make_keys
from pipelines.settings import REPOSITORY, load_settings, prepare_home

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
SOURCES = [contract.name for contract in CATALOGUE.layer("sources")]
# Those of records that are one line each; tests/property/test_formats.py does this to delimited files.
KINDS = sorted(
    (source, declared["files"].replace("*", "a"), declared["kind"])
    for source in SOURCES
    for declared in CATALOGUE.get("sources", source).properties["formats"]
    if declared["kind"] != "delimited"
)
CANARY = "canary-203.0.113.7"
COMBINED = f'203.0.113.7 - {CANARY} [22/Nov/2026:10:45:00 +0900] "GET /help HTTP/1.1" 200 51 "-" "Mozilla/5.0"'
VALUES = {"timestamp": "2026-11-22T10:45:00+09:00", "date": "2026-11-22", "boolean": True, "int32": 200, "int64": 7}
VALUES |= {"float64": 0.5}
NASTY = [
    *(
        "",
        " ",
        "\x00",
        "\x01\x1b[2J",
        "é\u0301",
        "\u202e",
        "\ufeff",
        "'",
        '"',
        "\\",
        "../../etc/passwd",
        "${x}",
        "=1+1",
    ),
    *(
        "x" * 70_000,
        "０",
        "NaN",
        "-0",
        "1e999",
        "9" * 400,
        "2016-12-31T23:59:60Z",
        "0000-00-00",
        "<script>",
        "%00",
        "🙂",
    ),
]
nasty = st.one_of(
    st.sampled_from([*NASTY, None, True, -1, 2**31, 2**63, 2**64, 1.5, [], {}, [[]], {"a": {}}]), st.text(max_size=5)
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"", b"\n\n", b"\r", b"\x00"])


def good_line(source: str, kind: str) -> bytes:
    if kind == "text":
        return COMBINED.encode()
    columns = CATALOGUE.get("sources", source).columns
    return json.dumps({each.physical_name: VALUES.get(each.physical_type, CANARY) for each in columns}).encode()


def hostile_lines(source: str, kind: str) -> st.SearchStrategy[bytes]:
    """Lines that are right, nearly right, or nothing that anybody ever wrote to a log."""
    line = good_line(source, kind)
    places = st.integers(0, len(line))
    return st.one_of(
        st.just(line),
        st.builds(change_field, st.just(line), st.integers(0, 20), nasty),
        places.map(lambda place: line[:place]),
        st.builds(lambda place, noise: line[:place] + noise + line[place:], places, st.binary(max_size=6)),
        st.binary(max_size=80),
        st.sampled_from([1, 1000, 100_000]).map(lambda depth: b'{"x":' + b"[" * depth),
    )


def change_field(line: bytes, number: int, value: object) -> bytes:
    """The line with another value in one of its fields, or with a field that nobody declared."""
    if line.startswith(b"{"):
        found = json.loads(line)
        return json.dumps(found | {[*found, "", "x"][number % (len(found) + 2)]: value}).encode()
    words = line.decode().split(" ")
    words[number % len(words)] = str(value).replace("\n", " ")
    return " ".join(words).encode()


@st.composite
def hostile_files(draw, source: str, kind: str) -> bytes:
    parts = draw(st.lists(st.tuples(hostile_lines(source, kind), ENDS), max_size=8))
    content = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"".join(line + end for line, end in parts)
    packed = gzip.compress(content, compresslevel=1, mtime=0)
    match draw(st.sampled_from(["plain", "gzip", "cut", "flipped", "trailing"])):
        case "gzip":
            return packed
        case "cut":
            return packed[: draw(st.integers(0, len(packed)))]
        case "flipped":
            place = draw(st.integers(0, len(packed) - 1))
            return packed[:place] + bytes([packed[place] ^ draw(st.integers(1, 255))]) + packed[place + 1 :]
        case "trailing":
            return packed + draw(st.binary(min_size=1, max_size=9))
    return content


def read_all(source: str, name: str, content: bytes):
    contract = CATALOGUE.get("sources", source)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "file")
        path.write_bytes(content)
        file = SourceFile(source, name, path, find_format(contract, name), name)
        assert len(digest_content(file).digest) == 64
        return list(parse_file(file, contract, "Asia/Tokyo"))


@pytest.mark.parametrize(("source", "name", "kind"), KINDS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_every_line_of_any_file_is_a_row_or_a_reject_with_a_reason(source, name, kind, data):
    content = data.draw(hostile_files(source, kind))
    try:
        parsed = read_all(source, name, content)
    except DataQualityError:
        assert is_compressed(content), "only what its own checksum denies is refused as a whole"
        return
    numbers = [number for each in parsed for number in (*each.rows["line_number"], *each.rejects["line_number"])]
    assert sorted(numbers) == list(range(1, sum(each.read_count for each in parsed) + 1))
    rejects = pl.concat([pl.DataFrame(schema=REJECT_SCHEMA), *(each.rejects for each in parsed)])
    assert set(rejects["reason"]) <= set(Reason)
    assert rejects["line"].null_count() == rejects.height, "nothing is kept where no contract asks for it"
    if not is_compressed(content):
        assert len(numbers) == content.count(b"\n") + bool(content and not content.endswith(b"\n"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"time":"' + b"x" * 1024 * 1024 + b'"}', "line_too_long"),
        (b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}", "malformed_json"),
        (b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}", "malformed_json"),
        (b'{"x":' * 5000 + b"1" + b"}" * 5000, "malformed_json"),
        (b"9" * 60_000, "malformed_json"),
    ],
    ids=["a megabyte", "2,000 arrays", "30,000 arrays", "5,000 objects", "60,000 digits"],
)
def test_line_that_is_too_much_is_one_reject_and_stops_nothing(line, reason):
    good = good_line("access", "json")
    (parsed,) = read_all("access", "a.jsonl", b"\n".join([good, line, good]))
    assert parsed.rejects.select("line_number", "reason", "byte_count").rows() == [(2, reason, len(line))]
    assert parsed.rows["line_number"].to_list() == [1, 3]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    config = load_settings({"TOKUMEI_HOME": str(tmp_path_factory.mktemp("hostile") / "home")})
    prepare_home(config)
    make_keys(config)
    return open_house(config)


@pytest.mark.slow
@given(data=st.data())
@example(data=None)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ingest_of_any_files_ends_with_each_accounted_for(house, data):
    for source, name, kind in KINDS:
        path = house.settings.landing / source / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data.draw(hostile_files(source, kind)) if data else good_line(source, kind))
    deliveries = ingest(house, find_files(house, SOURCES))
    assert len(deliveries) == len(KINDS)
    for delivery in deliveries:
        assert delivery.counts.reconciled
        assert (delivery.state == "held") is (delivery.reason is not None)
        assert delivery.state == "held" or delivery.counts.read or delivery.counts == LineCounts()
        assert CANARY not in str(delivery.reason)
        assert "defect" not in str(delivery.reason), "a file is held for what is in it, not because we stumbled"
        (house.settings.landing / delivery.source / delivery.file_name).unlink(missing_ok=True)
