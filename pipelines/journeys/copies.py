"""Whether ledger, lake and certificates are of one time: a copy that was restored may bring back who was deleted."""

from __future__ import annotations

from datetime import timedelta

from pipelines.control.copies import Gap, find_unknown, list_accepted_gaps, list_marks, lost_tombstones
from pipelines.control.kept_subjects import forget_kept
from pipelines.control.requests import list_requests
from pipelines.control.subjects import RESTORE
from pipelines.errors import RestoredCopyError
from pipelines.journeys.house import House
from pipelines.lake.layout import open_batch

NOT_RUN = ("received", "waiting", "ready", "planned", "approved")


def require_in_step(house: House) -> None:
    """RestoredCopyError when the ledger does not know who left, or the lake is older than the ledger.

    Cheap: it opens the log of each table that the last deletions touched, and reads no row of it.
    """
    _require_newest_ledger(house)
    behind = sorted({table for table, _ in find_gaps(house)})
    if behind:
        raise RestoredCopyError(
            f"the lake is older than the ledger: {', '.join(behind)} hold no trace of deletions that were carried out",
            hint="whoever left since that copy may be back; run `tokumei delete reapply`, then plan, approve and run",
        )


def require_reapplied(house: House) -> None:
    """RestoredCopyError while somebody is stored again whose deletion was completed: no mart may count them."""
    waiting = [each for each in list_requests(house.ledger, NOT_RUN) if each.channel == RESTORE]
    if waiting:
        raise RestoredCopyError(
            f"{len(waiting)} members who were deleted are stored again, since a copy was restored",
            hint="their deletions are filed: run `tokumei delete plan`, have it approved, and run it",
        )


def find_gaps(house: House) -> tuple[Gap, ...]:
    """Each table that has no transaction of a plan that was carried out there, unless that is known."""
    known = list_accepted_gaps(house.ledger)
    contracts = {contract.name: contract for contract in house.catalogue.layer("lake")}
    return tuple(
        (mark.table, mark.digest)
        for mark in list_marks(house.ledger, contracts)
        if (mark.table, mark.digest) not in known
        if open_batch(house.lake, contracts[mark.table], mark.digest)[1] < mark.number
    )


def forget_overdue_subjects(house: House) -> int:
    """Forget who was deleted so long ago that no copy can hold them any more; returns how many requests' subjects."""
    return forget_kept(house.ledger, house.now() - timedelta(days=house.settings.longest_copy_days))


def _require_newest_ledger(house: House) -> None:
    certified = {path.stem for path in house.settings.certificates.glob("*.jws")}
    unknown = find_unknown(house.ledger, certified)
    if unknown:
        raise RestoredCopyError(
            f"the ledger is older than {len(unknown)} certificates, first that of request {unknown[0]}, and does not "
            "know who left",
            hint="restore its newest copy; what came since would be stored without the tombstones",
        )
    if lost_tombstones(house.ledger):
        raise RestoredCopyError(
            "deletions were completed, and the ledger holds no tombstone", hint="restore its newest copy"
        )
