"""Other rights than deletion: how a request arrives, on which grounds it may be refused, and what its plan says."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from anonymization.keyring import Keyring, seal, unseal
from pipelines.contracts.model import Catalogue
from pipelines.control.rights import ACCESS, CORRECT, KINDS, RESTRICT, UNRESTRICT, RightsRequest
from pipelines.deletion.plan import Document, digest_plan
from pipelines.deletion.request import (
    REQUEST_NAMESPACE,
    Subject,
    identify_subject,
    name_keys,
    read_subject,
    seal_subject,
)
from pipelines.errors import ConfigurationError

# The reasons for which the policy lets a request be refused.
GROUND_TEXTS: Mapping[str, str] = {
    "harm": "it may harm the life, body, property or other rights of the person or of somebody else",
    "hindrance": "it may seriously hinder the proper conduct of the business",
    "unlawful": "it would violate another law",
    "unverified": "whoever asks cannot be verified to be the member",
}
GROUNDS = tuple(GROUND_TEXTS)
LONGEST_NOTE = 400
SUSPENDING = (RESTRICT, UNRESTRICT)  # carried out at once
APPROVED_KINDS = (ACCESS, CORRECT)  # which a named person approves first
STRATEGIES: Mapping[str, str] = {
    ACCESS: "export",
    CORRECT: "correct",
    RESTRICT: "restrict",
    UNRESTRICT: "restore",
}
LONGEST_DETAIL_BYTES = 4096


def new_right(  # noqa: PLR0913 - a request has these facts
    keyring: Keyring,
    kind: str,
    user_id: str,
    *,
    request_key: str,
    channel: str,
    requested_by: str,
    requested_at: datetime,
    due_on: date,
    detail: Mapping[str, str],
) -> RightsRequest:
    """A request to enter in the ledger; its id follows from its key, so that filing it twice is filing it once."""
    if kind not in KINDS:
        raise ConfigurationError("there is no right of that kind", hint=f"name one of {', '.join(KINDS)}")
    return RightsRequest(
        request_id=name_right(request_key),
        request_key=request_key,
        kind=kind,
        channel=channel,
        requested_at=requested_at,
        requested_by=requested_by,
        state="received",
        reason=None,
        sealed_subject=seal_subject(identify_subject(user_id, keyring), keyring),
        sealed_detail=_seal_detail(detail, keyring) if detail else None,
        known_keys=name_keys(keyring),
        plan_digest=None,
        due_on=due_on,
    )


def name_right(request_key: str) -> str:
    """The id of the request that is filed under a key."""
    return str(uuid.uuid5(REQUEST_NAMESPACE, request_key))


def _seal_detail(detail: Mapping[str, str], keyring: Keyring) -> bytes:
    content = json.dumps(dict(detail), sort_keys=True).encode()
    if len(content) > LONGEST_DETAIL_BYTES:
        raise ConfigurationError(
            f"the detail of a request may have {LONGEST_DETAIL_BYTES} bytes", hint="give an attribute and its value"
        )
    return seal(keyring, content)


def unseal_right(request: RightsRequest, keyring: Keyring) -> Subject:
    """The subject of a request; ConfigurationError once that is forgotten."""
    if request.sealed_subject is None:
        raise ConfigurationError(f"request {request.request_id} is closed", hint="see `tokumei rights status`")
    return read_subject(unseal(keyring, request.sealed_subject))


def unseal_detail(request: RightsRequest, keyring: Keyring) -> dict[str, str]:
    """What is to be corrected, or an officer's reason; empty where nothing was given."""
    if request.sealed_detail is None:
        return {}
    detail: dict[str, str] = json.loads(unseal(keyring, request.sealed_detail))
    return detail


def describe_refusal(ground: str, note: str) -> str:
    """A refusal as the ledger keeps it; ConfigurationError without one of the policy's grounds, or without a note."""
    if ground not in GROUND_TEXTS:
        raise ConfigurationError(
            "the policy knows no such ground of a refusal", hint=f"name one of {', '.join(GROUNDS)}"
        )
    if not 0 < len(note.strip()) <= LONGEST_NOTE:
        raise ConfigurationError(
            f"a refusal needs a note of at most {LONGEST_NOTE} characters",
            hint="say why the ground is given here, and name nobody: it is stored",
        )
    return f"{ground}: {note.strip()}"


def make_rights_plan(
    catalogue: Catalogue, requests: Sequence[RightsRequest], described: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Document:
    """The plan for several requests. It names tables and counts, no pseudonym, and no value that is to be stored.

    described: by request id what it is about, each with table, rows and, where they are known, purpose and retention.
    What is to be corrected is there as the digest of its sealed bytes, so that nothing else can take its place.
    """
    return {
        "requests": [_describe_request(request) for request in requests],
        "datasets": [
            _describe_dataset(catalogue, kind, table, requests, described)
            for kind in KINDS
            for table in _list_tables([described[each.request_id] for each in requests if each.kind == kind])
        ],
        "landing": [],
        "contracts": {f"{contract.layer}/{contract.name}": contract.version for contract in catalogue.contracts},
    }


def is_same_right(first: Document, second: Document) -> bool:
    """Whether two plans do the same for the same people under the same contracts, however many rows there are by now.

    Rows come and go while a plan waits: access shows what is there when it is carried out.
    """
    return digest_plan(_leave_out_rows(first)) == digest_plan(_leave_out_rows(second))


def _leave_out_rows(document: Document) -> Document:
    return {name: document[name] for name in ("requests", "contracts")}


def _describe_request(request: RightsRequest) -> dict[str, Any]:
    sealed = request.sealed_detail
    detail = hashlib.sha256(sealed).hexdigest() if sealed else None
    return {"request_id": request.request_id, "kind": request.kind, "detail": detail}


def _list_tables(described: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
    return list(dict.fromkeys(str(item["table"]) for items in described for item in items))


def _describe_dataset(
    catalogue: Catalogue,
    kind: str,
    table: str,
    requests: Sequence[RightsRequest],
    described: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, Any]:
    own = [request.request_id for request in requests if request.kind == kind]
    items = {name: item for name in own for item in described[name] if item["table"] == table}
    first = next(iter(items.values()))
    rows = {name: int(item["rows"]) for name, item in items.items()}
    is_lake = table in {contract.name for contract in catalogue.layer("lake")}
    return {
        "table": table,
        "layer": "lake" if is_lake else "control",
        "strategy": STRATEGIES[kind],
        "reason": first.get("purpose"),
        "retention": None if first.get("retention") is None else str(first["retention"]),
        "row_count": sum(rows.values()),
        "rows": {name: count for name, count in rows.items() if count},
        "files": [],
    }
