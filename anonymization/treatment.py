"""What a service declares of its columns and its vocabulary, and the keys and look-ups that treat them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from anonymization.country import FindCountry
from anonymization.datacentre import IsDatacentre
from anonymization.keyring import Key
from anonymization.url import Parameter, Referrer, Route


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one output column is made of input columns. Kinds are the keys of columns.TREATMENTS, with their options."""

    output: str
    kind: str
    inputs: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a service declares may survive of its URLs, referrers and agents, and what its own identifiers look like."""

    routes: tuple[Route, ...] = ()
    bots: tuple[tuple[str, str], ...] = ()
    referrers: tuple[Referrer, ...] = ()
    internal_hosts: tuple[str, ...] = ()
    identifier_patterns: tuple[tuple[str, str], ...] = ()
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """The key of the purpose, the vocabulary of the service, and the keys of days whose visitors may be told apart.

    find_country, is_datacentre: the look-ups of countries and of datacentres, where there are any.
    """

    key: Key
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    visitor_keys: Mapping[date, Key] = field(default_factory=dict, hash=False)
    find_country: FindCountry | None = None
    is_datacentre: IsDatacentre | None = None
