"""Open requests that lack a key, watched for at ingestion, and extended in the ledger before any row is committed."""

from __future__ import annotations

from functools import partial

import polars as pl

from pipelines.control.extensions import OPEN, store_extensions
from pipelines.control.requests import list_requests
from pipelines.deletion.closure import LINK_COLUMNS
from pipelines.deletion.extension import NOBODY, Watch, add_sightings, list_lacking, open_watch, read_key_ids
from pipelines.deletion.request import unseal_subject
from pipelines.journeys.house import House
from pipelines.lake.layout import read_columns

UNPLANNED = ("received", "waiting", "ready")


def watch_for_members(house: House) -> Watch:
    """Whoever has an open request that was filed before a key of now was made; nothing else is read when nobody has."""
    key_ids = read_key_ids(house.keyring)
    lacking = list_lacking(list_requests(house.ledger, OPEN), key_ids)
    if not lacking:
        return NOBODY
    subjects = {request.request_id: unseal_subject(request, house.keyring) for request in lacking}
    links = read_columns(house.lake, house.catalogue.get("lake", "identity_links"), LINK_COLUMNS)
    planned = [request.request_id for request in lacking if request.state not in UNPLANNED]
    return open_watch(subjects, links.filter(purpose="membership").drop("purpose"), house.keyring, planned)


def still_watches(house: House, watch: Watch, key_ids: frozenset[str]) -> bool:
    """Whether nobody else's request came meanwhile that lacks one of the keys under which lines were staged."""
    lacking = list_lacking(list_requests(house.ledger, OPEN), key_ids)
    return watch.request_ids.issuperset(request.request_id for request in lacking)


def extend_requests(house: House, sightings: pl.DataFrame) -> int:
    """Add to each open request what was sighted of it; returns how many learnt anything. Safe to repeat."""
    if not sightings.height:
        return 0
    extend = partial(add_sightings, sightings=sightings, keyring=house.keyring)
    return store_extensions(house.ledger, sightings["request_id"].unique().to_list(), extend)
