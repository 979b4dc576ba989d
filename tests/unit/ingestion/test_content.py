"""By what a file is known: its content and the earlier contents that it begins with."""

import gzip
import hashlib
import itertools

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.control.contents import Extent
from pipelines.ingestion.content import PrefixDigest, digest_content, look_again
from pipelines.ingestion.sources import SourceFile

LINES = b"one\ntwo\nthree\n"
GZIPPED = gzip.compress(LINES, mtime=0)


def read(tmp_path, content, extents=(), byte_limit=None):
    return digest_content(write(tmp_path, content, byte_limit), extents)


def write(tmp_path, content, byte_limit=None):
    path = tmp_path / "file"
    path.write_bytes(content)
    return SourceFile("access", "file", path, "combined", "file", byte_limit)


def extent(content, name=None, line_count=0, *, is_open=False):
    digest = hashlib.sha256(content).hexdigest()
    return Extent(name or digest, digest, len(content), line_count, is_open)


def test_content_is_known_whatever_its_compression(tmp_path):
    whole = b"one\ntwo\n"
    forms = [whole, gzip.compress(whole, mtime=1), zstandard.compress(whole), zstandard.compress(whole[:3], 9)]
    forms[3] += zstandard.compress(whole[3:])
    digests = [read(tmp_path, form).digest for form in forms]
    assert len(set(digests)) == 1
    assert read(tmp_path, whole[:-1]).digest not in digests


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress])
def test_torn_file_is_known_by_its_whole_lines_and_told_from_a_longer_one_by_all_that_came(tmp_path, compress):
    torn = read(tmp_path, compress(LINES)[:-3], [extent(LINES[:8], line_count=2)])
    assert torn.byte_count <= len(LINES)
    assert torn.prefix_digest == hashlib.sha256(LINES[: torn.byte_count]).hexdigest()
    whole_lines = LINES[: LINES[: torn.byte_count].rfind(b"\n") + 1]
    assert (torn.digest == hashlib.sha256(whole_lines).hexdigest()) is bool(whole_lines)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(LINES)[:2],
        gzip.compress(LINES)[:11],
        gzip.compress(LINES)[:-1] + b"?",
        zstandard.compress(LINES)[:5],
    ],
    ids=["magic only", "header only", "checksum wrong", "frame cut off"],
)
def test_file_of_which_nothing_can_be_taken_never_passes_for_an_empty_one(tmp_path, content):
    assert read(tmp_path, content).digest not in {hashlib.sha256(known).hexdigest() for known in (b"", LINES)}


@pytest.mark.parametrize(
    ("content", "line_count", "is_ended"), [(b"", 0, True), (b"\n", 1, True), (LINES, 3, True), (LINES[:-1], 3, False)]
)
def test_lines_are_counted_with_the_one_that_lacks_its_end(tmp_path, content, line_count, is_ended):
    found = read(tmp_path, content)
    assert (found.line_count, found.is_ended, found.byte_count) == (line_count, is_ended, len(content))


@given(st.binary(max_size=60), st.lists(st.integers(0, 70)), st.lists(st.integers(0, 60)))
def test_exactly_those_contents_are_found_with_which_a_file_begins(content, lengths, cuts):
    extents = [extent((content + b"more")[:length]) for length in lengths] + [extent(b"other")]
    prefix = PrefixDigest(extents)
    bounds = sorted({0, *(cut for cut in cuts if cut < len(content)), len(content)})
    for start, end in itertools.pairwise(bounds):
        prefix.update(content[start:end])
    expected = [each for each in extents if content[: each.byte_count] == (content + b"more")[: each.byte_count]]
    assert prefix.digest.hexdigest() == hashlib.sha256(content).hexdigest()
    wanted = [each for each in extents[:-1] if 0 < each.byte_count <= len(content)]
    found = [each for each in prefix.beginnings if each.byte_count and each.prefix_digest != extents[-1].prefix_digest]
    assert sorted(found, key=repr) == sorted((each for each in wanted if each in expected), key=repr)


def test_longest_beginning_tells_how_many_lines_are_known(tmp_path):
    extents = [extent(LINES[:4], line_count=1), extent(LINES[:8], line_count=2), extent(b"two\n", line_count=1)]
    found = read(tmp_path, gzip.compress(LINES), extents)
    assert found.beginnings == tuple(extents[:2])
    assert found.known_line_count == 2


def test_file_is_no_beginning_of_itself(tmp_path):
    assert read(tmp_path, LINES, [extent(LINES, line_count=3)]).known_line_count == 0


def test_beginning_that_was_half_committed_is_told_and_not_counted(tmp_path):
    half = extent(LINES[:8], line_count=2, is_open=True)
    found = read(tmp_path, LINES, [extent(LINES[:4], line_count=1), half])
    assert (found.half_committed, found.known_line_count) == (half, 1)


def test_content_that_came_meanwhile_is_found_by_looking_again(tmp_path):
    first, second, half = (extent(LINES[:4], line_count=1), extent(LINES[:8], line_count=2), extent(b"x"))
    found = read(tmp_path, LINES, [extent(LINES[:4], line_count=1, is_open=True)])
    again = look_again(write(tmp_path, LINES), found, [first, second, half, extent(LINES), extent(LINES + b"more")])
    assert again.beginnings == (first, second)
    assert look_again(write(tmp_path, LINES), again, [first, second, half]).beginnings == (first, second)


def test_beginning_of_a_file_is_a_content_too(tmp_path):
    assert read(tmp_path, gzip.compress(LINES), byte_limit=8).digest == read(tmp_path, LINES[:8]).digest
