"""Where requests come from: IPv4 and IPv6 addresses, and the many ways in which servers spell them."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.synthetic.chance import Stream, choose

Halves = npt.NDArray[np.uint64]

# First octets and networks where Japanese providers are common; every octet has two digits or more,
# so that no address is short enough to occur by chance in an unrelated file.
_IPV4_HEADS = (106, 110, 111, 113, 114, 115, 116, 118, 119, 121, 122, 123, 124, 125, 126, 133, 150, 153, 157, 160,
               163, 175, 180, 182, 183, 202, 203, 210, 211, 218, 219, 220, 221, 222)  # fmt: skip
_IPV6_HEADS = (0x24004050, 0x24004150, 0x2404_7A80, 0x2409_0010, 0x2409_0250, 0x240B_0010, 0x240B_0250, 0x240B_C010,
               0x240F_0070, 0x2001_0268)  # fmt: skip


def draw_ipv4(stream: Stream, count: int) -> pl.Series:
    """Dotted addresses, at least twelve characters each."""
    heads = np.array(_IPV4_HEADS)[stream.integers(0, len(_IPV4_HEADS), count)]
    tails = stream.integers(10, 255, (3, count))
    octets = [pl.Series(octet).cast(pl.String) for octet in (heads, *tails)]
    return pl.select(pl.concat_str(*octets, separator=".").alias("ipv4")).to_series()


def draw_ipv6_networks(stream: Stream, count: int) -> Halves:
    """Upper halves: a provider's prefix and a customer's /64."""
    heads = np.array(_IPV6_HEADS, dtype=np.uint64)[stream.integers(0, len(_IPV6_HEADS), count)]
    return heads << np.uint64(32) | stream.integers(0x1000_0000, 2**32, count, dtype=np.uint64)


def draw_interfaces(stream: Stream, count: int) -> Halves:
    """Lower halves: mostly random as privacy extensions make them, some small as a router hands them out."""
    random_halves = stream.integers(2**48, 2**64, count, dtype=np.uint64)
    small_halves = stream.integers(0x100, 0xFFFF, count, dtype=np.uint64)
    return np.where(stream.random(count) < 0.15, small_halves, random_halves)


def write_ipv6(networks: Halves, interfaces: Halves) -> list[str]:
    """Canonical texts (RFC 5952) of addresses given as halves."""
    packed = np.stack([networks, interfaces], axis=1).astype(">u8").tobytes()
    return [socket.inet_ntop(socket.AF_INET6, packed[at : at + 16]) for at in range(0, len(packed), 16)]


def spell_addresses(stream: Stream, addresses: list[str], *, canonical_share: float) -> list[str]:
    """The addresses as some server writes them: mostly canonical, the rest in the other legal spellings."""
    rest = (1 - canonical_share) / 3
    styles = choose(stream, (canonical_share, rest, rest, rest), len(addresses)).tolist()
    return [_spell(address, style) if style else address for address, style in zip(addresses, styles, strict=True)]


def list_spellings(addresses: pl.Series) -> pl.Series:
    """The addresses as written, and the IPv4 text inside each mapped one, which leaks as much."""
    embedded = addresses.str.extract(r"(?i)^::ffff:(\d+\.\d+\.\d+\.\d+)$")
    return pl.concat([addresses, embedded]).drop_nulls().unique()


def _spell(address: str, style: int) -> str:
    if ":" not in address:
        return f"::FFFF:{address}" if style == 3 else f"::ffff:{address}"
    if style == 1:
        return address.upper()
    exploded = IPv6Address(address).exploded
    return exploded if style == 2 else ":".join(group.lstrip("0") or "0" for group in exploded.split(":"))
