"""Client addresses to countries, by a look-up that the caller brings; nothing else of the address remains."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import polars as pl

from anonymization.ip_address import canonicalise_addresses

UNKNOWN = "unknown"
CODE = re.compile(r"[A-Z]{2}")  # ISO 3166-1 alpha-2
FindCountry = Callable[[str], str | None]  # from an address in its usual spelling; None without a hit


def locate_addresses(addresses: pl.Series, find_country: FindCountry | None) -> pl.DataFrame:
    """Column country of distinct addresses, aligned with the input; unknown for whatever is no address or no code."""
    if find_country is None:
        return pl.select(country=pl.repeat(UNKNOWN, len(addresses), dtype=pl.String))
    packed = canonicalise_addresses(addresses)["address"].to_list()
    codes = [UNKNOWN if each is None else _locate(bytes.fromhex(each), find_country) for each in packed]
    return pl.DataFrame({"country": codes}, schema={"country": pl.String})


def _locate(packed: bytes, find_country: FindCountry) -> str:
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    code = find_country(socket.inet_ntop(family, packed))
    return code if code is not None and CODE.fullmatch(code) else UNKNOWN
