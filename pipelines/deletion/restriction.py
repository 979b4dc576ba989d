"""A member whose data may not be used: the identifier becomes pseudonyms under every live key, and is not kept."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import polars as pl

from anonymization.keyring import Keyring, unseal
from pipelines.control.restrictions import REQUEST, Restriction
from pipelines.control.rights import RightsRequest
from pipelines.deletion.extension import extend_sealed, read_key_ids
from pipelines.deletion.request import Subject, identify_subjects, name_keys, read_subject, seal_subject
from pipelines.deletion.rights import unseal_detail, unseal_right


def new_restrictions(  # noqa: PLR0913 - a restriction has these facts
    keyring: Keyring,
    user_ids: Sequence[str],
    *,
    ground: str,
    restricted_at: datetime,
    restricted_by: str,
    reason: str | None = None,
) -> list[Restriction]:
    """A restriction of each member, to enter in the ledger."""
    return [
        Restriction(
            restriction_id=str(uuid.uuid4()),
            user_pseudonym=subject.users["membership"][-1],
            ground=ground,
            sealed_subject=seal_subject(subject, keyring),
            known_keys=name_keys(keyring),
            restricted_at=restricted_at,
            restricted_by=restricted_by,
            reason=reason,
        )
        for subject in identify_subjects(user_ids, keyring)
    ]


def restriction_of(request: RightsRequest, keyring: Keyring, *, restricted_at: datetime) -> Restriction:
    """The restriction that a request asks for, of the member alone: links tell which devices go with them."""
    subject = Subject(users=unseal_right(request, keyring).users)
    return Restriction(
        restriction_id=request.request_id,
        user_pseudonym=subject.users["membership"][-1],
        ground=REQUEST,
        sealed_subject=seal_subject(subject, keyring),
        known_keys=request.known_keys,
        restricted_at=restricted_at,
        restricted_by=request.requested_by,
        reason=unseal_detail(request, keyring).get("reason"),
    )


def unseal_restricted(restriction: Restriction, keyring: Keyring) -> Subject:
    """The member as the lake knows them, with all that ingestion added."""
    return read_subject(unseal(keyring, restriction.sealed_subject))


def list_unaware(restrictions: Sequence[Restriction], key_ids: frozenset[str]) -> tuple[Restriction, ...]:
    """The restrictions that do not know their member under one of these keys."""
    return tuple(each for each in restrictions if not key_ids.issubset(each.known_keys.split()))


def learn_sightings(restriction: Restriction, sightings: pl.DataFrame, keyring: Keyring) -> Restriction:
    """A restriction that knows its member, who was sighted, under the keys of now as well."""
    subject = unseal_restricted(restriction, keyring)
    sealed = extend_sealed(restriction.restriction_id, subject, sightings, keyring)
    known = dict.fromkeys([*restriction.known_keys.split(), *sorted(read_key_ids(keyring))])
    return replace(restriction, sealed_subject=sealed or restriction.sealed_subject, known_keys=" ".join(known))
