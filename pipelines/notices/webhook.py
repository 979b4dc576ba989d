"""Signed notices to the endpoints of those who were given data, and whether they confirm."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pipelines.errors import DeliveryRefusedError
from pipelines.notices.addresses import is_endpoint
from pipelines.notices.posting import Answer, post
from pipelines.notices.sender import Outgoing

LONGEST_ANSWER = 16 * 1024


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts a message's content as application/jose to its address."""

    def send(self, message: Outgoing) -> bool:
        """Whether the endpoint answered 200 with {"confirmed": the message's id}; any other 2xx merely took it."""
        if not is_endpoint(message.address):
            raise DeliveryRefusedError(
                "the endpoint of a recipient is no https URL", hint="register the recipient with one"
            )
        if message.content is None:
            raise DeliveryRefusedError("a message for a recipient has no content", hint="register the export again")
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/jose",
            "Idempotency-Key": message.message_id,
        }
        answer = post(message.address, message.content, headers, wanted_bytes=LONGEST_ANSWER)
        return _read_confirmed(answer) == message.message_id


def _read_confirmed(answer: Answer) -> object:
    if answer.status != 200:
        return None
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return said.get("confirmed") if isinstance(said, dict) else None
