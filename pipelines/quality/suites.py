"""`python -m pipelines.quality.suites`: the Great Expectations suites of lake and marts, as files to read and review.

Each is what the gate runs. With --check nothing is written, and the exit code is 1 when a file is not that.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipelines.contracts.model import Catalogue, load_catalogue
from pipelines.errors import TokumeiError
from pipelines.quality.gate import suite_document
from pipelines.settings import load_settings

COMMAND = "python -m pipelines.quality.suites"
CHECK = "--check"


def suites_directory(contracts: Path) -> Path:
    """Where the suites of a directory of contracts are kept."""
    return contracts / "generated" / "suites"


def render_suites(catalogue: Catalogue) -> dict[str, str]:
    """File name and text of each table's suite."""
    contracts = (*catalogue.layer("lake"), *catalogue.layer("marts"))
    return {f"{contract.layer}_{contract.name}.json": _render(suite_document(contract)) for contract in contracts}


def _render(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def find_stale(directory: Path, suites: dict[str, str]) -> tuple[str, ...]:
    """Names of the files that are missing, are of no contract, or are not what the contract says now."""
    found = {path.name: path.read_text() for path in directory.glob("*.json")}
    return tuple(sorted(name for name in found.keys() | suites.keys() if found.get(name) != suites.get(name)))


def write_suites(directory: Path, suites: dict[str, str]) -> tuple[str, ...]:
    """Write what is stale, remove what is of no contract, and name both."""
    stale = find_stale(directory, suites)
    directory.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in suites:
            (directory / name).write_text(suites[name])
        else:
            (directory / name).unlink()
    return stale


def main(arguments: list[str]) -> int:
    """0 when the suites were written, or with --check when every file is what the gate runs."""
    if unknown := [argument for argument in arguments if argument != CHECK]:
        return _fail(f"{unknown[0]} is no option of this command, {CHECK} is the only one")
    directory = load_settings().contracts
    try:
        suites = render_suites(load_catalogue(directory))
    except TokumeiError as error:
        return _fail(str(error))
    if CHECK not in arguments:
        written = write_suites(suites_directory(directory), suites)
        sys.stdout.writelines(f"{name}\n" for name in written)
        return 0
    stale = find_stale(suites_directory(directory), suites)
    sys.stdout.writelines(f"generated/suites/{name} is not what the gate runs; run `{COMMAND}`\n" for name in stale)
    return 1 if stale else 0


def _fail(message: str) -> int:
    sys.stderr.write(f"tokumei: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
