"""Which requests are a member's: their id becomes pseudonyms at once, is compared, and is kept nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator

from anonymization.keyring import unseal
from pipelines.control.desk import find_tombstoned, get_sealed_detail, list_sealed_rights
from pipelines.control.requests import list_requests
from pipelines.deletion.request import Subject, identify_subject, read_subject, unseal_subject
from pipelines.journeys.desk.requests import RequestLine, list_lines
from pipelines.journeys.house import House
from pipelines.journeys.keys import renew_keyring


def find_requests(house: House, user_id: str) -> tuple[RequestLine, ...]:
    """A member's requests, by tombstones and by sealed subjects; ConfigurationError for an empty id.

    One is not found once nothing is kept of who filed it: it was refused, or it was a right that is done with.
    """
    house = renew_keyring(house)
    members = frozenset(identify_subject(user_id, house.keyring).users["membership"])
    found = {request_id for request_id, subject in _list_sealed(house) if _is_of(subject, members)}
    found |= find_tombstoned(house.ledger, sorted(members))
    return tuple(line for line in list_lines(house) if line.request_id in found)


def read_correction(house: House, request_id: str) -> dict[str, str]:
    """What a correction that is not closed is about: attribute, value and perhaps event_date; empty otherwise."""
    sealed = get_sealed_detail(house.ledger, request_id)
    return dict(json.loads(unseal(house.keyring, sealed))) if sealed else {}


def _list_sealed(house: House) -> Iterator[tuple[str, Subject]]:
    for request in list_requests(house.ledger):
        if request.sealed_subject is not None:
            yield request.request_id, unseal_subject(request, house.keyring)
    for request_id, sealed in list_sealed_rights(house.ledger).items():
        yield request_id, read_subject(unseal(house.keyring, sealed))


def _is_of(subject: Subject, members: frozenset[bytes]) -> bool:
    return not members.isdisjoint(subject.users.get("membership", ()))
