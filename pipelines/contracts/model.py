"""What a data contract says, read from its ODCS v3.1.0 file; the one place that knows a column's type and treatment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from pipelines.contracts.crosscheck import check_catalogue
from pipelines.contracts.lint import Violation, check_document
from pipelines.contracts.policy import custom_properties
from pipelines.errors import ContractInvalidError

Layer = Literal["sources", "lake", "marts", "published"]
LAYERS: tuple[Layer, ...] = get_args(Layer)
TARGET_FILE_MEGABYTES = 32


@dataclass(frozen=True, slots=True)
class QualityRule:
    """One ODCS quality rule, of a column or of the whole table."""

    id: str
    kind: str
    metric: str | None
    query: str | None
    unit: str | None
    severity: str
    dimension: str
    arguments: Mapping[str, Any]
    minimum: float | None
    maximum: float | None
    description: str


@dataclass(frozen=True, slots=True)
class Share:
    """Which count of the same row a figure divides by, and what it would be if all of them were alike: 1, or 100."""

    count: str
    whole: int


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column: where it comes from, what is done to it, what it may hold."""

    name: str
    description: str
    physical_name: str
    physical_type: str
    required: bool
    classification: str
    treatment: Mapping[str, Any]
    origins: tuple[str, ...]
    limits: Mapping[str, Any]
    quality: tuple[QualityRule, ...]
    identifier_kind: str | None
    round_to: float | None
    share_of: Share | None
    is_correctable: bool = False

    @property
    def treatment_kind(self) -> str:
        return str(self.treatment["kind"])


