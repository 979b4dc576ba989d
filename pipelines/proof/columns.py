"""Arrow columns for the independent scan: every text and blob in them, laid end to end without a copy a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipelines.proof.pieces import Values, list_values

LISTS = (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray, pa.ListViewArray, pa.LargeListViewArray)


def list_leaves(array: pa.Array[Any]) -> Iterator[pa.Array[Any]]:
    """Every text or binary array inside an Arrow array of any nesting; other types hold no identifier in bytes."""
    if isinstance(array, pa.ExtensionArray):
        yield from list_leaves(array.storage)
    elif isinstance(array, pa.DictionaryArray):
        yield from list_leaves(array.dictionary)
    elif isinstance(array, pa.MapArray):
        yield from list_leaves(array.keys)
        yield from list_leaves(array.items)
    elif isinstance(array, pa.StructArray | pa.UnionArray):
        for child in range(array.type.num_fields):
            yield from list_leaves(array.field(child))
    elif isinstance(array, pa.RunEndEncodedArray):
        yield from list_leaves(array.values)
    elif isinstance(array, LISTS):
        yield from list_leaves(array.flatten())
    elif holds_bytes(array.type):
        yield array


def holds_bytes(kind: pa.DataType) -> bool:
    types = pa.types
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return bool(text or binary or types.is_fixed_size_binary(kind))


def lay_out(place: str, array: pa.Array[Any]) -> Values:
    """The array's own data buffer with its offsets, nothing copied a value at a time."""
    large: Any = array.cast(pa.large_binary())
    _, offsets, data = large.buffers()
    if data is None or not len(large):
        return list_values(place, [])
    bounds = memoryview(offsets).cast("q")[large.offset : large.offset + len(large) + 1]
    return Values(place, memoryview(data).cast("B")[bounds[0] : bounds[-1]], bounds, bounds[0])
