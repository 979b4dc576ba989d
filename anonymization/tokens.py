"""What stands for an identifier inside a text, and in a column that holds texts: <KIND:key:token>.

No token looks like what it stands for, and each tells its kind, so that a text stays readable.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from anonymization.encryption import as_binary, encrypt_addresses, view_bytes
from anonymization.keyring import Key
from anonymization.operators import apply_to_distinct, pseudonymise
from anonymization.spelling import NETWORK, canonicalise, domain_of

BASE32 = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
BITS_A_LETTER = 5
# Letters for hexadecimal digits: a network in figures would be found as an address, a telephone number or a date.
LETTER_OF_DIGIT = dict(zip("0123456789abcdef", "abcdefghijklmnop", strict=True))
IPV4_NETWORK_DIGITS = 6


def tokenise(values: pl.Expr, entity: str, key: Key) -> pl.Expr:
    """<ENTITY:key id:pseudonym> of each value, null where it is no identifier.

    The pseudonym is that of `pseudonymise` in the entity's domain, its 128 bits in lower-case Base32 (RFC 4648).
    """
    return _frame_bits(pseudonymise(values, domain_of(entity), key), entity, key)


def tokenise_encrypted(values: pl.Expr, key: Key, *, keep_prefix: bool = False) -> pl.Expr:
    """<ENCRYPTED_ADDRESS:key id:…> of each address: the bytes of `encrypt_addresses`, in lower-case Base32."""
    return _frame_bits(encrypt_addresses(values, key, keep_prefix=keep_prefix), "ENCRYPTED_ADDRESS", key)


def tokenise_networks(values: pl.Expr) -> pl.Expr:
    """<IPV4_NETWORK:…> or <IPV6_NETWORK:…> of each address: its /24 or /48, hexadecimal digits as letters a to p."""
    return apply_to_distinct(values, _name_networks, pl.String())


def generalise(values: pl.Expr, entity: str, keep: int) -> pl.Expr:
    """<ENTITY:first characters> of each value, and <ENTITY> where these would be the whole value."""
    stripped = values.str.strip_chars()
    kept = pl.concat_str(pl.lit(f"<{entity}:"), stripped.str.head(keep), pl.lit(">"))
    return pl.when(stripped.str.len_chars() > keep).then(kept).otherwise(redact(values, entity))


def redact(values: pl.Expr, entity: str) -> pl.Expr:
    """<ENTITY> for each value."""
    return pl.when(values.is_not_null()).then(pl.lit(f"<{entity}>"))


def _frame_bits(bits: pl.Expr, entity: str, key: Key) -> pl.Expr:
    letters = bits.map_batches(_spell_base32, return_dtype=pl.String, is_elementwise=True)
    return pl.concat_str(pl.lit(f"<{entity}:{key.id}:"), letters, pl.lit(">"))


def _spell_base32(values: pl.Series) -> pl.Series:
    rows = view_bytes(values.fill_null(bytes(16)))
    bits = np.unpackbits(rows, axis=1)
    padded = np.pad(bits, ((0, 0), (0, -bits.shape[1] % BITS_A_LETTER))).reshape(len(rows), -1, BITS_A_LETTER)
    letters = BASE32[np.packbits(padded, axis=2)[:, :, 0] >> (8 - BITS_A_LETTER)]
    return as_binary(letters).cast(pl.String).set(values.is_null(), None)


def _name_networks(texts: pl.Series) -> pl.Series:
    network = canonicalise(pl.col("text"), NETWORK)
    family = pl.when(network.str.len_bytes() == IPV4_NETWORK_DIGITS).then(pl.lit("<IPV4_NETWORK:"))
    letters = network.str.replace_many(LETTER_OF_DIGIT)
    named = pl.concat_str(family.otherwise(pl.lit("<IPV6_NETWORK:")), letters, pl.lit(">"))
    return texts.alias("text").to_frame().select(named.alias("named"))["named"]
