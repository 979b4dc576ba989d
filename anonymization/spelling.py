"""The one spelling of each identifier, so that no way of writing it makes one person two."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from anonymization.distinct import map_distinct
from anonymization.ip_address import canonicalise_addresses

USER, DEVICE, ADDRESS, NETWORK, VISITOR = "user", "device", "address", "network", "visitor"
EMAIL, PHONE = "email", "phone"
# Kinds of identifiers that columns hold too; every other kind is a domain of its own.
DOMAINS: Mapping[str, str] = {
    "MEMBER_ID": USER,
    "UUID": DEVICE,
    "IP_ADDRESS": ADDRESS,
    "EMAIL_ADDRESS": EMAIL,
    "PHONE_NUMBER": PHONE,
}


def canonicalise(values: pl.Expr, domain: str) -> pl.Expr:
    """The one spelling of each identifier of a domain; null where there is none.

    Surrounding white space says nothing in any domain. Device ids are hexadecimal, so their case says nothing either;
    that of user ids does. Addresses and networks become the hexadecimal text of their bytes, null when unreadable.
    """
    stripped = values.str.strip_chars()
    present = pl.when(stripped.str.len_bytes() > 0).then(stripped)
    return SPELLINGS[domain](present) if domain in SPELLINGS else present


def domain_of(entity: str) -> str:
    """The domain in which a kind of identifier, named as Presidio names it, is told apart."""
    return DOMAINS.get(entity, entity.lower())


def _spell_email(values: pl.Expr) -> pl.Expr:
    return values.str.normalize("NFKC").str.to_lowercase()


def _spell_phone(values: pl.Expr) -> pl.Expr:
    """Digits as dialled in Japan; a number with another country's code keeps it."""
    digits = (
        values.str.normalize("NFKC")
        .str.replace_all("[^0-9]", "")
        .str.replace(r"^(?:00|010)?810?([1-9][0-9]{8,9})$", "0$1")
    )
    return pl.when(digits.str.len_bytes() > 0).then(digits)


def _spell_address(part: str) -> Callable[[pl.Expr], pl.Expr]:
    def spell(values: pl.Series) -> pl.Series:
        return map_distinct(values, canonicalise_addresses)[part]

    return lambda values: values.map_batches(spell, return_dtype=pl.String, is_elementwise=True)


SPELLINGS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    DEVICE: lambda values: values.str.to_lowercase(),
    ADDRESS: _spell_address("address"),
    NETWORK: _spell_address("network"),
    EMAIL: _spell_email,
    PHONE: _spell_phone,
}
