"""Short messages by way of a gateway that speaks HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from anonymization.keyring import Secret
from pipelines.errors import DeliveryRefusedError
from pipelines.notices.addresses import is_phone
from pipelines.notices.posting import post
from pipelines.notices.sender import Outgoing


@dataclass(frozen=True, slots=True)
class SmsGateway:
    """Posts {"id", "to", "text"} as JSON under a bearer token; the id makes a repetition harmless."""

    url: str = field(repr=False)
    token: Secret

    def send(self, message: Outgoing) -> None:
        """Hand one message over; DeliveryRefusedError without asking the gateway when no telephone number is given."""
        if not is_phone(message.address):
            raise DeliveryRefusedError(
                "the address of a message is no telephone number", hint="one in the form of E.164 is expected"
            )
        content = {"id": message.message_id, "to": message.address, "text": message.text}
        headers = {
            "Authorization": f"Bearer {self.token.reveal()}",
            "Content-Type": "application/json",
            "Idempotency-Key": message.message_id,
        }
        post(self.url, json.dumps(content, ensure_ascii=False).encode(), headers)
