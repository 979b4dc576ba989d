"""How deeply the independent scan of some subjects looks: into the partitions that can hold them, and around them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.contracts.model import Contract
from pipelines.deletion.request import SUBJECT_PURPOSES, Subject
from pipelines.journeys.house import House
from pipelines.proof.partitions import Buckets

# A visitor is a device, or else a member. Other columns' buckets, as those of addresses, tell nothing of a subject.
TELLING = ("visitor_pseudonym", "user_pseudonym", "device_pseudonym")


def find_buckets(house: House, lake: Path, subjects: Sequence[Subject]) -> Buckets:
    """The buckets of the subjects by the directory of each table whose buckets tell who is in them."""
    tables = [table for table in house.catalogue.layer("lake") if table.properties.get("bucketOf") in TELLING]
    return {lake / table.name: _list_buckets(table, subjects) for table in tables}


def _list_buckets(table: Contract, subjects: Sequence[Subject]) -> frozenset[int]:
    """A bucket is the first byte of a pseudonym modulo their count, as the contract describes the column."""
    purposes = SUBJECT_PURPOSES if table.key_purpose == "each" else (table.key_purpose,)
    pseudonyms = [value for each in subjects for purpose in purposes for value in each.pseudonyms(str(purpose))]
    return frozenset(value[0] % int(table.properties["buckets"]) for value in pseudonyms)
