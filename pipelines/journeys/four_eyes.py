"""Four eyes: nobody approves what they asked for themselves, whichever way the approval comes."""

from __future__ import annotations

from pipelines.control.requesters import list_requesters
from pipelines.errors import SameEyesError
from pipelines.journeys.house import House


def require_four_eyes(house: House, digest: str, *, approver: str) -> None:
    """SameEyesError when the setting is on, and the approver filed any request, of whatever right, in this plan."""
    if not house.settings.four_eyes:
        return
    if _fold(approver) in {_fold(name) for name in list_requesters(house.ledger, digest)}:
        raise SameEyesError(
            f"plan {digest[:12]} holds a request of whoever approves it",
            hint="have another officer approve the next plan: TOKUMEI_FOUR_EYES is set",
        )


def _fold(name: str) -> str:
    return name.strip().casefold()
