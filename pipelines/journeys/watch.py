"""Who has an open request, or is restricted, and is not known under a key of now: watched for at ingestion.

What is learnt of them is in the ledger before any row is committed.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from pipelines.control.extensions import OPEN, store_extensions
from pipelines.control.requests import list_requests
from pipelines.control.restrictions import change_restrictions, list_restrictions
from pipelines.deletion.closure import LINK_COLUMNS
from pipelines.deletion.extension import NOBODY, Watch, add_sightings, list_lacking, open_watch, read_key_ids
from pipelines.deletion.request import unseal_subject
from pipelines.deletion.restriction import learn_sightings, list_unaware, unseal_restricted
from pipelines.journeys.house import House
from pipelines.lake.layout import read_columns

NO_LINKS = pl.DataFrame(schema={"user_pseudonym": pl.Binary(), "device_pseudonym": pl.Binary()})
UNPLANNED = ("received", "waiting", "ready")


def watch_for_members(house: House) -> Watch:
    """Whoever has an open request, or is restricted, since before a key of now; nothing else is read when nobody is.

    Of who is restricted the member alone is looked for: links tell their devices, under each key by itself.
    """
    key_ids = read_key_ids(house.keyring)
    lacking = list_lacking(list_requests(house.ledger, OPEN), key_ids)
    restricted = list_unaware(list_restrictions(house.ledger), key_ids)
    if not lacking and not restricted:
        return NOBODY
    subjects = {request.request_id: unseal_subject(request, house.keyring) for request in lacking}
    subjects |= {each.restriction_id: unseal_restricted(each, house.keyring) for each in restricted}
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
    return watch.request_ids.issuperset(lacking | restricted)


def extend_requests(house: House, sightings: pl.DataFrame) -> int:
    """Add to each open request, and to each restriction, what was sighted of it; returns how many learnt anything.

    Safe to repeat.
    """
    if not sightings.height:
        return 0
    names, keyring = sightings["request_id"].unique().to_list(), house.keyring
    extend = partial(add_sightings, sightings=sightings, keyring=keyring)
    learn = partial(learn_sightings, sightings=sightings, keyring=keyring)
    return store_extensions(house.ledger, names, extend) + change_restrictions(house.ledger, names, learn)
