"""Keyed pseudonyms, the same for a value in a column, alone, or inside a text."""

from __future__ import annotations

import hmac

import polars as pl
import polars_hash as plh

from anonymization.keyring import Key

PSEUDONYM_BYTES = 16
DOMAIN_END = "\x1f"


def pseudonymise(values: pl.Expr, domain: str, key: Key) -> pl.Expr:
    """16-byte HMAC-SHA256 pseudonyms of a text column; null and empty stay null.

    The domain keeps a user id and an equal device id apart; the key keeps purposes apart. Evaluate eagerly: a serialised
    lazy plan would hold the key.
    """
    present = pl.when(values.str.len_bytes() > 0).then(values)
    return _mac(plh.concat_str([pl.lit(domain + DOMAIN_END), present]), key).str.decode("hex")


def sketch(values: pl.Expr, buckets: int, key: Key) -> pl.Expr:
    """A bucket number drawn by keyed hash: tells few values apart on purpose. At most 256 buckets, a power of two."""
    return (
        _mac(plh.concat_str([pl.lit("sketch" + DOMAIN_END), values]), key).str.head(2).str.to_integer(base=16) % buckets
    )


def _mac(message: pl.Expr, key: Key) -> pl.Expr:
    digest: pl.Expr = message.chash.hmac_sha256(key=key.secret)  # type: ignore[attr-defined]
    return digest.str.head(2 * PSEUDONYM_BYTES)


def pseudonym_of(value: str, domain: str, key: Key) -> bytes:
    """The pseudonym that `pseudonymise` gives one value."""
    message = f"{domain}{DOMAIN_END}{value}".encode()
    return hmac.digest(key.secret.encode(), message, "sha256")[:PSEUDONYM_BYTES]
