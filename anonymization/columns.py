"""Declared treatments applied to a frame: what comes out has only the columns that were asked for, and nobody in it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import polars as pl

from anonymization.country import locate_addresses
from anonymization.datacentre import tell_datacentres
from anonymization.distinct import Rows, map_combinations, spread
from anonymization.encryption import encrypt_addresses
from anonymization.errors import UnknownTreatmentError
from anonymization.language import reduce_languages
from anonymization.operators import pseudonymise, sketch
from anonymization.spelling import ADDRESS, DEVICE, NETWORK, USER, VISITOR, canonicalise
from anonymization.treatment import Context, Treatment, Vocabulary
from anonymization.url import (
    extract_parameter,
    reduce_referrers,
    template_referrers,
    template_urls,
)

if TYPE_CHECKING:
    from anonymization.free_text import TextScrubber

# The columns that tell people apart, and the domain in which each of them does.
PERSON_COLUMNS: Mapping[str, str] = {"device_id": DEVICE, "user_id": USER, "client_ip": ADDRESS}
NAME_ENTITIES = frozenset({"PERSON", "LOCATION"})  # for which a language model must be installed
BETWEEN = "\x1f"
HOUSEHOLD_DIGITS = 12  # of a canonical address: the /48 of IPv6, from which one home draws many; all of IPv4


@dataclass(frozen=True, slots=True)
class _Job:
    """Rows under treatment, and how they are treated."""

    rows: Rows
    treatments: Sequence[Treatment]
    context: Context

    @property
    def frame(self) -> pl.DataFrame:
        return self.rows.frame

    def select(self, expression: pl.Expr) -> pl.Series:
        return self.frame.select(expression.alias("_result"))["_result"]

    def express(self, name: str, expression: Callable[[pl.Expr], pl.Expr], *what: Hashable) -> pl.Series:
        """What an expression makes of a column's distinct values, made once under this name."""
        made = self.rows.reduce(
            name, lambda values: values.to_frame("value").select(made=expression(pl.col("value"))), *what
        )
        return made["made"]


def treat_columns(frame: pl.DataFrame | Rows, treatments: Sequence[Treatment], context: Context) -> pl.DataFrame:
    """One output column for each treatment, rows in the order of the input; every other input column is gone.

    Given as Rows, what is made of them serves the other tables that are made of the same ones. Raises
    UnknownTreatmentError for a kind that does not exist, before anything is treated.
    """
    unknown = [treatment.output for treatment in treatments if treatment.kind not in TREATMENTS]
    if unknown:
        raise UnknownTreatmentError(f"no such treatment for {', '.join(unknown)}")
    job = _Job(frame if isinstance(frame, Rows) else Rows(frame), treatments, context)
    columns = [TREATMENTS[item.kind](job, item).alias(item.output) for item in treatments]
    return pl.DataFrame(columns) if columns else job.frame.select([])


def _keep(job: _Job, treatment: Treatment) -> pl.Series:
    return job.frame[treatment.inputs[0]]


def _keep_listed(job: _Job, treatment: Treatment) -> pl.Series:
    value = pl.col(treatment.inputs[0])
    listed = value.is_in(list(treatment.options["values"]))
    return job.select(pl.when(listed).then(value).otherwise(pl.lit(treatment.options["otherwise"])))


def _keep_pattern(job: _Job, treatment: Treatment) -> pl.Series:
    value = pl.col(treatment.inputs[0])
    return job.select(pl.when(value.str.contains(treatment.options["pattern"])).then(value))


def _keep_major(job: _Job, treatment: Treatment) -> pl.Series:
    # [0-9], since \d means every script's digits here, and the error of a cast would quote them.
    return job.select(pl.col(treatment.inputs[0]).str.extract(r"^([0-9]{1,4})(?:[^0-9]|$)", 1).cast(pl.Int32))


def _pseudonymise(job: _Job, treatment: Treatment) -> pl.Series:
    return _name(job, treatment.inputs[0], treatment.options["domain"])


def _pseudonymise_network(job: _Job, treatment: Treatment) -> pl.Series:
    return _name(job, treatment.inputs[0], NETWORK)


def _name(job: _Job, column: str, domain: str) -> pl.Series:
    """The pseudonyms of a column in a domain, under the key of the purpose."""
    key = job.context.key
    return job.express(column, lambda values: pseudonymise(values, domain, key), "pseudonymise", domain, key.id)


