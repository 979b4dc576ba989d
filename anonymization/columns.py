"""Declared treatments applied to a frame: what comes out has only the columns that were asked for, and nobody in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from anonymization.errors import UnknownTreatmentError
from anonymization.ip_address import canonicalise_addresses
from anonymization.keyring import Key
from anonymization.language import reduce_languages
from anonymization.operators import pseudonymise, sketch
from anonymization.url import Referrer, Route, reduce_referrers, template_urls

if TYPE_CHECKING:
    from anonymization.free_text import TextScrubber

ADDRESS_DOMAIN, NETWORK_DOMAIN, VISITOR_DOMAIN = "address", "network", "visitor"


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one output column is made of input columns. Kinds are the keys of TREATMENTS; options belong to the kind."""

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


@dataclass(frozen=True, slots=True)
class Context:
    """The key of the purpose, and the vocabulary of the service."""

    key: Key
    vocabulary: Vocabulary = field(default_factory=Vocabulary)


def treat_columns(frame: pl.DataFrame, treatments: Sequence[Treatment], context: Context) -> pl.DataFrame:
    """One output column for each treatment, rows in the order of the input; every other input column is gone.

    Raises UnknownTreatmentError for a kind that does not exist, before anything is treated.
    """
    unknown = [treatment.output for treatment in treatments if treatment.kind not in TREATMENTS]
    if unknown:
        raise UnknownTreatmentError(f"no such treatment for {', '.join(unknown)}")
    columns = [TREATMENTS[item.kind](frame, item, context).alias(item.output) for item in treatments]
    return pl.DataFrame(columns) if columns else frame.select([])


def _keep(frame: pl.DataFrame, treatment: Treatment, _: Context) -> pl.Series:
    return frame[treatment.inputs[0]]


def _keep_listed(frame: pl.DataFrame, treatment: Treatment, _: Context) -> pl.Series:
    value = pl.col(treatment.inputs[0])
    listed = value.is_in(list(treatment.options["values"]))
    return _only(frame, pl.when(listed).then(value).otherwise(pl.lit(treatment.options["otherwise"])))


def _keep_pattern(frame: pl.DataFrame, treatment: Treatment, _: Context) -> pl.Series:
    value = pl.col(treatment.inputs[0])
    return _only(frame, pl.when(value.str.contains(treatment.options["pattern"])).then(value))


def _keep_major(frame: pl.DataFrame, treatment: Treatment, _: Context) -> pl.Series:
    return _only(frame, pl.col(treatment.inputs[0]).str.extract(r"^(\d{1,4})(?:\D|$)", 1).cast(pl.Int32))


def _pseudonymise(frame: pl.DataFrame, treatment: Treatment, context: Context) -> pl.Series:
    name, domain = treatment.inputs[0], treatment.options["domain"]
    if domain == ADDRESS_DOMAIN:
        return _only(_addresses(frame, name), pseudonymise(pl.col("address"), domain, context.key))
    return _only(frame, pseudonymise(pl.col(name), domain, context.key))


def _pseudonymise_network(frame: pl.DataFrame, treatment: Treatment, context: Context) -> pl.Series:
    networks = _addresses(frame, treatment.inputs[0])
    return _only(networks, pseudonymise(pl.col("network"), NETWORK_DOMAIN, context.key))


def _pseudonymise_visitor(frame: pl.DataFrame, treatment: Treatment, context: Context) -> pl.Series:
    """The device, else the member, else address and agent under a token that changes with the event's date."""
    available = set(treatment.inputs)
    choices = [
        pseudonymise(pl.col(f"{domain}_id"), domain, context.key)
        for domain in ("device", "user")
        if f"{domain}_id" in available
    ]
    if "client_ip" in available:
        agent = pl.col("user_agent").fill_null("")
        passing = pl.concat_str([pl.col("event_date").cast(pl.String), pl.col("client_ip"), agent], separator="\x1f")
        choices.append(pseudonymise(passing, VISITOR_DOMAIN, context.key))
    return _only(frame, pl.coalesce(choices))


