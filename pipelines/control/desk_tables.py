"""The ledger's tables of the compliance desk: other rights than deletion, intake, recipients, notices, acts.

Addresses and identifiers are sealed under the keyring, or are not there.
"""

from __future__ import annotations

import sqlalchemy as sa

from pipelines.control.schema import Instant, Names, metadata

rights_requests = sa.Table(  # access, restriction, its end, correction
    "rights_requests",
    metadata,
    sa.Column("request_id", sa.String(36), primary_key=True),
    sa.Column("request_key", sa.String(128), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),  # access | restrict | unrestrict | correct
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("requested_by", sa.String(100), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(500)),
    sa.Column("sealed_subject", sa.LargeBinary),  # gone once the request is closed and nothing of it is stored
    sa.Column("sealed_detail", sa.LargeBinary),  # what is to be corrected
    sa.Column("known_keys", sa.Text, nullable=False),
    sa.Column("plan_digest", sa.String(64), index=True),
    sa.Column("due_on", sa.Date, nullable=False),
    sa.Column("completed_at", Instant),
    sa.Column("expires_on", sa.Date),  # the last day of what was exported
)

rights_sightings = sa.Table(  # of who asked before a key was made, under that key; no move of a request touches it
    "rights_sightings",
    metadata,
    sa.Column("request_id", sa.String(36), primary_key=True),
    sa.Column("sealed_extension", sa.LargeBinary, nullable=False),
)

external_accounts = sa.Table(  # by which a login provider's callback finds a member
    "external_accounts",
    metadata,
    sa.Column("provider", sa.String(16), primary_key=True),  # facebook
    sa.Column("external_pseudonym", sa.LargeBinary(16), primary_key=True),
    sa.Column("user_pseudonym", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("sealed_subject", sa.LargeBinary, nullable=False),
    sa.Column("known_keys", sa.Text, nullable=False),
    sa.Column("linked_at", Instant, nullable=False),
)

intake_nonces = sa.Table(  # of signed requests, for as long as their timestamps are accepted
    "intake_nonces",
    metadata,
    sa.Column("client_id", sa.String(64), primary_key=True),
    sa.Column("nonce", sa.String(128), primary_key=True),
    sa.Column("seen_at", Instant, nullable=False, index=True),
)

intake_receipts = sa.Table(  # what was answered under an idempotency key
    "intake_receipts",
    metadata,
    sa.Column("client_id", sa.String(64), primary_key=True),
    sa.Column("idempotency_key", sa.String(128), primary_key=True),
    sa.Column("content_mark", sa.String(64), nullable=False),  # keyed, so that nobody can try out identifiers
    sa.Column("request_id", sa.String(36), nullable=False),
    sa.Column("received_at", Instant, nullable=False),
)

status_codes = sa.Table(
    "status_codes",
    metadata,
    sa.Column("code_digest", sa.String(64), primary_key=True),
    sa.Column("request_id", sa.String(36), nullable=False, index=True),
    sa.Column("issued_at", Instant, nullable=False),
)

recipients = sa.Table(
    "recipients",
    metadata,
    sa.Column("recipient_id", sa.String(64), primary_key=True),  # a short name, as contractors and teams have
    sa.Column("kind", sa.String(16), nullable=False),  # contractor | analyst | public
    sa.Column("purpose", sa.String(500), nullable=False),
    sa.Column("endpoint", sa.String(500)),  # where notices go; none where nobody need be told
    sa.Column("registered_at", Instant, nullable=False),
    sa.Column("registered_by", sa.String(100), nullable=False),
    sa.Column("closed_at", Instant),
)

exports = sa.Table(
    "exports",
    metadata,
    sa.Column("export_id", sa.String(36), primary_key=True),
    sa.Column("recipient_id", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),  # release | extract | hand_over
    sa.Column("purpose", sa.String(500), nullable=False),
    sa.Column("layer", sa.String(16), nullable=False),
    sa.Column("dataset", sa.String(64), nullable=False),
    sa.Column("fields", Names, nullable=False),
    sa.Column("first_date", sa.Date, nullable=False),  # of the events in it
    sa.Column("last_date", sa.Date, nullable=False),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("content_digest", sa.String(64), nullable=False),
    sa.Column("exported_at", Instant, nullable=False),
    sa.Column("exported_by", sa.String(100), nullable=False),
)

outbox = sa.Table(  # messages that are not settled; the only place of a contact address
    "outbox",
    metadata,
    sa.Column("message_id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),  # user | recipient
    sa.Column("request_id", sa.String(36), nullable=False, index=True),
    sa.Column("export_id", sa.String(36)),
    sa.Column("recipient_id", sa.String(64)),
    sa.Column("channel", sa.String(16), nullable=False),  # sms | email | webhook
    sa.Column("template", sa.String(32)),  # null while there is nothing to say yet
    sa.Column("language", sa.String(8)),
    sa.Column("sealed_address", sa.LargeBinary, nullable=False),
    sa.Column("sealed_content", sa.LargeBinary),
    sa.Column("state", sa.String(16), nullable=False),  # waiting | pending | dead
    sa.Column("attempt_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_attempt_at", Instant, index=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("failure", sa.String(64)),  # its kind, never its text
)

notices = sa.Table(  # what became of messages; no address
    "notices",
    metadata,
    sa.Column("message_id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("request_id", sa.String(36), nullable=False, index=True),
    sa.Column("export_id", sa.String(36), index=True),
    sa.Column("recipient_id", sa.String(64)),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("template", sa.String(32), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("attempt_count", sa.Integer, nullable=False),
    sa.Column("told_at", Instant),  # null: nobody could be told
    sa.Column("confirmed_at", Instant),
)

desk_acts = sa.Table(  # who did what at the console, and who was refused
    "desk_acts",
    metadata,
    sa.Column("act_id", sa.Integer, primary_key=True),
    sa.Column("acted_at", Instant, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("act", sa.String(32), nullable=False),
    sa.Column("object_id", sa.String(64)),
    sa.Column("outcome", sa.String(16), nullable=False),  # done | refused | failed
    sa.Column("reason", sa.String(64)),
)
