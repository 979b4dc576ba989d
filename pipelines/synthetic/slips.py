"""How identifiers slip into addresses: typed into the search box, put into query strings, named by web mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import numpy as np
import polars as pl

from pipelines.synthetic.chance import Indices, Stream, choose
from pipelines.synthetic.site import describe_queries, extend_targets


@dataclass(frozen=True, slots=True)
class Addressed:
    """All `targets`, and in `rows` the one that each page view (or each session's source) asks for."""

    targets: pl.DataFrame
    rows: Indices

    def divert(self, places: Indices, added: pl.DataFrame) -> Addressed:
        """The same, but those at `places` ask for the `added` targets, one each."""
        rows = self.rows.copy()
        rows[places] = np.arange(self.targets.height, self.targets.height + added.height)
        return Addressed(pl.concat([self.targets, added]), rows)


@dataclass(frozen=True, slots=True)
class Slip:
    """One way to let a field of a person slip: how often, how it is spelled, and the text around it."""

    weight: float
    field: str
    text: str
    spell: Callable[[str], str] = str


def _encode(text: str) -> str:
    return quote(text, safe="")


def _drop_hyphens(text: str) -> str:
    return text.replace("-", "")


_TYPED = (
    Slip(3, "email", "{}"),
    Slip(1, "email", "{} 出品者"),
    Slip(2, "phone", "{}"),
    Slip(2, "phone", "{}", _drop_hyphens),
    Slip(4, "full_name", "{}"),
    Slip(2, "full_name", "{} 評価"),
)
_PARAMETERS = (
    Slip(4, "email", "email={}", _encode),
    Slip(1, "email", "mail={}"),
    Slip(2, "phone", "tel={}", _drop_hyphens),
    Slip(1, "phone", "phone={}"),
    Slip(4, "user_id", "uid={}"),
    Slip(1, "full_name", "name={}", _encode),
    Slip(3, "session_token", "sid={}"),
)
_ANONYMOUS_PARAMETERS = (Slip(1, "session_token", "sid={}"),)


def type_identifiers(addressed: Addressed, places: Indices, members: pl.DataFrame, stream: Stream) -> Addressed:
    """The searches at `places` ask for something of one of `members` each."""
    slips = _choose_slips(stream, _TYPED, len(places))
    identifiers = [slip.spell(member[slip.field]) for slip, member in zip(slips, members.to_dicts(), strict=True)]
    queries = [slip.text.format(identifier) for slip, identifier in zip(slips, identifiers, strict=True)]
    spelled = [quote_plus(identifier) for identifier in identifiers]
    return addressed.divert(places, describe_queries(queries, identifiers, spelled))


def add_campaigns(addressed: Addressed, places: Indices, campaigns: pl.Series) -> Addressed:
    """The landing pages at `places` are asked for with campaign parameters."""
    return addressed.divert(places, extend_targets(addressed.targets[addressed.rows[places]], campaigns))


def add_parameters(addressed: Addressed, places: Indices, people: pl.DataFrame, stream: Stream) -> Addressed:
    """The pages at `places` are asked for with something of the person in the query string."""
    tokens = [stream.bytes(16).hex() for _ in places]
    persons = people.with_columns(pl.Series("session_token", tokens, dtype=pl.String)).to_dicts()
    of_members = _choose_slips(stream, _PARAMETERS, len(places))
    of_visitors = _choose_slips(stream, _ANONYMOUS_PARAMETERS, len(places))
    slips = [
        known if person["user_id"] else unknown
        for person, known, unknown in zip(persons, of_members, of_visitors, strict=True)
    ]
    identifiers = [slip.spell(person[slip.field]) for slip, person in zip(slips, persons, strict=True)]
    parameters = [slip.text.format(identifier) for slip, identifier in zip(slips, identifiers, strict=True)]
    extended = extend_targets(
        addressed.targets[addressed.rows[places]], _to_series(parameters), _to_series(identifiers)
    )
    return addressed.divert(places, extended)


def add_recipients(addressed: Addressed, places: Indices, emails: pl.Series) -> Addressed:
    """The web mail pages at `places` name their reader."""
    encoded = _to_series([_encode(email) for email in emails])
    return addressed.divert(places, extend_targets(addressed.targets[addressed.rows[places]], "to=" + encoded, encoded))


def _choose_slips(stream: Stream, slips: tuple[Slip, ...], count: int) -> list[Slip]:
    return [slips[index] for index in choose(stream, [slip.weight for slip in slips], count)]


def _to_series(texts: list[str]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String)
