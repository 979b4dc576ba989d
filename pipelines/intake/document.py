"""The OpenAPI document: what cannot be said by types is said here, each place with an example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from pipelines.intake.filing import Filing
from pipelines.intake.problems import MEDIA_TYPE, Problem
from pipelines.intake.signing import CLIENT, IDEMPOTENCY_KEY, NONCE, PATTERNS, SIGNATURE, TIMESTAMP

Record = dict[str, Any]

DESCRIPTION = """\
Takes requests of members about their data, and tells where each stands.

**Signing.** A client signs each request with the secret that `tokumei intake-client` printed for it:
`X-Tokumei-Signature: v1=` and the hexadecimal HMAC-SHA256, under the secret's text, of six lines joined by `\\n`: `v1`,
the method, the path, the timestamp, the nonce, and the hexadecimal SHA-256 of the body. Timestamps are seconds since
1970 and at most 300 seconds off. A nonce is used once: whoever sends a request again, because no answer came, signs it
anew under the same `Idempotency-Key`, and gets the same answer.

**Durable.** Whatever was answered with 202 or 200 is stored and survives a crash at any moment.

**Problems** are `application/problem+json` (RFC 9457) and never hold a value that was sent.
"""
CODE = "MFRGGZDFMZTWQ2LKMFRGGZDF"
EXAMPLE_HEADERS: Mapping[str, tuple[str, str]] = {
    CLIENT: ("X-Tokumei-Client", "service"),
    TIMESTAMP: ("X-Tokumei-Timestamp", "1795392000"),
    NONCE: ("X-Tokumei-Nonce", "5Jq2mGx0bTnYw9RkLh3v"),
    SIGNATURE: ("X-Tokumei-Signature", f"v1={'0' * 64}"),
    IDEMPOTENCY_KEY: ("Idempotency-Key", "9f0c2a34-4c1d-4f6e-9a52-1c2d3e4f5a6b"),
}
EXAMPLE_FILINGS: Mapping[str, Record] = {
    "deletion": {
        "kind": "deletion",
        "user_id": "u000123",
        "requested_at": "2026-11-23T09:00:00+09:00",
        "channel": "web",
        "facts": {"open_listings": 0, "open_trades": 0, "last_transaction_date": "2026-09-30"},
        "contact": {"channel": "sms", "address": "+81 90-0000-0000", "language": "ja"},
    },
    "correction": {
        "kind": "correct",
        "user_id": "u000123",
        "requested_at": "2026-11-23T09:00:00+09:00",
        "channel": "phone",
        "detail": {"attribute": "csat", "value": "4"},
        "contact": {"channel": "email", "address": "member@example.jp", "language": "en"},
    },
}
EXAMPLE_ACCEPTED = {
    "request_id": "0f8fad5b-d9cb-569f-a165-70867728950e",
    "confirmation_code": CODE,
    "status_url": f"https://privacy.example.jp/status/{CODE}",
}
EXAMPLE_STANDING = {
    "kind": "deletion",
    "state": "waiting",
    "reason": "A month must pass after your last transaction.",
    "asked_on": "2026-11-23",
    "due_on": "2026-12-23",
    "eligible_on": "2026-12-05",
}
TEXT: Record = {"type": "string"}
DAY: Record = {"type": ["string", "null"], "format": "date"}
CODE_SCHEMA: Record = {"type": "string", "pattern": "^[A-Z2-7]{24}$"}


def _object(**properties: Record) -> Record:
    """What may be null may be left out too, since the document leaves nulls out of its examples."""
    required = [name for name, schema in properties.items() if "null" not in schema["type"]]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


OWN_SCHEMAS: Mapping[str, Record] = {
    "Accepted": _object(request_id=TEXT, confirmation_code=CODE_SCHEMA, status_url={**TEXT, "format": "uri"}),
    "Confirmed": _object(url={**TEXT, "format": "uri"}, confirmation_code=CODE_SCHEMA),
    "Standing": _object(
        kind={**TEXT, "enum": ["deletion", "access", "restrict", "unrestrict", "correct"]},
        state={**TEXT, "enum": ["received", "waiting", "in_progress", "held", "completed", "refused"]},
        reason={"type": ["string", "null"]},
        asked_on={**TEXT, "format": "date"},
        due_on=DAY,
        eligible_on=DAY,
        completed_on=DAY,
    ),
    "Problem": _object(type={**TEXT, "format": "uri"}, title=TEXT, status={"type": "integer"}, detail=TEXT),
}


def list_schemas() -> Record:
    """Every schema that the document refers to."""
    _, defined = models_json_schema([(Filing, "validation")], ref_template="#/components/schemas/{model}")
    return {**defined["$defs"], **OWN_SCHEMAS}


def describe_body(media_type: str, schema: Record, examples: Mapping[str, Record]) -> Record:
    """A request body that must be there."""
    told = {name: {"value": example} for name, example in examples.items()}
    return {"required": True, "content": {media_type: {"schema": schema, "examples": told}}}


def describe_headers() -> list[Record]:
    """The headers of a signed request."""
    return [
        {
            "name": name,
            "in": "header",
            "required": True,
            "schema": {"type": "string", "pattern": PATTERNS[header]},
            "example": example,
        }
        for header, (name, example) in EXAMPLE_HEADERS.items()
    ]


def describe_answer(told: str, schema: str, example: Record, media_type: str = "application/json") -> Record:
    """A response of a schema."""
    return {"description": told, "content": {media_type: {"schema": refer(schema), "example": example}}}


def describe_problems(problems: Iterable[Problem]) -> dict[int | str, Record]:
    """The responses of problems by their status, each with an example of every kind."""
    found: dict[int | str, Record] = {}
    for problem in problems:
        media = {"schema": refer("Problem"), "examples": {}}
        response = found.setdefault(problem.status, {"description": problem.title, "content": {MEDIA_TYPE: media}})
        response["content"][MEDIA_TYPE]["examples"][problem.name] = {"value": problem.record()}
    return found


def refer(schema: str) -> Record:
    return {"$ref": f"#/components/schemas/{schema}"}
