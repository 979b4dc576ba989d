"""Addresses that the holder of a key can read again: ipcrypt on the distinct values of a column."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
import pyarrow as pa

from anonymization.distinct import spread
from anonymization.ip_address import MAPPED_PREFIX
from anonymization.ipcrypt import (
    ADDRESS_BYTES,
    KEY_BYTES,
    Rows,
    decrypt_deterministic,
    decrypt_prefixes,
    encrypt_deterministic,
    encrypt_prefixes,
)
from anonymization.keyring import Key
from anonymization.operators import apply_to_distinct
from anonymization.spelling import ADDRESS, canonicalise

DETERMINISTIC_LABEL, PREFIX_LABEL = "ipcrypt-deterministic", "ipcrypt-pfx"
MAPPED_HEX = MAPPED_PREFIX.hex()
IPV4_DIGITS = 8


def encrypt_addresses(values: pl.Expr, key: Key, *, keep_prefix: bool = False) -> pl.Expr:
    """16 encrypted bytes of each address that a text column holds, null where it holds none.

    By draft-denis-ipcrypt under a key derived from this one: ipcrypt-deterministic, or ipcrypt-pfx to keep prefixes,
    which lets networks be compared and lets whoever knows some addresses guess at their neighbours.
    """
    return apply_to_distinct(values, partial(_encrypt_texts, key=key, keep_prefix=keep_prefix), pl.Binary())


def decrypt_addresses(encrypted: pl.Series, key: Key, *, keep_prefix: bool = False) -> pl.Series:
    """The addresses that `encrypt_addresses` was given, as 8 or 32 hexadecimal digits; null stays null."""
    rows = view_bytes(encrypted.drop_nulls())
    if keep_prefix:
        plain = decrypt_prefixes(rows, key.derive(PREFIX_LABEL))
    else:
        plain = decrypt_deterministic(rows, key.derive(DETERMINISTIC_LABEL)[:KEY_BYTES])
    texts = as_binary(plain).bin.encode("hex").str.strip_prefix(MAPPED_HEX)
    return spread(texts, encrypted.is_not_null())


def view_bytes(values: pl.Series) -> Rows:
    """Binary values of 16 bytes, none null, as an array of n x 16."""
    return np.frombuffer(b"".join(values.to_list()), np.uint8).reshape(-1, ADDRESS_BYTES)


def as_binary(rows: Rows) -> pl.Series:
    """The rows of an array as binary values."""
    count, width = rows.shape
    buffer = pa.py_buffer(np.ascontiguousarray(rows).tobytes())
    return pl.Series(pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), count, [None, buffer]), dtype=pl.Binary)


def _encrypt_texts(texts: pl.Series, key: Key, *, keep_prefix: bool) -> pl.Series:
    spelled = texts.alias("text").to_frame().select(canonicalise(pl.col("text"), ADDRESS))["text"]
    present = spelled.drop_nulls().to_frame("hex")
    padding = pl.when(pl.col("hex").str.len_bytes() == IPV4_DIGITS).then(pl.lit(MAPPED_HEX)).otherwise(pl.lit(""))
    rows = view_bytes(present.select(pl.concat_str(padding, "hex").str.decode("hex")).to_series())
    if keep_prefix:
        encrypted = encrypt_prefixes(rows, key.derive(PREFIX_LABEL))
    else:
        encrypted = encrypt_deterministic(rows, key.derive(DETERMINISTIC_LABEL)[:KEY_BYTES])
    return spread(as_binary(encrypted), spelled.is_not_null())
