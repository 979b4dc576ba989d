"""One canonical spelling for every way a client address is written, and the network it belongs to."""

from __future__ import annotations

import re
import socket
from functools import lru_cache

import polars as pl

MAPPED_PREFIX = bytes(10) + b"\xff\xff"
REMEMBERED_ADDRESSES, MAXIMUM_LENGTH = 65_536, 100  # the longest address with zone and port is shorter
IPV4_NETWORK_BYTES, IPV6_NETWORK_BYTES = 3, 6  # /24 and /48
# Load balancers log the port too; without brackets, only an IPv4 address can carry one unambiguously.
BRACKETED = re.compile(r"\[([^\[\]]*)\](?::[0-9]{1,5})?")
WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")


def canonicalise_addresses(addresses: pl.Series) -> pl.DataFrame:
    """Canonical address and network (/24 or /48) of distinct strings; both null where the string is no address.

    Returns columns address and network in hexadecimal, aligned with the input. IPv4-mapped IPv6 is unwrapped; zone,
    brackets and port go.
    """
    texts = [(address or "").strip() for address in addresses.to_list()]
    rows = [_canonicalise(text) if len(text) <= MAXIMUM_LENGTH else (None, None) for text in texts]
    columns = {"address": [address for address, _ in rows], "network": [network for _, network in rows]}
    return pl.DataFrame(columns, schema={"address": pl.String, "network": pl.String})


@lru_cache(maxsize=REMEMBERED_ADDRESSES)  # a file's tables, and their columns, ask for the same addresses
def _canonicalise(text: str) -> tuple[str | None, str | None]:
    packed = _pack(_bare(text))
    if packed is None:
        return None, None
    network = packed[: IPV4_NETWORK_BYTES if len(packed) == 4 else IPV6_NETWORK_BYTES]
    return packed.hex(), network.hex()


def _pack(text: str) -> bytes | None:
    """The address's 4 or 16 bytes in network order."""
    try:
        packed = socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return None
    return packed.removeprefix(MAPPED_PREFIX)


def _bare(text: str) -> str:
    enclosed = BRACKETED.fullmatch(text) or WITH_PORT.fullmatch(text)
    return (enclosed[1] if enclosed else text).split("%", 1)[0]
