"""Records are taken out of a file to the byte, whatever its format and compression."""

import gzip
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.model import load_catalogue
from pipelines.control.contents import Extent
from pipelines.ingestion.excision import Cut, digest_copy, find_cuts, move_extents, write_without
from pipelines.ingestion.landing import mark_file, remove_beside, replace_unchanged, write_beside
from pipelines.ingestion.readers import Decompressed
from pipelines.ingestion.sources import describe_file
from pipelines.settings import REPOSITORY

CATALOGUE = load_catalogue(REPOSITORY / "data_contracts")
COMBINED = '203.0.113.7 - {user} [22/Nov/2026:10:45:00 +0900] "GET /help HTTP/1.1" 200 51 "-" "{agent}"'
CSV_HEADER = (
    "as_of,user_id,email,phone,registered_date,display_name,open_listings,open_trades,last_transaction_date,consent"
)


class PlainNames:
    """Names as they are."""

    @staticmethod
    def show(place: str) -> str:
        return place


def leave_out(path: Path, source: str, gone: str) -> tuple[list[Cut], bytes]:
    """Cuts and content of a file without the records of one member."""
    contract = CATALOGUE.get("sources", source)
    file = describe_file(path, path.name, contract, PlainNames())
    cuts = list(find_cuts(file, contract, "Asia/Tokyo", lambda rows: rows.filter(pl.col("user_id") != gone)))
    sink = io.BytesIO()
    write_without(path, cuts, sink)
    return cuts, sink.getvalue()


@given(st.lists(st.sampled_from(["u100000001", "u100000002", None]), min_size=1, max_size=12), st.booleans())
def test_lines_of_a_member_are_gone_and_every_other_byte_is_there_in_its_order(tmp_path_factory, users, is_ended):
    path = tmp_path_factory.mktemp("landing") / "access.log"
    texts = ["torn \u3042\r" if user is None else COMBINED.format(user=user, agent="Mozilla/5.0") for user in users]
    lines = [f"{text}\n".encode() for text in texts]
    lines[-1] = lines[-1] if is_ended else lines[-1].rstrip(b"\n")
    path.write_bytes(b"".join(lines))
    cuts, content = leave_out(path, "access", "u100000001")
    assert content == b"".join(line for line, user in zip(lines, users, strict=True) if user != "u100000001")
    assert [cut.first_line for cut in cuts] == [n for n, user in enumerate(users, 1) if user == "u100000001"]


def test_csv_record_goes_with_all_of_its_lines_and_the_header_and_its_byte_order_mark_stay(tmp_path):
    rest = 'a@example.jp,090-0000-0000,2020-01-01,"two\nlines, and a ""quote""",0,0,2026-01-31,true\n'
    records = [f"2026-11-20,{user},{rest}" for user in ("u100000002", "u100000001", "u100000002")]
    path = tmp_path / "accounts.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "".join([f"{CSV_HEADER}\n", *records]).encode())
    cuts, content = leave_out(path, "accounts", "u100000001")
    assert content == b"\xef\xbb\xbf" + "".join([f"{CSV_HEADER}\n", records[0], records[2]]).encode()
    assert [(cut.first_line, cut.line_count) for cut in cuts] == [(4, 2)]


@given(st.data())
def test_cuts_anywhere_leave_the_rest_in_blocks_of_any_size(tmp_path_factory, data):
    content = bytes(range(200))
    edges = sorted(data.draw(st.sets(st.integers(0, 200), max_size=12)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    cuts = [Cut(start, end, 1, 1) for start, end in pairs]
    path, sink = tmp_path_factory.mktemp("landing") / "file", io.BytesIO()
    path.write_bytes(b"".join(gzip.compress(content[start : start + 37]) for start in range(0, 200, 37)))
    write_without(path, cuts, sink)
    kept = bytes(number for number in content if not any(start <= number < end for start, end in pairs))
    assert gzip.decompress(sink.getvalue()) == kept


def test_file_that_is_cut_off_stays_so(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"first\nsecond\nthird\n")[:-8])
    new, expected = write_beside(path, lambda sink: write_without(path, [Cut(6, 13, 2, 1)], sink))
    assert (expected.is_cut_off, digest_copy(new)) == (True, expected)
    with Decompressed(new) as stream:
        assert stream.read_block() == b"first\nthird\n"


def test_beginnings_that_the_ledger_knows_are_those_of_the_shorter_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"first\nthird\n")
    extents = [Extent(str(size), str(size), size, lines, is_open=False) for size, lines in ((6, 1), (13, 2), (15, 2))]
    moved = move_extents(extents, [Cut(6, 13, 2, 1)], path)
    assert [(extent.byte_count, extent.line_count) for extent in moved] == [(6, 1), (8, 1)]
    assert moved[0].prefix_digest == digest_copy(path, 6).digest


def test_file_takes_anothers_place_only_while_that_one_is_as_it_was(tmp_path):
    path = tmp_path / "access" / "file"
    path.parent.mkdir()
    path.write_bytes(b"before")
    mark = mark_file(path)
    path.write_bytes(b"changed meanwhile")
    new, _ = write_beside(path, lambda sink: sink.write(b"after"))
    assert not replace_unchanged(path, mark, new)
    with path.open("ab"):
        assert not replace_unchanged(path, mark_file(path), new)
    assert replace_unchanged(path, mark_file(path), new)
    assert path.read_bytes() == b"after"
    write_beside(path, lambda sink: sink.write(b"of a crash"))
    remove_beside(tmp_path, "access")
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
    path.unlink()
    assert not replace_unchanged(path, mark, new)


@pytest.mark.parametrize("name", ["held.log", "held"])
def test_hidden_name_tells_nothing_of_the_file(tmp_path, name):
    new, _ = write_beside(tmp_path / name, lambda sink: sink.write(b""))
    assert new.name.startswith(".rewritten-")
    assert "held" not in new.name
