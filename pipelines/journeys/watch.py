"""Who has an open request, or is restricted, and is not known under a key of now: watched for at ingestion.

What is learnt of them is in the ledger before any row is committed.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from pipelines.control.extensions import OPEN, store_extensions
from pipelines.control.requests import list_requests
from pipelines.control.restrictions import change_restrictions, list_restrictions
from pipelines.control.rights_sightings import OpenRight, list_open_rights, store_sightings
from pipelines.deletion.closure import LINK_COLUMNS
from pipelines.deletion.extension import (
    NOBODY,
    Watch,
    add_right_sightings,
    add_sightings,
    list_lacking,
    open_watch,
    read_key_ids,
    unseal_open_right,
)
from pipelines.deletion.request import Subject, extend_subject, unseal_subject
from pipelines.deletion.restriction import learn_sightings, list_unaware, unseal_restricted
from pipelines.journeys.house import House
from pipelines.lake.layout import read_columns

NO_LINKS = pl.DataFrame(schema={"user_pseudonym": pl.Binary(), "device_pseudonym": pl.Binary()})
UNPLANNED = ("received", "waiting", "ready")


def watch_for_members(house: House) -> Watch:
    """Whoever has an open request, or is restricted, since before a key of now; nothing else is read when nobody is.

    Of who is restricted, or asks for another right than deletion, the member alone is looked for: links tell their
    devices, under each key by itself.
    """
    key_ids = read_key_ids(house.keyring)
    lacking = list_lacking(list_requests(house.ledger, OPEN), key_ids)
    restricted = list_unaware(list_restrictions(house.ledger), key_ids)
    asking = _list_lacking_rights(house, key_ids)
    if not (lacking or restricted or asking):
        return NOBODY
    subjects = {request.request_id: unseal_subject(request, house.keyring) for request in lacking}
    subjects |= {each.restriction_id: unseal_restricted(each, house.keyring) for each in restricted}
    subjects |= {each.request_id: unseal_open_right(each, house.keyring) for each in asking}
    unplanned = {request.request_id for request in lacking if request.state in UNPLANNED}
    links = _read_member_links(house) if unplanned else NO_LINKS
    return open_watch(subjects, links, house.keyring, subjects.keys() - unplanned)


def _read_member_links(house: House) -> pl.DataFrame:
    links = read_columns(house.lake, house.catalogue.get("lake", "identity_links"), LINK_COLUMNS)
    return links.filter(purpose="membership").drop("purpose")


def still_watches(house: House, watch: Watch, key_ids: frozenset[str]) -> bool:
    """Whether nobody came meanwhile who is not known under one of the keys under which lines were staged."""
    lacking = {request.request_id for request in list_lacking(list_requests(house.ledger, OPEN), key_ids)}
    restricted = {each.restriction_id for each in list_unaware(list_restrictions(house.ledger), key_ids)}
    asking = {each.request_id for each in _list_lacking_rights(house, key_ids)}
    return watch.request_ids.issuperset(lacking | restricted | asking)


def extend_requests(house: House, sightings: pl.DataFrame) -> int:
    """Add to each open request, and to each restriction, what was sighted of it; returns how many learnt anything.

    Safe to repeat.
    """
    if not sightings.height:
        return 0
    names, keyring = sightings["request_id"].unique().to_list(), house.keyring
    extend = partial(add_sightings, sightings=sightings, keyring=keyring)
    learn = partial(learn_sightings, sightings=sightings, keyring=keyring)
    ask = partial(add_right_sightings, sightings=sightings, keyring=keyring)
    changed = store_extensions(house.ledger, names, extend) + change_restrictions(house.ledger, names, learn)
    return changed + store_sightings(house.ledger, names, ask)


def recognise_subject(house: House, subject: Subject) -> Subject:
    """A member who asks for a right, with what ingestion learnt of them since they asked."""
    members = set(subject.users["membership"])
    for right in list_open_rights(house.ledger):
        if right.sealed_extension is not None:
            known = unseal_open_right(right, house.keyring)
            if not members.isdisjoint(known.users["membership"]):
                subject = extend_subject(subject, known)
    return subject


def _list_lacking_rights(house: House, key_ids: frozenset[str]) -> tuple[OpenRight, ...]:
    """The open requests for access or correction that were filed before one of these keys was made."""
    return tuple(each for each in list_open_rights(house.ledger) if not key_ids.issubset(each.known_keys.split()))
