"""Files as chunks of whole lines."""

import gzip
import zlib

import pytest
import zstandard

from pipelines.errors import DataQualityError
from pipelines.ingestion import readers
from pipelines.ingestion.readers import Chunk, read_chunks

LINES = b"".join(b"line %d\n" % number for number in range(1, 1001))


def write(tmp_path, content: bytes):
    path = tmp_path / "file"
    path.write_bytes(content)
    return path


def test_empty_file_gives_no_chunk(tmp_path):
    assert list(read_chunks(write(tmp_path, b""))) == []


def test_last_line_needs_no_line_end(tmp_path):
    assert list(read_chunks(write(tmp_path, b"one\ntwo"))) == [Chunk(b"one\ntwo", 1, 0)]


def test_chunks_are_whole_lines_with_their_place(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "BLOCK_BYTES", 50)
    chunks = list(read_chunks(write(tmp_path, LINES), chunk_bytes=100))
    assert b"".join(chunk.data for chunk in chunks) == LINES
    assert len(chunks) > 10
    for chunk in chunks:
        assert chunk.data.endswith(b"\n")
        assert LINES[chunk.byte_offset :].startswith(chunk.data)
        assert chunk.data.startswith(b"line %d\n" % chunk.first_line)


SKIPPED_FRAME = b"\x51\x2a\x4d\x18\x05\x00\x00\x00hello"


@pytest.mark.parametrize(
    "compress", [gzip.compress, zstandard.compress, lambda data: SKIPPED_FRAME + zstandard.compress(data)]
)
def test_compression_is_told_by_content_and_not_by_name(tmp_path, compress):
    path = tmp_path / "access.log"
    path.write_bytes(compress(LINES[:4000]) + compress(LINES[4000:]))
    assert b"".join(chunk.data for chunk in read_chunks(path)) == LINES


def deflate(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=9)


def cut_gzips():
    whole = deflate(LINES)
    yield pytest.param(whole[:-5], id="checksum cut off")
    yield pytest.param(whole[: len(whole) // 2], id="half missing")
    yield pytest.param(whole[:40], id="nearly all missing")
    yield pytest.param(deflate(LINES[:4000]) + deflate(LINES[4000:])[:-600], id="second member cut off")
    yield pytest.param(deflate(LINES[:4000]) + deflate(b"")[:10] + b"\xff" * 20, id="second member no deflate stream")


@pytest.mark.parametrize("content", list(cut_gzips()))
@pytest.mark.parametrize("chunk_bytes", [64, 1 << 20])
def test_of_a_file_that_is_cut_off_whole_lines_are_kept_and_the_broken_one_is_told_apart(
    tmp_path, content, chunk_bytes
):
    *whole, rest = read_chunks(write(tmp_path, content), chunk_bytes)
    head = b"".join(chunk.data for chunk in whole)
    assert LINES.startswith(head + rest.data)
    assert not any(chunk.is_cut_off for chunk in whole)
    assert (rest.is_cut_off, b"\n" in rest.data) == (True, False)
    assert (rest.byte_offset, rest.first_line) == (len(head), head.count(b"\n") + 1)
    assert head.endswith(b"\n") or not head


def contradicted():
    whole = deflate(LINES)
    yield pytest.param(whole[:-8] + zlib.crc32(b"else").to_bytes(4, "little") + whole[-4:], id="checksum wrong")
    yield pytest.param(whole[:-4] + b"\x00" * 4, id="length wrong")
    yield pytest.param(whole + b"something else", id="something after it")
    yield pytest.param(b"\x1f\x8b" + b"\x00" * 50, id="only the magic")
    frame = zstandard.ZstdCompressor(write_checksum=True).compress(LINES)
    yield pytest.param(frame[:-4] + b"else", id="frame's checksum wrong")
    yield pytest.param(frame + b"something else", id="something after the frame")


@pytest.mark.parametrize("content", list(contradicted()))
@pytest.mark.parametrize("chunk_bytes", [64, 1 << 20])
def test_content_that_its_own_checksum_denies_is_held_whole(tmp_path, content, chunk_bytes):
    with pytest.raises(DataQualityError, match=r"content is damaged, before line [0-9]+; deliver it again"):
        list(read_chunks(write(tmp_path, content), chunk_bytes))


def test_file_without_lines_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "LONGEST_LINE_BYTES", 1000)
    monkeypatch.setattr(readers, "BLOCK_BYTES", 100)
    with pytest.raises(DataQualityError, match="line 2 is longer than 1000 bytes"):
        list(read_chunks(write(tmp_path, b"short\n" + b"x" * 5000), chunk_bytes=500))