def _pseudonymise_visitor(job: _Job, treatment: Treatment) -> pl.Series:
    """The device, else the member, else address and agent under the key of the event's day.

    Where all of them are missing, everybody of a date is one visitor: too few, never too many. Null where a passing
    visitor's day has no key, not yet or not any longer: an event too late is nobody's.
    """
    available = set(treatment.inputs)
    known = [_name(job, name, PERSON_COLUMNS[name]) for name in ("device_id", "user_id") if name in available]
    visitors = job.select(pl.coalesce(*known, pl.repeat(None, job.frame.height, dtype=pl.Binary)))
    if "client_ip" not in available:
        return visitors
    is_passing = visitors.is_null()
    marks = [name for name in ("event_date", "client_ip", "user_agent") if name in {"event_date", *available}]
    passing = map_combinations(
        {name: job.rows.encode(name).keep(is_passing) for name in marks},
        partial(_pseudonymise_passing, context=job.context),
    )
    return pl.select(pl.coalesce(visitors, spread(passing["visitor"], is_passing))).to_series()


def _pseudonymise_passing(marks: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Each row's address and agent under the key of its day; the purpose keeps tables apart as elsewhere."""
    address = canonicalise(pl.col("client_ip"), ADDRESS)
    agent = pl.col("user_agent") if "user_agent" in marks.columns else pl.lit(None, dtype=pl.String)
    who = _join_on_date(pl.lit(context.key.purpose), address, agent)
    days = sorted(day for day in marks["event_date"].unique() if day in context.visitor_keys)
    of_days = [
        pseudonymise(pl.when(pl.col("event_date") == day).then(who), VISITOR, context.visitor_keys[day]) for day in days
    ]
    return marks.select(visitor=pl.coalesce(*of_days, pl.repeat(None, marks.height, dtype=pl.Binary)))


def _encrypt_address(job: _Job, treatment: Treatment) -> pl.Series:
    return _encrypt(job, treatment, keep_prefix=False)


def _encrypt_address_prefix(job: _Job, treatment: Treatment) -> pl.Series:
    return _encrypt(job, treatment, keep_prefix=True)


def _encrypt(job: _Job, treatment: Treatment, *, keep_prefix: bool) -> pl.Series:
    encrypt = partial(encrypt_addresses, key=job.context.key, keep_prefix=keep_prefix)
    return job.express(treatment.inputs[0], encrypt, treatment.kind, job.context.key.id)


def _locate_country(job: _Job, treatment: Treatment) -> pl.Series:
    locate = partial(locate_addresses, find_country=job.context.find_country)
    return job.rows.reduce(treatment.inputs[0], locate, treatment.kind)["country"]


def _tell_datacentre(job: _Job, treatment: Treatment) -> pl.Series:
    tell = partial(tell_datacentres, is_datacentre=job.context.is_datacentre)
    return job.rows.reduce(treatment.inputs[0], tell, treatment.kind)["is_datacentre"]


def _sketch_people(job: _Job, treatment: Treatment) -> pl.Series:
    """A bucket for each date, person and term as it is stored, so that no spelling of either makes one person two."""
    term, *people = treatment.inputs
    person = pl.coalesce([_spell_person(name) for name in people])
    message = _join_on_date(person, pl.lit(_store_term(job, term)))
    return job.select(sketch(message, treatment.options["buckets"], job.context.key).cast(pl.Int32))


def _spell_person(name: str) -> pl.Expr:
    spelled = canonicalise(pl.col(name), PERSON_COLUMNS[name])
    return spelled.str.head(HOUSEHOLD_DIGITS) if PERSON_COLUMNS[name] == ADDRESS else spelled


def _store_term(job: _Job, name: str) -> pl.Series:
    """The column as another treatment of this job scrubs it, else as it came."""
    scrubs = (item for item in job.treatments if item.kind == "scrub" and item.inputs == (name,))
    scrub = next(scrubs, None)
    return job.frame[name] if scrub is None else _scrub(job, scrub)


def _join_on_date(*parts: pl.Expr) -> pl.Expr:
    date = pl.col("event_date").cast(pl.String)
    return pl.concat_str([date, *(part.fill_null("") for part in parts)], separator=BETWEEN)


def _reduce_user_agent(job: _Job, treatment: Treatment) -> pl.Series:
    from anonymization.client_hints import reduce_agents  # noqa: PLC0415 - compiles a thousand patterns

    names = [name for name in treatment.inputs if name in job.frame.columns]
    bots = job.context.vocabulary.bots
    reduced = job.rows.make(lambda _: reduce_agents(job.rows, names, bots), treatment.kind, *names)
    return reduced[str(treatment.options["part"])]


def _reduce_language(job: _Job, treatment: Treatment) -> pl.Series:
    return job.rows.reduce(treatment.inputs[0], reduce_languages, treatment.kind)["language"]


def _reduce_referrer(job: _Job, treatment: Treatment) -> pl.Series:
    name, words = treatment.inputs[0], job.context.vocabulary
    if treatment.options["part"] == "route":
        template = partial(template_referrers, internal_hosts=words.internal_hosts, routes=words.routes)
        return job.rows.reduce(name, template, treatment.kind, "route")["route"]
    reduce = partial(reduce_referrers, known=words.referrers, internal_hosts=words.internal_hosts)
    return job.rows.reduce(name, reduce, treatment.kind)[str(treatment.options["part"])]


def _template_url(job: _Job, treatment: Treatment) -> pl.Series:
    return find_routes(job.rows, treatment.inputs[0], job.context.vocabulary)[str(treatment.options["part"])]


def find_routes(rows: Rows, name: str, vocabulary: Vocabulary) -> pl.DataFrame:
    """Columns route and group of a column of URLs, for each row; found once."""
    return rows.reduce(name, partial(template_urls, routes=vocabulary.routes), "template_url")


def _keep_parameter(job: _Job, treatment: Treatment) -> pl.Series:
    """Null throughout for a parameter that the source's contract does not list."""
    name = treatment.options["name"]
    listed = next((item for item in job.context.vocabulary.parameters if item.name == name), None)
    if listed is None:
        return pl.repeat(None, job.frame.height, dtype=pl.String, eager=True)
    extracted = job.rows.reduce(
        treatment.inputs[0], lambda urls: extract_parameter(urls, listed).to_frame("value"), treatment.kind, name
    )
    return extracted["value"]


def _scrub(job: _Job, treatment: Treatment) -> pl.Series:
    name, scrubber = treatment.inputs[0], _scrubber(job.context.vocabulary.identifier_patterns)
    entities = _expected_entities(treatment, scrubber.detectable)
    reduced = job.rows.reduce(name, lambda texts: scrubber.scrub(texts, entities).to_frame(), treatment.kind, *entities)
    return reduced["text"]


def _expected_entities(treatment: Treatment, detectable: frozenset[str]) -> tuple[str, ...]:
    """The entities of a scrub; less those of names that nobody here can find, where the contract keeps such texts."""
    keeps = treatment.options.get("withoutNames") == "keep"
    missing = NAME_ENTITIES - detectable if keeps else frozenset()
    return tuple(entity for entity in treatment.options["entities"] if entity not in missing)


@cache
def _scrubber(identifier_patterns: tuple[tuple[str, str], ...]) -> TextScrubber:
    from anonymization.free_text import build_scrubber  # noqa: PLC0415 - Presidio takes seconds, and few columns need it

    return build_scrubber(identifier_patterns)


TREATMENTS: Mapping[str, Callable[[_Job, Treatment], pl.Series]] = {
    "encrypt_address": _encrypt_address,
    "encrypt_address_prefix": _encrypt_address_prefix,
    "keep": _keep,
    "keep_listed": _keep_listed,
    "keep_major": _keep_major,
    "keep_parameter": _keep_parameter,
    "keep_pattern": _keep_pattern,
    "locate_country": _locate_country,
    "pseudonymise": _pseudonymise,
    "pseudonymise_network": _pseudonymise_network,
    "pseudonymise_visitor": _pseudonymise_visitor,
    "reduce_language": _reduce_language,
    "reduce_referrer": _reduce_referrer,
    "reduce_user_agent": _reduce_user_agent,
    "scrub": _scrub,
    "sketch_people": _sketch_people,
    "tell_datacentre": _tell_datacentre,
    "template_url": _template_url,
}
