"""The recorded facts of privacy, against which every change of a contract is held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines.contracts.lint import Violation
from pipelines.contracts.model import Catalogue
from pipelines.contracts.privacy import describe_privacy, find_weakenings
from pipelines.errors import ContractInvalidError

DEEPEST = 4  # a column's facts stand on its line
RECORD = "`python -m pipelines.contracts --record`"


def baseline_path(contracts: Path) -> Path:
    """Where the baseline of a directory of contracts is kept."""
    return contracts / "generated" / "privacy.json"


def check_baseline(catalogue: Catalogue, contracts: Path) -> tuple[Violation, ...]:
    """What protects less than the baseline says; when nothing does, each contract that the baseline is behind."""
    recorded, current = _read(contracts), describe_privacy(catalogue)
    weakened = find_weakenings({**recorded["removed"], **recorded["contracts"]}, current)
    if weakened:
        return weakened
    differing = {name for name in current.keys() | recorded["contracts"].keys() if _differs(name, recorded, current)}
    return tuple(
        Violation(f"{name}.odcs.yaml", "generated/privacy.json", f"is not of this contract; run {RECORD}")
        for name in sorted(differing)
    )


def record_baseline(catalogue: Catalogue, contracts: Path) -> tuple[Violation, ...]:
    """Write the baseline anew; what protects less without a new major version is returned, and nothing is written.

    Contracts that are gone stay recorded, so that none comes back, under any name, with less.
    """
    path, current = baseline_path(contracts), describe_privacy(catalogue)
    recorded = _read(contracts) if path.exists() else {"contracts": {}, "removed": {}}
    known = {**recorded["removed"], **recorded["contracts"]}
    weakened = find_weakenings(known, current)
    if not weakened:
        removed = {name: facts for name, facts in known.items() if name not in current}
        path.parent.mkdir(exist_ok=True)
        path.write_text(_render({"contracts": current, "removed": removed}))
    return weakened


def _differs(name: str, recorded: dict[str, Any], current: dict[str, Any]) -> bool:
    # Through JSON, as what was recorded has been: 1 and 1.0, lists and tuples are then the same.
    return bool(recorded["contracts"].get(name) != json.loads(json.dumps(current.get(name))))


def _render(document: dict[str, Any]) -> str:
    return _lay_out(document, "\n") + "\n"


def _lay_out(value: Any, newline: str) -> str:  # noqa: ANN401 - whatever JSON holds
    """JSON with a line for each fact and for each column, so that a change of one is a change of one line."""
    if not (isinstance(value, dict) and value) or len(newline) > DEEPEST:
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    inner = newline + " "
    items = (f"{inner}{json.dumps(name)}: {_lay_out(item, inner)}" for name, item in sorted(value.items()))
    return "{" + ",".join(items) + newline + "}"


def _read(contracts: Path) -> dict[str, Any]:
    path = baseline_path(contracts)
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        raise ContractInvalidError("there is no generated/privacy.json", hint=f"run {RECORD}") from None
    except ValueError:
        raise ContractInvalidError("generated/privacy.json is not JSON", hint="restore it from its history") from None
    return {"contracts": document["contracts"], "removed": document["removed"]}
