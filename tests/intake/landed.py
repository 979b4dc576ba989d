"""Accounts files that arrive, and are taken in."""

import json
from itertools import count

from pipelines.journeys.house import House, open_house
from pipelines.journeys.ingest import find_files, ingest
from pipelines.settings import Settings

MEMBER, LINKED = "u000123", "10223344556677889"
NUMBERS = count()


def land_accounts(settings: Settings, *members: dict, day: str = "2026-11-20") -> House:
    """Take in a file in which these members are told of."""
    usual = {"as_of": day, "open_listings": 0, "open_trades": 0, "last_transaction_date": "2026-01-31", "consent": True}
    directory = settings.landing / "accounts"
    directory.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(usual | member) for member in members]
    (directory / f"accounts-{next(NUMBERS)}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    house = open_house(settings)
    delivered = ingest(house, find_files(house, ("accounts",)))
    assert [each.state for each in delivered] == ["committed"]
    return house
