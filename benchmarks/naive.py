"""The plain way, as Matomo's importer goes it: line by line in Python, and every line's user agent parsed.

It is the naive reader of tests/oracle, which makes the same rows as the pipeline but stores none.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from pipelines.settings import REPOSITORY
from tests.oracle.contract import read_contract
from tests.oracle.lines import RejectedLineError, read_lines
from tests.oracle.page_views import Rules, build_row
from tests.oracle.pseudonyms import Keys
from tests.oracle.reader import read_line

SECRET = "1a" * 32
DAYS = 5


def main() -> None:
    """Read the first lines of a file, given as path and number."""
    path, count = Path(sys.argv[1]), int(sys.argv[2])
    contract = read_contract(REPOSITORY / "data_contracts" / "sources" / "access.odcs.yaml")
    now = datetime.now(UTC)
    days = {f"visitor-{now - timedelta(days=age):%Y%m%d}": SECRET for age in range(-1, DAYS)}
    rules = Rules(contract, Keys({"usage": ("usage-1", SECRET)}, days), ZoneInfo("Asia/Tokyo"))
    kind = contract.find_kind(path.name)
    for _, raw in islice(read_lines(path), count):
        try:
            line = read_line(raw, kind, contract)
        except RejectedLineError:
            continue
        build_row(line, rules)
        rules.robots.parse(str(line["user_agent"] or ""))


if __name__ == "__main__":
    main()
