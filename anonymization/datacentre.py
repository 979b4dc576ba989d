"""Client addresses to whether they are a datacentre's, by a look-up that the caller brings; no address remains."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from anonymization.ip_address import canonicalise_addresses

IsDatacentre = Callable[[bytes], bool]  # of an address as its 4 or 16 bytes


def tell_datacentres(addresses: pl.Series, is_datacentre: IsDatacentre | None) -> pl.DataFrame:
    """Column is_datacentre, aligned with the input; null for whatever is no address, and without a look-up."""
    schema = {"is_datacentre": pl.Boolean()}
    if is_datacentre is None:
        return pl.DataFrame({"is_datacentre": [None] * len(addresses)}, schema=schema)
    packed = canonicalise_addresses(addresses)["address"].to_list()
    told = [None if each is None else is_datacentre(bytes.fromhex(each)) for each in packed]
    return pl.DataFrame({"is_datacentre": told}, schema=schema)
