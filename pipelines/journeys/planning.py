"""What a deletion plan is made of: identities closed over the links, holds, account facts, and the guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.control.requests import DeletionRequest, get_plan, list_requests
from pipelines.control.subjects import count_members, find_members_with_facts
from pipelines.deletion.closure import LINK_COLUMNS, Closure, close_identities, gather_links
from pipelines.deletion.guard import find_accepted_share, guard_plan
from pipelines.deletion.known_devices import recall_devices
from pipelines.deletion.plan import Document, make_plan
from pipelines.deletion.request import Subject, unseal_subject
from pipelines.journeys.decide import find_holds
from pipelines.journeys.house import House
from pipelines.lake.layout import read_files

# Their rows go for certain: a device that only they used beside a subject is nobody else's any more.
LEAVING_STATES = ("running", "verifying", "held")


def close_requests(house: House, requests: Sequence[DeletionRequest]) -> dict[str, Closure]:
    """The closed identities of requests that are planned together, by request id."""
    subjects = {request.request_id: unseal_subject(request, house.keyring) for request in requests}
    others = (request for request in list_requests(house.ledger, LEAVING_STATES) if request.request_id not in subjects)
    leaving = [unseal_subject(request, house.keyring) for request in others]
    contract = house.catalogue.get("lake", "identity_links")
    links = gather_links(lambda: read_files(house.lake, contract, LINK_COLUMNS), [*subjects.values(), *leaving])
    closures = close_identities(subjects, links, leaving)
    return recall_devices(closures, subjects, lambda: read_files(house.lake, contract, LINK_COLUMNS))


def draw_plan(house: House, closures: Mapping[str, Closure]) -> Document:
    """The plan as what is stored now makes it, under the holds of today."""
    subjects = {request_id: closure.subject for request_id, closure in closures.items()}
    return make_plan(house.lake, house.catalogue, closures, find_holds(house), count_facts(house, subjects))


def count_facts(house: House, subjects: Mapping[str, Subject]) -> dict[str, int]:
    """How many rows of account facts each request is about."""
    members = {request_id: subject.users.get("membership", ()) for request_id, subject in subjects.items()}
    stored = find_members_with_facts(house.ledger, [value for values in members.values() for value in values])
    return {request_id: len(stored.intersection(values)) for request_id, values in members.items()}


def guard_members(
    house: House, document: Document, closures: Mapping[str, Closure], accepted: float | None
) -> Document:
    """The plan as the guard lets it pass; PlanTooLargeError when it takes more than is allowed and accepted."""
    people = {frozenset(closure.subject.users.get("membership", ())) for closure in closures.values()}
    return guard_plan(
        document,
        leaving_count=len(people),
        member_count=count_members(house.ledger),
        limit=house.settings.guard_share,
        accepted=accepted,
    )


def find_accepted(house: House, requests: Sequence[DeletionRequest]) -> float | None:
    """What was accepted for a plan of exactly these requests that nobody approved yet, and that is only made anew."""
    digests = {request.plan_digest for request in requests}
    digest = digests.pop() if len(digests) == 1 else None
    if digest is None:
        return None
    document = get_plan(house.ledger, digest).document
    planned = {request["request_id"] for request in document["requests"]}
    return find_accepted_share(document) if planned == {request.request_id for request in requests} else None
