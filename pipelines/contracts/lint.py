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

COMPOSITIONS = ("allOf", "anyOf", "oneOf")
CONDITIONS = ("if", "then", "else")
NAMING_KEYS = ("name", "property", "id")


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
    errors = [best_match([error]) or error for error in _validator().iter_errors(document)]
    # Beside one wrong key, the schema calls that key's right neighbours unevaluated too.
    clear = [error for error in errors if error.validator != "unevaluatedProperties" or _invented_keys(error)]
    for error in clear or errors:
        for rule in _explain(error):
            yield _name_place(document, error.absolute_path), rule


def _explain(error: ValidationError) -> list[str]:
    element, wanted = _element_of(error), error.validator_value
    match error.validator, wanted:
        case (("additionalProperties" | "unevaluatedProperties"), _) if invented := _invented_keys(error):
            return [f"{key} is not a key of ODCS v3.1.0" for key in invented]
        case "unevaluatedProperties", _ if misplaced := [key for key in element if repr(key) in error.message]:
            return [f"ODCS schema: {key} does not belong to an element of this type" for key in misplaced]
        case "required", list(keys) if missing := [key for key in keys if key not in element]:
            return [f"ODCS schema: lacks {key}" for key in missing]
        case "oneOf", list(branches) if choices := [key for branch in branches for key in branch.get("required", ())]:
            return [f"ODCS schema: needs exactly one of {', '.join(choices)}"]
        case _:
            return [f"ODCS schema: breaks {error.validator} {_brief(wanted)}"]


def _element_of(error: ValidationError) -> Mapping[str, Any]:
    return error.instance if isinstance(error.instance, Mapping) else {}


def _brief(value: object) -> str:
    return str(value)[:120] if isinstance(value, (str, int, list)) else ""


def _invented_keys(error: ValidationError) -> list[str]:
    return sorted(map(str, _element_of(error).keys() - _declared_keys(error.schema)))


def _declared_keys(schema: object) -> set[str]:
    """Every key that an element may hold in one case or another."""
    if not isinstance(schema, Mapping):
        return set()
    parts = [schema[key] for key in CONDITIONS if key in schema]
    parts += [part for key in COMPOSITIONS for part in schema.get(key, ())]
    if "$ref" in schema:
        parts.append(_schema()["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    return set(schema.get("properties", ())).union(*map(_declared_keys, parts))


def _name_place(document: Any, path: Iterable[str | int]) -> str:  # noqa: ANN401 - as check_document
    """A path of keys and positions, with the names of tables, columns, properties and rules for their positions."""
    steps = []
    for step in path:
        document = document[step]
        steps.append(_label(document, step))
    return "/".join(steps) or "(document)"


def _label(element: object, step: str | int) -> str:
    if isinstance(step, int) and isinstance(element, Mapping):
        step = next((element[key] for key in NAMING_KEYS if isinstance(element.get(key), str)), step)
    return str(step)
