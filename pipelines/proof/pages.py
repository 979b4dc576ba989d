"""Pages of a Parquet column chunk by the format's own words: header by header, without asking any Parquet reader.

Of a column of texts or bytes, the dictionary holds every value once, whether a row refers to it or not; pages that only
count into it hold no value. So little has to be unpacked, and nothing a value at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = range(4)
DATA_PAGES = (DATA_PAGE, DATA_PAGE_V2)
PLAIN, PLAIN_DICTIONARY, RLE_DICTIONARY = 0, 2, 8
Codec = Literal["snappy", "gzip", "brotli", "zstd"]
CODECS: dict[str, Codec] = {"SNAPPY": "snappy", "GZIP": "gzip", "BROTLI": "brotli", "ZSTD": "zstd"}
LARGEST_PAGE_BYTES = 1 << 28

# Types of Thrift's compact protocol; a boolean field has its value in its type.
STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)

Fields = dict[int, Any]


class UnreadablePageError(Exception):
    """The pages are written in a way that only a full reader understands."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its header's numbers, and its payload as it lies in the file."""

    kind: int
    encoding: int
    value_count: int
    byte_count: int
    is_compressed: bool
    payload: memoryview


def list_values_of_chunk(chunk: memoryview, codec: str, value_count: int) -> Iterator[bytes | memoryview]:
    """The unpacked pages of a BYTE_ARRAY column chunk that hold values, each after its length in four bytes.

    UnreadablePageError when any value is written otherwise, or when the pages are not of so many values as the footer
    says; the caller then reads the column with a full reader.
    """
    seen_count = 0
    for page in list_pages(chunk):
        seen_count += page.value_count if page.kind in DATA_PAGES else 0
        if page.kind == DICTIONARY_PAGE or (page.kind in DATA_PAGES and page.encoding == PLAIN):
            yield unpack(page, codec)
        elif page.kind != INDEX_PAGE and page.encoding not in (PLAIN_DICTIONARY, RLE_DICTIONARY):
            raise UnreadablePageError
    if seen_count != value_count:
        raise UnreadablePageError


def list_pages(chunk: memoryview) -> Iterator[Page]:
    """Every page of a chunk, up to its last byte."""
    position = 0
    while position < len(chunk):
        header, position = read_struct(chunk, position)
        size = header[3]
        if not 0 <= size <= len(chunk) - position:
            raise UnreadablePageError
        yield describe_page(header, chunk[position : position + size])
        position += size


def describe_page(header: Fields, payload: memoryview) -> Page:
    kind, byte_count = header[1], header[2]
    if kind == DATA_PAGE_V2:
        details = header[8]
        levels = details[5] + details[6]  # never compressed, and before the values
        return Page(kind, details[4], details[1], byte_count - levels, details.get(7, True), payload[levels:])
    details = header.get({DATA_PAGE: 5, DICTIONARY_PAGE: 7}.get(kind, 0), {})
    return Page(kind, details.get(2, PLAIN), details.get(1, 0), byte_count, is_compressed=True, payload=payload)


def unpack(page: Page, codec: str) -> bytes | memoryview:
    if codec == "UNCOMPRESSED" or not page.is_compressed:
        return page.payload
    if codec not in CODECS or not 0 <= page.byte_count <= LARGEST_PAGE_BYTES:
        raise UnreadablePageError
    if not page.byte_count:
        return b""
    unpacked: bytes = pa.Codec(CODECS[codec]).decompress(page.payload, page.byte_count, asbytes=True)
    return unpacked


def read_struct(data: memoryview, position: int) -> tuple[Fields, int]:
    """The fields of a Thrift struct by number, and where it ends; IndexError when it is cut off."""
    fields: Fields = {}
    number = 0
    while kind := data[position] & 15:
        step = data[position] >> 4
        position += 1
        if step:
            number += step
        else:
            number, position = read_integer(data, position)
        fields[number], position = read_value(data, position, kind)
    return fields, position + 1


def read_value(data: memoryview, position: int, kind: int) -> tuple[Any, int]:
    if kind in (I16, I32, I64):
        return read_integer(data, position)
    if kind in (TRUE, FALSE):
        return kind == TRUE, position
    if kind == STRUCT:
        return read_struct(data, position)
    if kind == BINARY:
        size, position = read_varint(data, position)
        return None, position + size
    if kind == DOUBLE:
        return None, position + 8
    raise UnreadablePageError  # page headers have no other


def read_integer(data: memoryview, position: int) -> tuple[int, int]:
    value, position = read_varint(data, position)
    return (value >> 1) ^ -(value & 1), position


def read_varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while data[position] & 0x80:
        value |= (data[position] & 0x7F) << shift
        shift += 7
        position += 1
    return value | data[position] << shift, position + 1
