"""Keyed pseudonyms, the same for a value in a column and alone, however the value happens to be written.

Every expression here works on distinct values, and one that holds a key cannot be serialised: see Secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import polars as pl
import polars_hash as plh

from anonymization.distinct import map_distinct
from anonymization.errors import AnonymizationError
from anonymization.keyring import Key
from anonymization.spelling import ADDRESS, DEVICE, NETWORK, USER, VISITOR, canonicalise

__all__ = [
    "ADDRESS",
    "DEVICE",
    "NETWORK",
    "USER",
    "VISITOR",
    "canonicalise",
    "pseudonym_of",
    "pseudonymise",
    "pseudonyms_of",
    "sketch",
]

PSEUDONYM_BYTES = 16
DOMAIN_END = "\x1f"


def pseudonymise(values: pl.Expr, domain: str, key: Key) -> pl.Expr:
    """16-byte HMAC-SHA256 pseudonyms of a text column's canonical spellings; null where there is no identifier.

    The domain keeps a user id and an equal device id apart; the key keeps purposes apart.
    """
    return apply_to_distinct(values, partial(_pseudonymise_texts, domain=domain, key=key), pl.Binary())


def pseudonym_of(value: str, domain: str, key: Key) -> bytes:
    """The pseudonym that `pseudonymise` gives one value; AnonymizationError when it is no identifier of the domain."""
    return pseudonyms_of([value], domain, key)[0]


def pseudonyms_of(values: Sequence[str], domain: str, key: Key) -> list[bytes]:
    """The pseudonyms of many values, in their order; AnonymizationError when any is no identifier of the domain."""
    pseudonyms = apply_to_each(values, lambda each: pseudonymise(each, domain, key))
    found = [pseudonym for pseudonym in pseudonyms if isinstance(pseudonym, bytes)]
    if len(found) < len(values):
        raise AnonymizationError(f"the given value is no identifier of the domain {domain}")
    return found


def sketch(values: pl.Expr, buckets: int, key: Key) -> pl.Expr:
    """A bucket number drawn by keyed hash: tells few values apart on purpose. At most 256 buckets, a power of two."""
    return apply_to_distinct(values, partial(_sketch_texts, buckets=buckets, key=key), pl.Int64())


def apply_to_distinct(values: pl.Expr, function: Callable[[pl.Series], pl.Series], dtype: pl.DataType) -> pl.Expr:
    """A function of texts as an expression that calls it with distinct values only; it keeps their order and number."""
    return values.map_batches(partial(_apply, function=function, dtype=dtype), return_dtype=dtype, is_elementwise=True)


def apply_to_one(value: str, express: Callable[[pl.Expr], pl.Expr]) -> object:
    """What an expression makes of one text; None for one that no column of text can hold."""
    return apply_to_each([value], express)[0]


def apply_to_each(values: Sequence[str], express: Callable[[pl.Expr], pl.Expr]) -> list[object]:
    """What an expression makes of each text; None for those that no column of text can hold."""
    texts = [value if _is_encodable(value) else None for value in values]
    # In a frame, since the error of a literal would quote it.
    frame = pl.DataFrame({"value": texts}, schema={"value": pl.String})
    return frame.select(express(pl.col("value"))).to_series().to_list()


def _apply(values: pl.Series, function: Callable[[pl.Series], pl.Series], dtype: pl.DataType) -> pl.Series:
    if values.dtype == pl.Null:
        return values.cast(dtype)
    if values.dtype != pl.String:
        raise pl.exceptions.SchemaError("identifiers must be text")
    return map_distinct(values, lambda texts: function(texts).alias("made").to_frame())["made"]


def _pseudonymise_texts(texts: pl.Series, domain: str, key: Key) -> pl.Series:
    return _mac(texts, domain, key, lambda values: canonicalise(values, domain)).str.decode("hex")


def _sketch_texts(texts: pl.Series, buckets: int, key: Key) -> pl.Series:
    return _mac(texts, "sketch", key).str.head(2).str.to_integer(base=16) % buckets


def _mac(
    texts: pl.Series, domain: str, key: Key, spell: Callable[[pl.Expr], pl.Expr] = lambda values: values
) -> pl.Series:
    """Half of the HMAC in hexadecimal. The plan that names the key is made and done with here, and nobody gets it."""
    message = plh.concat_str([pl.lit(domain + DOMAIN_END), spell(pl.col("text"))])
    digest = message.chash.hmac_sha256(key=key.secret).str.head(2 * PSEUDONYM_BYTES)
    return texts.alias("text").to_frame().select(digest.alias("mac"))["mac"]


def _is_encodable(value: str) -> bool:
    """False for lone surrogates, which stand for bytes that are no UTF-8; the codec's error would hold the value."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
