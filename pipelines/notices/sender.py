"""What carries one message to its address: the SMS gateway, a mail server, a recipient's endpoint, or a plug-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way, under an id that stays the same however often it is sent; no representation shows whom.

    text is for people. content, where there is any, is for a program, such as the signed notice of a deletion.
    """

    message_id: str
    channel: str
    address: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    content: bytes | None = field(default=None, repr=False)


class Sender(Protocol):
    """Sends within a time limit of its own, so that nothing waits for an endpoint that hangs."""

    def send(self, message: Outgoing) -> bool | None:
        """Whether the recipient confirmed the very message; None or False when it only arrived.

        DeliveryFailedError when it may be tried again, DeliveryRefusedError when that is no use.
        """