@dataclass(frozen=True, slots=True)
class Cells:
    """What a mart's people are counted by: a cell of few is merged with others of the same period and `within`."""

    within: tuple[str, ...]
    dimensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contract:
    """One table or source: its columns, and the promises made for it."""

    layer: Layer
    name: str
    version: str
    purpose: str
    limitations: str
    grain: str
    columns: tuple[Column, ...]
    quality: tuple[QualityRule, ...]
    retention_days: int
    retention_column: str
    properties: Mapping[str, Any] = field(hash=False)

    @property
    def policy_clause(self) -> str:
        return str(self.properties["policyClause"])

    @property
    def form(self) -> str:
        return str(self.properties["form"])

    @property
    def deletion_strategy(self) -> str:
        return str(self.properties["deletionStrategy"])

    @property
    def deletion_reason(self) -> str | None:
        return self.properties.get("deletionReason")

    @property
    def subject_keys(self) -> tuple[str, ...]:
        return tuple(self.properties.get("subjectKeys", ()))

    @property
    def key_purpose(self) -> str:
        return str(self.properties["keyPurpose"])

    @property
    def partition_columns(self) -> tuple[str, ...]:
        return tuple(self.properties.get("partitionBy", ()))

    @property
    def target_file_bytes(self) -> int:
        """How large the files of a table should be that small ones are merged into."""
        return int(self.properties.get("targetFileMegabytes", TARGET_FILE_MEGABYTES)) << 20

    @property
    def minimum_people(self) -> int:
        return int(self.properties.get("minimumPeople", 0))

    @property
    def cells(self) -> Cells | None:
        """None for a mart that is not counted by any dimension of people."""
        found = self.properties.get("cells")
        return Cells(tuple(found["within"]), tuple(found["dimensions"])) if found else None

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every contract of the house, by layer and name."""

    contracts: tuple[Contract, ...]

    def layer(self, layer: Layer) -> tuple[Contract, ...]:
        return tuple(contract for contract in self.contracts if contract.layer == layer)

    def get(self, layer: Layer, name: str) -> Contract:
        for contract in self.contracts:
            if (contract.layer, contract.name) == (layer, name):
                return contract
        raise ContractInvalidError(f"no contract {layer}/{name}", hint=f"add data_contracts/{layer}/{name}.odcs.yaml")


@cache
def load_catalogue(directory: Path) -> Catalogue:
    """Read every contract below a directory; ContractInvalidError names file, field and rule of what does not hold."""
    contracts = tuple(load_contract(path) for path in _find_contracts(directory))
    violations = check_catalogue(contracts)
    if violations:
        raise violations[0].as_error()
    return Catalogue(contracts)


def check_contracts(directory: Path) -> tuple[Violation, ...]:
    """Every violation below a directory; those between contracts are looked for once each contract holds by itself."""
    documents = [(read_document(path), path) for path in _find_contracts(directory)]
    broken = tuple(violation for document, path in documents for violation in check_document(document, path))
    return broken or check_catalogue(build_contract(document, path) for document, path in documents)


def _find_contracts(directory: Path) -> list[Path]:
    paths = sorted(directory.glob("*/*.odcs.yaml"))
    if not paths:
        raise ContractInvalidError(f"no contracts in {directory}", hint="set TOKUMEI_CONTRACTS to data_contracts")
    return paths


def load_contract(path: Path) -> Contract:
    """Read one contract after checking it against the ODCS schema and the house policy."""
    document = read_document(path)
    violations = check_document(document, path)
    if violations:
        raise violations[0].as_error()
    return build_contract(document, path)


def read_document(path: Path) -> Any:  # noqa: ANN401 - any YAML may stand in the file until it is checked
    """Parse one YAML file; ContractInvalidError when it is not YAML."""
    try:
        return yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", 0) + 1
        raise ContractInvalidError(f"{path.name} line {line} is not YAML", hint="mend its syntax") from None


def build_contract(document: Mapping[str, Any], path: Path) -> Contract:
    """The frozen value of a document that was checked."""
    table = document["schema"][0]
    retention = next(item for item in document["slaProperties"] if item["property"] == "retention")
    return Contract(
        layer=_layer(path),
        name=document["name"],
        version=document["version"],
        purpose=document["description"]["purpose"],
        limitations=document["description"].get("limitations", ""),
        grain=table["dataGranularityDescription"],
        columns=tuple(_column(item) for item in table["properties"]),
        quality=tuple(_rule(item) for item in table.get("quality", ())),
        retention_days=int(retention["value"]),
        retention_column=retention["element"].split(".", 1)[1],
        properties=custom_properties(table),
    )


def _layer(path: Path) -> Layer:
    for layer in LAYERS:
        if path.parent.name == layer:
            return layer
    raise ContractInvalidError(
        f"{path.name} lies in an unknown layer", hint=f"move it below one of {', '.join(LAYERS)}"
    )


def _column(item: Mapping[str, Any]) -> Column:
    custom = custom_properties(item)
    return Column(
        name=item["name"],
        description=item["description"],
        physical_name=item.get("physicalName", item["name"]),
        physical_type=item["physicalType"],
        required=bool(item.get("required", False)),
        classification=item["classification"],
        treatment=custom["treatment"],
        origins=tuple(item.get("transformSourceObjects", ())),
        limits=item.get("logicalTypeOptions", {}),
        quality=tuple(_rule(rule) for rule in item.get("quality", ())),
        identifier_kind=custom.get("identifierKind"),
        round_to=custom.get("roundTo"),
        share_of=Share(**custom["shareOf"]) if "shareOf" in custom else None,
        is_correctable=bool(custom.get("correctable", False)),
    )


def _rule(item: Mapping[str, Any]) -> QualityRule:
    minimum, maximum = _bounds(item)
    return QualityRule(
        id=item["id"],
        kind=item["type"],
        metric=item.get("metric"),
        query=item.get("query"),
        unit=item.get("unit"),
        severity={"error": "critical"}.get(item.get("severity", "error"), item.get("severity", "critical")),
        dimension=item.get("dimension", ""),
        arguments=item.get("arguments", {}),
        minimum=minimum,
        maximum=maximum,
        description=item.get("description", ""),
    )


def _bounds(item: Mapping[str, Any]) -> tuple[float | None, float | None]:
    if "mustBe" in item:
        return item["mustBe"], item["mustBe"]
    if "mustBeBetween" in item:
        return tuple(item["mustBeBetween"])
    return item.get("mustBeGreaterOrEqualTo"), item.get("mustBeLessOrEqualTo")
