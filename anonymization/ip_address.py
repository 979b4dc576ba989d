"""One canonical spelling for every way a client address is written, and the network it belongs to."""

from __future__ import annotations

import socket

import polars as pl

MAPPED_PREFIX = bytes(10) + b"\xff\xff"
IPV4_BYTES, IPV6_BYTES = 3, 6  # /24 and /48


def canonicalise_addresses(addresses: pl.Series) -> pl.DataFrame:
    """Canonical address and network (/24 or /48) of distinct strings; both null where the string is no address.

    Returns columns address and network, aligned with the input. IPv4-mapped IPv6 is unwrapped, zone and brackets go.
    """
    packed = [_pack(address) for address in addresses.to_list()]
    return pl.DataFrame(
        {"address": [_text(raw) for raw in packed], "network": [_network(raw) for raw in packed]},
        schema={"address": pl.String, "network": pl.String},
    )


def _pack(address: str | None) -> bytes | None:
    if not address:
        return None
    text = address.strip().strip("[]").split("%", 1)[0]
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        packed = socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None
    return packed.removeprefix(MAPPED_PREFIX) if len(packed) == 16 else packed


def _text(packed: bytes | None) -> str | None:
    return None if packed is None else packed.hex()


def _network(packed: bytes | None) -> str | None:
    if packed is None:
        return None
    return packed[: IPV4_BYTES if len(packed) == 4 else IPV6_BYTES].hex()