def _sketch_people(frame: pl.DataFrame, treatment: Treatment, context: Context) -> pl.Series:
    term, *people = treatment.inputs
    person = pl.coalesce([pl.col(name) for name in people]).fill_null("")
    message = pl.concat_str([pl.col("event_date").cast(pl.String), pl.col(term), person], separator="\x1f")
    return _only(frame, sketch(message, treatment.options["buckets"], context.key).cast(pl.Int32))


def _reduce_user_agent(frame: pl.DataFrame, treatment: Treatment, context: Context) -> pl.Series:
    return _agents(frame[treatment.inputs[0]], context.vocabulary.bots)[treatment.options["part"]]


def _reduce_language(frame: pl.DataFrame, treatment: Treatment, _: Context) -> pl.Series:
    return _map_distinct(frame[treatment.inputs[0]], lambda values: reduce_languages(values).to_frame("language"))[
        "language"
    ]


def _reduce_referrer(frame: pl.DataFrame, treatment: Treatment, context: Context) -> pl.Series:
    words = context.vocabulary
    reduced = _map_distinct(
        frame[treatment.inputs[0]],
        lambda values: reduce_referrers(values, words.referrers, words.internal_hosts),
    )
    return reduced[treatment.options["part"]]


def _template_url(frame: pl.DataFrame, treatment: Treatment, context: Context) -> pl.Series:
    return template_urls(frame[treatment.inputs[0]], context.vocabulary.routes)[treatment.options["part"]]


def _scrub(frame: pl.DataFrame, treatment: Treatment, context: Context) -> pl.Series:
    scrubber = _scrubber(context.vocabulary.identifier_patterns)
    entities = treatment.options["entities"]
    return _map_distinct(frame[treatment.inputs[0]], lambda values: scrubber.scrub(values, entities).to_frame("text"))[
        "text"
    ]


@cache
def _scrubber(identifier_patterns: tuple[tuple[str, str], ...]) -> TextScrubber:
    from anonymization.free_text import build_scrubber  # noqa: PLC0415 - Presidio takes seconds, and few columns need it

    return build_scrubber(identifier_patterns)


def _agents(agents: pl.Series, bots: tuple[tuple[str, str], ...]) -> pl.DataFrame:
    from anonymization.user_agent import reduce_user_agents  # noqa: PLC0415 - compiles a thousand patterns

    return _map_distinct(agents, lambda values: reduce_user_agents(values, bots))


def _addresses(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return _map_distinct(frame[name], canonicalise_addresses)


def _map_distinct(values: pl.Series, function: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """Apply a function to the distinct values only, and give every row its result."""
    column = values.rename("_value").to_frame()
    distinct = column.unique(maintain_order=True)
    mapped = pl.concat([distinct, function(distinct["_value"])], how="horizontal")
    return column.join(mapped, on="_value", how="left", nulls_equal=True, maintain_order="left").drop("_value")


def _only(frame: pl.DataFrame, expression: pl.Expr) -> pl.Series:
    return frame.select(expression.alias("_result"))["_result"]


TREATMENTS: Mapping[str, Callable[[pl.DataFrame, Treatment, Context], pl.Series]] = {
    "keep": _keep,
    "keep_listed": _keep_listed,
    "keep_pattern": _keep_pattern,
    "keep_major": _keep_major,
    "pseudonymise": _pseudonymise,
    "pseudonymise_network": _pseudonymise_network,
    "pseudonymise_visitor": _pseudonymise_visitor,
    "reduce_language": _reduce_language,
    "reduce_referrer": _reduce_referrer,
    "reduce_user_agent": _reduce_user_agent,
    "scrub": _scrub,
    "sketch_people": _sketch_people,
    "template_url": _template_url,
}
