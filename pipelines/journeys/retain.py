"""What the contracts let us hold no longer: keys of past days, and rows, which are then gone from the disk too."""

from __future__ import annotations

from pipelines.contracts.derive import retention_limits
from pipelines.journeys.house import House
from pipelines.journeys.keys import destroy_overdue
from pipelines.lake.expire import Expiry, expire_rows
from pipelines.lake.purge import purge_table
from pipelines.telemetry import record_step


def retain(house: House) -> tuple[Expiry, ...]:
    """Apply every lake contract's retention as of today; marts keep the figures that were counted while rows lived."""
    with record_step("retain", "keys") as step:
        step.count(keys=len(destroy_overdue(house)))
    limits = retention_limits(house.catalogue, house.now().date())
    expiries = []
    for table, oldest in limits.items():
        contract = house.catalogue.get("lake", table)
        with record_step("retain", table) as step:
            expiry = expire_rows(house.lake, contract, oldest)
            if expiry.file_count:
                purge_table(house.lake, contract)
            step.count(files=expiry.file_count, rows=expiry.row_count)
        expiries.append(expiry)
    return tuple(expiries)
