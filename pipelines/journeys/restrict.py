"""Suspension of use: members whose rows stay, and are in no metric, until they consent or the restriction is lifted.

Searches carry no person, so that nobody can be taken out of what is told of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import polars as pl

from anonymization.operators import pseudonymise
from pipelines.control.requests import list_requests
from pipelines.control.restrictions import (
    CONSENT,
    MARK,
    NOBODY,
    REQUEST,
    enter_restrictions,
    find_refusing,
    lift_restrictions,
    list_restrictions,
)
from pipelines.control.subjects import read_departed
from pipelines.deletion.closure import LINK_COLUMNS, close_identities, gather_links
from pipelines.deletion.request import Subject, identify_subject, unseal_subject
from pipelines.deletion.restriction import new_restrictions, unseal_restricted
from pipelines.errors import ConfigurationError
from pipelines.journeys.house import House
from pipelines.journeys.keys import renew_keyring
from pipelines.journeys.planning import LEAVING_STATES
from pipelines.lake.layout import read_files

RESTRICTED_PURPOSES = ("usage", "satisfaction", "security")
RESTRICTED_SCHEMA = pl.Schema({"purpose": pl.String(), "pseudonym": pl.Binary()})
PIPELINE = "pipeline"
NOBODY_ELSE: Mapping[str, Subject] = MappingProxyType({})


def restrict_member(house: House, user_id: str, *, restricted_by: str, reason: str | None = None) -> bool:
    """Leave a member out of every metric from the next build on; False when that was asked for before.

    ConfigurationError for who was deleted: nothing of theirs is there to be used, and nothing new is noted of them.
    """
    keyring = renew_keyring(house).keyring  # somebody may have rotated a key since the house was opened
    restrictions = new_restrictions(
        keyring,
        [user_id],
        ground=REQUEST,
        restricted_at=house.now(),
        restricted_by=restricted_by,
        reason=reason,
    )
    if not {each.user_pseudonym for each in restrictions}.isdisjoint(read_departed(house.ledger)):
        raise ConfigurationError("this member was deleted and did not return", hint="nothing of theirs is stored")
    return enter_restrictions(house.ledger, restrictions) > 0


def unrestrict_member(house: House, user_id: str) -> bool:
    """Lift what `restrict_member` did; whether the member is still restricted, for want of consent.

    ConfigurationError when nobody had asked for a restriction of this member.
    """
    members = identify_subject(user_id, house.keyring).users["membership"]
    if not lift_restrictions(house.ledger, members, REQUEST):
        raise ConfigurationError(
            "no restriction of this member was asked for", hint="consent is the accounts source's to give"
        )
    return is_restricted(house, user_id)


def is_restricted(house: House, user_id: str) -> bool:
    """Whether a member is restricted on any ground."""
    members = identify_subject(user_id, house.keyring).users["membership"]
    return any(each.user_pseudonym in members for each in list_restrictions(house.ledger))


def follow_consents(house: House, rows: pl.DataFrame) -> None:
    """Restrict the members of an accounts file who do not consent, and lift that of those who do.

    By the newest facts of each, which are stored already; the raw ids are needed for the other purposes' pseudonyms.
    """
    key = house.keyring.current("membership")
    members = rows.select("user_id", user=pseudonymise(pl.col("user_id"), "user", key)).unique("user")
    standing = {each.user_pseudonym for each in list_restrictions(house.ledger) if each.ground == CONSENT}
    refusing = find_refusing(house.ledger, members["user"].to_list())
    new = members.filter(pl.col("user").is_in(list(refusing - standing)))["user_id"].sort().to_list()
    restrictions = new_restrictions(
        house.keyring, new, ground=CONSENT, restricted_at=house.now(), restricted_by=PIPELINE
    )
    enter_restrictions(house.ledger, restrictions)
    lift_restrictions(house.ledger, sorted(standing.intersection(members["user"].to_list()) - refusing), CONSENT)


def list_restricted(house: House) -> pl.DataFrame:
    """Columns purpose and pseudonym: the restricted members, and the devices that nobody else has used.

    Devices are decided as deletions decide them, by the links of now: one that is used by restricted members alone goes
    with them, and one that anybody else has used stays.
    """
    rows = [
        (purpose, value)
        for subject in close_restricted(house).values()
        for purpose in RESTRICTED_PURPOSES
        for value in subject.pseudonyms(purpose)
    ]
    return pl.DataFrame(rows, schema=RESTRICTED_SCHEMA, orient="row").unique().sort(pl.all())


def close_restricted(house: House, also: Mapping[str, Subject] = NOBODY_ELSE) -> dict[str, Subject]:
    """Every restricted member with their devices, by the id of the restriction, and others as if they were restricted.

    also: those others, by any name that no restriction has.
    """
    standing = {each.restriction_id: unseal_restricted(each, house.keyring) for each in list_restrictions(house.ledger)}
    subjects = {**also, **standing}
    if not subjects:
        return {}
    known = {**subjects, **_find_leaving(house, subjects.values())}
    closures = close_identities(known, gather_links(lambda: _read_links(house), known.values()))
    return {name: closures[name].subject for name in subjects}


def digest_restricted(restricted: pl.DataFrame) -> str:
    """What tells one set of restricted pseudonyms from another, and nobody in either."""
    if not restricted.height:
        return NOBODY
    listed = b"".join(purpose.encode() + value for purpose, value in restricted.sort(pl.all()).iter_rows())
    return MARK + hashlib.sha256(listed).hexdigest()[:48]


def _find_leaving(house: House, restricted: Iterable[Subject]) -> dict[str, Subject]:
    """Those of the restricted whose deletion is under way: it knows their devices, whose links may be gone already."""
    members = {value for subject in restricted for value in subject.users["membership"]}
    requests = list_requests(house.ledger, LEAVING_STATES)
    subjects = {request.request_id: unseal_subject(request, house.keyring) for request in requests}
    return {name: each for name, each in subjects.items() if not members.isdisjoint(each.users["membership"])}


def _read_links(house: House) -> Iterator[pl.DataFrame]:
    return read_files(house.lake, house.catalogue.get("lake", "identity_links"), LINK_COLUMNS)
