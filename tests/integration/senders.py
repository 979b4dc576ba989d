"""Senders for tests: what an installation may plug in, good and bad, and a house whose clock is ahead."""

from dataclasses import dataclass, field, fields
from datetime import timedelta

from pipelines.errors import TokumeiError
from pipelines.journeys.house import House
from pipelines.notices.sender import Outgoing


@dataclass
class Sending:
    """Takes every message; confirms: what it answers."""

    confirms: object = None
    sent: list[Outgoing] = field(default_factory=list)

    def send(self, message):
        self.sent.append(message)
        return self.confirms


@dataclass
class Failing:
    """Fails each time in the way that it is given, and says what it should not."""

    failure: type[Exception]
    sent: list[Outgoing] = field(default_factory=list)

    def send(self, message):
        self.sent.append(message)
        described = f"could not reach {message.address}"
        is_ours = issubclass(self.failure, TokumeiError)
        raise self.failure(described, hint=described) if is_ours else self.failure(described)


def move_clock(house: House, ahead: timedelta) -> House:
    """The same house, later."""

    class LaterHouse(House):
        def now(self):
            return House.now(self) + ahead

    return LaterHouse(**{part.name: getattr(house, part.name) for part in fields(house)})
