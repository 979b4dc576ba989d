"""Whatever happens to whoever sends, and in whatever order: no message is lost, or sent by two at a time."""

import tempfile
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from anonymization.keyring import new_keyring
from pipelines.control.ledger import open_ledger
from pipelines.control.messages import Message
from pipelines.control.outbox import (
    LEASE,
    claim_due,
    keep_contact,
    list_notices,
    list_outbox,
    postpone,
    retry_message,
    settle,
    tell,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEYRING = new_keyring(NOON)
REQUESTS = [f"r-{number}" for number in range(4)]


class Outbox(RuleBasedStateMachine):
    """Two flushers who may die, and a clock that only goes on."""

    @initialize()
    def open(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.ledger = open_ledger(f"sqlite:///{self.directory.name}/control.db")
        self.now = NOON
        self.claims: dict[str, tuple[Message, datetime]] = {}
        self.sent: set[str] = set()
        self.said: set[str] = set()
        for request_id in REQUESTS:
            contact = {"channel": "sms", "address": "+819012345678", "language": "ja"}
            keep_contact(self.ledger, KEYRING, request_id=request_id, now=NOON, **contact)

    @rule(request_id=st.sampled_from(REQUESTS))
    def close(self, request_id: str) -> None:
        tell(self.ledger, request_id, "completed", self.now)
        self.said.add(request_id)

    @rule(minutes=st.sampled_from([1, 14, 15, 400]))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def claim(self) -> None:
        for message in claim_due(self.ledger, self.now):
            _, ends_at = self.claims.get(message.message_id, (None, self.now))
            assert ends_at <= self.now
            self.claims[message.message_id] = (message, self.now + LEASE)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), end=st.sampled_from(["told", "failed", "refused", "died after sending", "died"]))
    def finish(self, data: st.DataObject, end: str) -> None:
        message, ends_at = self.claims[data.draw(st.sampled_from(sorted(self.claims)))]
        if end in ("told", "died after sending"):
            self.sent.add(message.message_id)
        if end == "told":
            settle(self.ledger, message, told_at=self.now)
        if end in ("failed", "refused"):
            postpone(self.ledger, message, "DeliveryFailedError", self.now, for_good=end == "refused")
        if not end.startswith("died") or ends_at <= self.now:
            del self.claims[message.message_id]

    @rule()
    def retry(self) -> None:
        for message in list_outbox(self.ledger):
            if message.state == "dead":
                retry_message(self.ledger, message.message_id, self.now)

    @invariant()
    def nothing_is_lost_and_nothing_is_said_to_be_told_that_was_not_sent(self) -> None:
        open_messages = {message.request_id: message for message in list_outbox(self.ledger)}
        told = {notice.request_id: notice for notice in list_notices(self.ledger)}
        assert open_messages.keys() | told.keys() == set(REQUESTS)
        assert not open_messages.keys() & told.keys()
        assert {notice.message_id for notice in told.values()} <= self.sent
        assert {request_id for request_id, each in open_messages.items() if each.state != "waiting"} | told.keys() == (
            self.said
        )

    def teardown(self) -> None:
        self.ledger.dispose()
        self.directory.cleanup()


TestOutbox = Outbox.TestCase
TestOutbox.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
