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


def broken_gzips():
    whole = gzip.compress(LINES)
    yield pytest.param(whole[:-5], id="end missing")
    yield pytest.param(whole[: len(whole) // 2], id="half missing")
    yield pytest.param(whole[:2], id="only the magic")
    yield pytest.param(whole[:40] + bytes([whole[40] ^ 0xFF]) + whole[41:], id="one byte wrong")
    yield pytest.param(whole[:-8] + zlib.crc32(b"else").to_bytes(4, "little") + whole[-4:], id="checksum wrong")
    yield pytest.param(whole + b"something else", id="something after it")


def broken_frames():
    whole = zstandard.ZstdCompressor(write_checksum=True).compress(LINES)
    yield pytest.param(whole[:-1], id="end of the frame missing")
    yield pytest.param(whole[:4], id="only the frame's magic")
    yield pytest.param(whole[:-4] + b"else", id="frame's checksum wrong")
    yield pytest.param(whole + whole[:9], id="second frame missing")
    yield pytest.param(whole + b"something else", id="something after the frame")


@pytest.mark.parametrize("content", [*broken_gzips(), *broken_frames()])
@pytest.mark.parametrize("chunk_bytes", [64, 1 << 20])
def test_damaged_content_is_not_taken_for_whole(tmp_path, content, chunk_bytes):
    with pytest.raises(DataQualityError, match=r"damaged or cut off, at line [0-9]+; deliver it whole"):
        list(read_chunks(write(tmp_path, content), chunk_bytes))


def test_file_without_lines_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "LONGEST_LINE_BYTES", 1000)
    monkeypatch.setattr(readers, "BLOCK_BYTES", 100)
    with pytest.raises(DataQualityError, match="line 2 is longer than 1000 bytes"):
        list(read_chunks(write(tmp_path, b"short\n" + b"x" * 5000), chunk_bytes=500))
