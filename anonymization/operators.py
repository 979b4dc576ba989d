"""Keyed pseudonyms, the same for a value in a column and alone, however the value happens to be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl
import polars_hash as plh

from anonymization.distinct import map_distinct
from anonymization.errors import AnonymizationError
from anonymization.ip_address import canonicalise_addresses
from anonymization.keyring import Key

PSEUDONYM_BYTES = 16
DOMAIN_END = "\x1f"
USER, DEVICE, ADDRESS, NETWORK, VISITOR = "user", "device", "address", "network", "visitor"


def canonicalise(values: pl.Expr, domain: str) -> pl.Expr:
    """The one spelling of each identifier of a domain; null where there is none.

    Surrounding white space says nothing in any domain. Device ids are hexadecimal, so their case says nothing either;
    that of user ids does. Addresses and networks become the hexadecimal text of their bytes, null when unreadable.
    """
    stripped = values.str.strip_chars()
    present = pl.when(stripped.str.len_bytes() > 0).then(stripped)
    return SPELLINGS[domain](present) if domain in SPELLINGS else present


def pseudonymise(values: pl.Expr, domain: str, key: Key) -> pl.Expr:
    """16-byte HMAC-SHA256 pseudonyms of a text column's canonical spellings; null where there is no identifier.

    The domain keeps a user id and an equal device id apart; the key keeps purposes apart. Evaluate eagerly: a
    serialised lazy plan would hold the key.
    """
    return _mac(plh.concat_str([pl.lit(domain + DOMAIN_END), canonicalise(values, domain)]), key).str.decode("hex")


def pseudonym_of(value: str, domain: str, key: Key) -> bytes:
    """The pseudonym that `pseudonymise` gives one value; AnonymizationError when it is no identifier of the domain."""
    pseudonym = None
    if _is_encodable(value):  # and in a frame, since an error would quote a literal
        pseudonym = pl.DataFrame({"value": [value]}).select(pseudonymise(pl.col("value"), domain, key)).item()
    if not isinstance(pseudonym, bytes):
        raise AnonymizationError(f"the given value is no identifier of the domain {domain}")
    return pseudonym


def sketch(values: pl.Expr, buckets: int, key: Key) -> pl.Expr:
    """A bucket number drawn by keyed hash: tells few values apart on purpose. At most 256 buckets, a power of two."""
    drawn = _mac(plh.concat_str([pl.lit("sketch" + DOMAIN_END), values]), key).str.head(2)
    return drawn.str.to_integer(base=16) % buckets


def _mac(message: pl.Expr, key: Key) -> pl.Expr:
    digest: pl.Expr = message.chash.hmac_sha256(key=key.secret)  # type: ignore[attr-defined]
    return digest.str.head(2 * PSEUDONYM_BYTES)


def _is_encodable(value: str) -> bool:
    """False for lone surrogates, which stand for bytes that are no UTF-8; the codec's error would hold the value."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _spell_address(part: str) -> Callable[[pl.Expr], pl.Expr]:
    def spell(values: pl.Series) -> pl.Series:
        return map_distinct(values, canonicalise_addresses)[part]

    return lambda values: values.map_batches(spell, return_dtype=pl.String, is_elementwise=True)


SPELLINGS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    DEVICE: lambda values: values.str.to_lowercase(),
    ADDRESS: _spell_address("address"),
    NETWORK: _spell_address("network"),
}
