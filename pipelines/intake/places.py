"""Each place of the service as its document describes it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from pipelines.intake.document import (
    CODE,
    DESCRIPTION,
    EXAMPLE_ACCEPTED,
    EXAMPLE_FILINGS,
    EXAMPLE_STANDING,
    Record,
    describe_answer,
    describe_body,
    describe_headers,
    describe_problems,
    list_schemas,
    refer,
)
from pipelines.intake.problems import (
    DEFECT,
    INVALID,
    KEY_REUSED,
    MALFORMED,
    MEDIA,
    NONCE,
    NOT_FOUND,
    SIGNATURE,
    SLOW,
    TIMESTAMP,
    TOO_LARGE,
    TOO_MANY,
    UNAVAILABLE,
)

FORM: Record = {
    "type": "object",
    "properties": {"signed_request": {"type": "string", "maxLength": 8192}},
    "required": ["signed_request"],
}
EXAMPLE_FORM: Record = {"signed_request": "c2lnbmF0dXJl.eyJ1c2VyX2lkIjoiMTIzIn0"}
COMMON = (SLOW, TOO_LARGE, TOO_MANY, DEFECT, UNAVAILABLE)
PAGE: Record = {"text/html": {"schema": {"type": "string"}}}

FILING_PLACE: Mapping[str, Any] = {
    "status_code": 202,
    "response_model": None,
    "summary": "File what a member asks for",
    "operation_id": "file_request",
    "responses": {
        202: describe_answer("Stored, and will be looked at.", "Accepted", EXAMPLE_ACCEPTED),
        **describe_problems((SIGNATURE, TIMESTAMP, NONCE, KEY_REUSED, MEDIA, INVALID, *COMMON)),
    },
    "openapi_extra": {
        "parameters": describe_headers(),
        "requestBody": describe_body("application/json", refer("Filing"), EXAMPLE_FILINGS),
    },
}
FACEBOOK_PLACE: Mapping[str, Any] = {
    "response_model": None,
    "summary": "Facebook's data deletion callback",
    "operation_id": "delete_facebook_data",
    "responses": {
        200: describe_answer(
            "Stored. The page at the URL tells where it stands, also when nothing is held of the user.",
            "Confirmed",
            {"url": EXAMPLE_ACCEPTED["status_url"], "confirmation_code": CODE},
        ),
        **describe_problems((MALFORMED, SIGNATURE, TIMESTAMP, MEDIA, *COMMON)),
    },
    "openapi_extra": {
        "requestBody": describe_body("application/x-www-form-urlencoded", FORM, {"callback": EXAMPLE_FORM})
    },
}


def _describe_status() -> dict[int | str, Record]:
    answers = {
        200: describe_answer("Where the request stands.", "Standing", EXAMPLE_STANDING),
        **describe_problems((NOT_FOUND, *COMMON)),
    }
    for status in (200, NOT_FOUND.status, UNAVAILABLE.status):
        answers[status]["content"] |= PAGE
    return answers


STATUS_PLACE: Mapping[str, Any] = {
    "response_model": None,
    "summary": "Where a request stands, as a page in English or Japanese, or as JSON by Accept",
    "operation_id": "show_status",
    "responses": _describe_status(),
    "openapi_extra": {
        "parameters": [
            {"name": "code", "in": "path", "required": True, "schema": {"type": "string"}, "example": CODE},
            {
                "name": "lang",
                "in": "query",
                "required": False,
                "schema": {"type": "string", "enum": ["en", "ja"]},
                "example": "ja",
            },
        ]
    },
}


def describe_application() -> Record:
    """What the document says of the service as a whole."""
    return {"title": "Tokumei intake", "version": version("tokumei"), "description": DESCRIPTION}


def add_schemas(application: FastAPI) -> None:
    """Complete the document once every place is there."""
    application.openapi()["components"] = {"schemas": list_schemas()}
