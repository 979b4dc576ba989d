"""Open requests that were filed before a key was made: when their members pass by at ingestion, they learn the new key.

Only there is a raw identifier at hand, and only as pseudonyms does it leave.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from anonymization.keyring import Key, Keyring, unseal
from anonymization.operators import pseudonymise
from pipelines.control.requests import DeletionRequest
from pipelines.control.rights_sightings import OpenRight
from pipelines.deletion.request import (
    SUBJECT_PURPOSES,
    Subject,
    extend_subject,
    read_subject,
    seal_subject,
    unite_pseudonyms,
    unseal_subject,
)

KNOWN_SCHEMA = pl.Schema({"request_id": pl.String(), "kind": pl.String(), "known": pl.Binary()})
SIGHTING_SCHEMA = pl.Schema({**KNOWN_SCHEMA, "purpose": pl.String(), "pseudonym": pl.Binary()})
NOTHING_SEEN = pl.DataFrame(schema=SIGHTING_SCHEMA)
ID_COLUMNS = {"user": "user_id", "device": "device_id"}


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is looked for: columns request_id, kind, known (membership pseudonym); and under which keys they are unknown.

    request_ids: the requests that lack a key, whether or not anybody of theirs is in the table.
    """

    people: pl.DataFrame
    keys: tuple[Key, ...]
    request_ids: frozenset[str]


NOBODY = Watch(pl.DataFrame(schema=KNOWN_SCHEMA), (), frozenset())


def read_key_ids(keyring: Keyring) -> frozenset[str]:
    """The ids of the keys under which subjects are stored now."""
    return frozenset(keyring.current(purpose).id for purpose in SUBJECT_PURPOSES)


def list_lacking(requests: Iterable[DeletionRequest], key_ids: frozenset[str]) -> tuple[DeletionRequest, ...]:
    """The requests that were filed before one of these keys was made."""
    return tuple(request for request in requests if not key_ids.issubset((request.known_keys or "").split()))


def open_watch(
    subjects: Mapping[str, Subject], member_links: pl.DataFrame, keyring: Keyring, planned: Collection[str] = ()
) -> Watch:
    """Look for the members of some requests, by request id, and for every device that a link joins to them.

    member_links: columns user_pseudonym and device_pseudonym of identity_links, for the purpose membership. planned:
    requests whose devices are not looked for any more: their tombstones are up, and what is newer is the next owner's.
    """
    rows = [
        (request_id, "user", value)
        for request_id, subject in subjects.items()
        for value in subject.users.get("membership", ())
    ]
    members = pl.DataFrame(rows, schema=KNOWN_SCHEMA, orient="row")
    owners = members.filter(~pl.col("request_id").is_in(list(planned)))
    devices = owners.join(member_links, left_on="known", right_on="user_pseudonym").select(
        "request_id", kind=pl.lit("device"), known="device_pseudonym"
    )
    keys = tuple(keyring.current(purpose) for purpose in SUBJECT_PURPOSES if purpose != "membership")
    return Watch(pl.concat([members, devices]).unique(), keys, frozenset(subjects))


def sight(rows: pl.DataFrame, watch: Watch, keyring: Keyring) -> pl.DataFrame:
    """Who of the watched is in raw rows, under each of the watch's keys (SIGHTING_SCHEMA); each once."""
    if not watch.people.height:
        return NOTHING_SEEN
    seen = [_sight_kind(rows, watch, kind, keyring) for kind, column in ID_COLUMNS.items() if column in rows.columns]
    return pl.concat([NOTHING_SEEN, *seen])


def _sight_kind(rows: pl.DataFrame, watch: Watch, kind: str, keyring: Keyring) -> pl.DataFrame:
    identifier, member_key = pl.col(ID_COLUMNS[kind]), keyring.current("membership")
    present = rows.select(identifier.drop_nulls().unique())
    known = present.with_columns(known=pseudonymise(identifier, kind, member_key))
    found = known.join(watch.people.filter(kind=kind), on="known")
    return pl.concat(
        [
            NOTHING_SEEN,
            *(
                found.select(
                    "request_id",
                    "kind",
                    "known",
                    purpose=pl.lit(key.purpose),
                    pseudonym=pseudonymise(identifier, kind, key),
                )
                for key in watch.keys
            ),
        ]
    )


def add_sightings(request: DeletionRequest, sightings: pl.DataFrame, keyring: Keyring) -> bytes | None:
    """The sealed extension of a request with what was sighted of it; None when nothing of it is new."""
    return extend_sealed(request.request_id, unseal_subject(request, keyring), sightings, keyring)


def unseal_open_right(right: OpenRight, keyring: Keyring) -> Subject:
    """The subject of a request for access or correction, with all that ingestion added to it."""
    subject = read_subject(unseal(keyring, right.sealed_subject))
    if right.sealed_extension is None:
        return subject
    return extend_subject(subject, read_subject(unseal(keyring, right.sealed_extension)))


def add_right_sightings(right: OpenRight, sightings: pl.DataFrame, keyring: Keyring) -> bytes | None:
    """As `add_sightings`, for a request for access or correction."""
    return extend_sealed(right.request_id, unseal_open_right(right, keyring), sightings, keyring)


def extend_sealed(name: str, subject: Subject, sightings: pl.DataFrame, keyring: Keyring) -> bytes | None:
    """A subject, sealed, with what was sighted of it under the name that it was watched for by; None when not new."""
    users: dict[str, tuple[bytes, ...]] = {}
    aliases: dict[bytes, dict[str, tuple[bytes, ...]]] = {}
    own = sightings.filter(request_id=name).sort(pl.all())
    for _, kind, known, purpose, pseudonym in own.iter_rows():
        sighted = {purpose: (pseudonym,)}
        if kind == "user":
            users = unite_pseudonyms(users, sighted)
        else:
            aliases[known] = unite_pseudonyms(aliases.get(known, {}), sighted)
    extended = extend_subject(subject, Subject(users, aliases=aliases))
    if extended == subject:
        return None
    return seal_subject(Subject(extended.users, aliases=extended.aliases), keyring)
