"""What goes wrong, as RFC 9457 tells it: a kind and fixed words, never a value that anybody sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of problem; retry_seconds: when to try again, None when trying again is of no use."""

    name: str
    status: int
    title: str
    detail: str
    retry_seconds: int | None = None

    def record(self) -> dict[str, object]:
        return {
            "type": f"urn:tokumei:problem:{self.name}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }

    def respond(self) -> JSONResponse:
        """The response; the connection is closed where the body was not read to its end."""
        headers = {} if self.retry_seconds is None else {"Retry-After": str(self.retry_seconds)}
        if self.status in {408, 413}:
            headers["Connection"] = "close"
        return JSONResponse(self.record(), self.status, headers=headers, media_type=MEDIA_TYPE)


MALFORMED = Problem("malformed", 400, "Bad request", "The form has no field signed_request, or more than one.")
SIGNATURE = Problem("signature", 401, "Not signed", "The signature is missing or does not hold.")
TIMESTAMP = Problem("timestamp", 401, "Not in time", "The signed time is too far from now.")
NONCE = Problem("nonce", 401, "Sent before", "This signed request came before; sign it anew with another nonce.")
NOT_FOUND = Problem("not-found", 404, "Not found", "There is nothing here.")
METHOD = Problem("method", 405, "Method not allowed", "This place does not take requests of this method.")
SLOW = Problem("slow", 408, "Too slow", "The body did not arrive in time.")
KEY_REUSED = Problem("key-reused", 409, "Key used before", "This Idempotency-Key came with other content.")
TOO_LARGE = Problem("too-large", 413, "Too large", "The body is larger than this service takes.")
MEDIA = Problem("media-type", 415, "Unsupported media type", "The body is not of the media type that is taken here.")
INVALID = Problem("invalid", 422, "Not valid", "The body does not fit its schema, or cannot be filed as it is.")
TOO_MANY = Problem("too-many", 429, "Too many requests", "Try again later.", retry_seconds=30)
DEFECT = Problem("defect", 500, "Internal error", "The request could not be handled.")
UNAVAILABLE = Problem("unavailable", 503, "Not available", "Nothing was lost; try again later.", retry_seconds=30)

REFUSED_SIGNATURES: Mapping[str, Problem] = {"signature": SIGNATURE, "timestamp": TIMESTAMP, "payload": SIGNATURE}
BY_STATUS: Mapping[int, Problem] = {404: NOT_FOUND, 405: METHOD}
EVERYWHERE = (NOT_FOUND, SLOW, TOO_LARGE, TOO_MANY, UNAVAILABLE)
