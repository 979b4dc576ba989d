"""Whose request a line is about: the peer, or behind a proxy that the contract trusts whom that one says it served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network

import polars as pl

from anonymization.ip_address import canonicalise_addresses

PEER, FORWARDED = "client_ip", "forwarded_for"


def resolve_clients(rows: pl.DataFrame, trusted_proxies: Sequence[str]) -> pl.DataFrame:
    """The rows with client_ip as the client's own address, and without forwarded_for.

    Null where a trusted proxy passes on something that is no address: anything else could be the wrong person.
    """
    if FORWARDED not in rows.columns:
        return rows
    if not trusted_proxies:
        return rows.drop(FORWARDED)
    pairs = rows.select(PEER, FORWARDED).unique()
    hops = [_list_hops(forwarded) for forwarded in pairs[FORWARDED].to_list()]
    trusted = _judge_addresses({*pairs[PEER].drop_nulls(), *(hop for each in hops for hop in each)}, trusted_proxies)
    clients = [_find_client(peer, each, trusted) for peer, each in zip(pairs[PEER].to_list(), hops, strict=True)]
    found = pairs.with_columns(client=pl.Series(clients, dtype=pl.String))
    joined = rows.join(found, on=[PEER, FORWARDED], how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.col("client").alias(PEER)).drop(FORWARDED, "client")


def _list_hops(forwarded: str | None) -> list[str]:
    """The addresses that proxies noted, the last proxy's first; none where the header is absent or empty."""
    return [hop.strip() for hop in reversed(forwarded.split(","))] if forwarded and forwarded.strip() else []


def _judge_addresses(texts: set[str], trusted_proxies: Sequence[str]) -> Mapping[str, bool | None]:
    """Whether each text is the address of a trusted proxy, in whatever spelling; None where it is no address."""
    networks = [ip_network(each) for each in trusted_proxies]
    written = list(texts)
    packed = canonicalise_addresses(pl.Series(written, dtype=pl.String))["address"].to_list()
    addresses = [ip_address(bytes.fromhex(each)) if each else None for each in packed]
    return {
        text: None if address is None else any(address in network for network in networks)
        for text, address in zip(written, addresses, strict=True)
    }


def _find_client(peer: str | None, hops: Sequence[str], trusted: Mapping[str, bool | None]) -> str | None:
    """The first hop that is no trusted proxy; the peer where it is none itself, or where all hops are."""
    if peer is None or not trusted[peer]:
        return peer
    return next((hop if trusted[hop] is False else None for hop in hops if not trusted[hop]), peer)
