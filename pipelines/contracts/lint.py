"""Refuses contracts that the ODCS v3.1.0 JSON schema or the house policy refuses; names file, field and rule."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError, best_match

from pipelines.contracts.policy import Finding, check_policy
from pipelines.contracts.treatments import TREATMENTS
from pipelines.errors import ContractInvalidError, UntreatedColumnError

SUBSCHEMAS = ("allOf", "anyOf", "oneOf")
CONDITIONS = ("if", "then", "else")


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule of one contract."""

    file: str
    field: str
    rule: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.rule}"

    def as_error(self) -> ContractInvalidError:
        """The error that loading this contract raises."""
        kind = UntreatedColumnError if "treatment" in self.rule else ContractInvalidError
        return kind(str(self), hint="correct the contract; `tokumei doctor` lists every violation")


def check_document(document: Any, path: Path) -> tuple[Violation, ...]:  # noqa: ANN401 - anything may be in the file
    """Every violation of one parsed contract: the schema's, or if there is none the policy's."""
    layer, file = path.parent.name, f"{path.parent.name}/{path.name}"
    if layer not in TREATMENTS:
        return (Violation(file, "(path)", f"lies in none of {', '.join(TREATMENTS)}"),)
    found = tuple(_check_schema(document)) or check_policy(document, path.name.removesuffix(".odcs.yaml"), layer)
    return tuple(Violation(file, field, rule) for field, rule in dict.fromkeys(found))


@cache
def _schema() -> dict[str, Any]:
    text = importlib.resources.files("open_data_contract_standard").joinpath("schema.json").read_text()
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def _validator() -> jsonschema.Draft201909Validator:
    return jsonschema.Draft201909Validator(_schema())


def _check_schema(document: object) -> Iterator[Finding]:
    errors = [best_match([error]) for error in _validator().iter_errors(document)]
    found = [(error, _explain(error)) for error in errors if error is not None]
    # Where one key is wrong, the schema also calls its right neighbours unevaluated.
    clear = [(error, rules) for error, rules in found if rules] or [(error, [_explain_kind(error)]) for error in errors]
    for error, rules in clear:
        for rule in rules:
            yield _name_place(document, error.absolute_path), rule


def _explain(error: ValidationError) -> list[str]:
    match error.validator:
        case "additionalProperties" | "unevaluatedProperties":
            unknown = error.instance.keys() - _declared_keys(error.schema)
            return [f"{key} is not a key of ODCS v3.1.0" for key in unknown]
        case "required":
            return [f"ODCS schema: lacks {key}" for key in error.validator_value if key not in error.instance]
        case "oneOf":
            choices = [name for branch in error.validator_value for name in branch.get("required", ())]
            return [f"ODCS schema: needs exactly one of {', '.join(choices)}"]
        case _:
            return [f"ODCS schema: breaks {error.validator} {_brief(error.validator_value)}"]


def _brief(value: object) -> str:
    return str(value)[:120] if isinstance(value, (str, int, list)) else ""
