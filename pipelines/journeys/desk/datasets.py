"""Every dataset with what its contract promises, and when it was last proved that no deleted member is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from pipelines.contracts.model import LAYERS, Contract, Layer
from pipelines.control.desk import list_audits, list_proved_plans
from pipelines.control.holds import list_holds, protecting_holds
from pipelines.journeys.house import House

STORED: tuple[Layer, ...] = ("lake", "marts")


@dataclass(frozen=True, slots=True)
class DatasetView:
    """One dataset. retention_days: 0 for as long as what it is made of. proved_at: None while nothing was proved.

    held_until: the last day of the hold that protects it.
    """

    layer: str
    name: str
    version: str
    purpose: str
    form: str
    policy_clause: str
    strategy: str
    strategy_reason: str | None
    retention_days: int
    held_until: date | None
    proved_at: datetime | None


def list_datasets(house: House) -> dict[str, tuple[DatasetView, ...]]:
    """Datasets by layer, in the order of their way through the house."""
    held = protecting_holds(list_holds(house.ledger), house.now().date())
    until = {name: hold.ends_on for name, hold in held.items()}
    proved = find_proofs(house)
    return {
        layer: tuple(
            _describe(contract, until.get(contract.name) if layer == "lake" else None, proved.get(contract.name))
            for contract in house.catalogue.contracts
            if contract.layer == layer
        )
        for layer in LAYERS
    }


def find_proofs(house: House) -> dict[str, datetime]:
    """When each stored dataset was last scanned and found clean: by an audit of everything, or for a certificate.

    A certificate says nothing of a dataset that a hold kept out of its scan.
    """
    proved: dict[str, datetime] = {}
    for proved_at, document in list_proved_plans(house.ledger):
        clean = (dataset["table"] for dataset in document["datasets"] if dataset["strategy"] != "held")
        proved |= {table: proved_at for table in clean if table not in proved}
    audited = next((audit.finished_at for audit in list_audits(house.ledger) if audit.is_clean), None)
    if audited is not None:
        stored = (contract.name for layer in STORED for contract in house.catalogue.layer(layer))
        proved |= {table: max(audited, proved.get(table, audited)) for table in stored}
    return {table: at.astimezone(house.settings.zone) for table, at in proved.items()}


def _describe(contract: Contract, held_until: date | None, proved_at: datetime | None) -> DatasetView:
    return DatasetView(
        layer=contract.layer,
        name=contract.name,
        version=contract.version,
        purpose=contract.purpose,
        form=contract.form,
        policy_clause=contract.policy_clause,
        strategy=contract.deletion_strategy,
        strategy_reason=contract.deletion_reason,
        retention_days=contract.retention_days,
        held_until=held_until,
        proved_at=proved_at if contract.layer in STORED else None,
    )
