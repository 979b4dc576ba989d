"""A member who was deleted comes back: by hand, where the accounts source does not say when they consented anew."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from pipelines.control.subjects import MOMENT, open_epochs
from pipelines.deletion.request import identify_subject
from pipelines.errors import ConfigurationError
from pipelines.journeys.house import House


def readmit_member(house: House, user_id: str, consented_at: datetime) -> None:
    """Begin a new epoch of a member; ConfigurationError when they did not leave, or did not consent since they left."""
    members = identify_subject(user_id, house.keyring).users["membership"]
    given = {"user": members, "consented_at": [consented_at.astimezone(UTC)] * len(members)}
    consents = pl.DataFrame(given, schema={"user": pl.Binary(), "consented_at": MOMENT})
    if consented_at > house.now() or not open_epochs(house.ledger, consents):
        raise ConfigurationError(
            "no deletion of this member is completed that this consent is newer than",
            hint="see to the moment, its offset, and `tokumei delete status`",
        )
