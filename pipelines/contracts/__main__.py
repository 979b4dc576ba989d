"""`python -m pipelines.contracts`: every violation of every contract, one a line; exit 1 when there is any.

Contracts that protect less than data_contracts/generated/privacy.json says are violations, unless their major version
is a later one. With --record that file is written anew, which says what changed in whoever's review it is read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipelines.contracts.baseline import baseline_path, check_baseline, record_baseline
from pipelines.contracts.lint import Violation
from pipelines.contracts.model import check_contracts, load_catalogue
from pipelines.errors import TokumeiError
from pipelines.settings import load_settings

RECORD = "--record"


def main(arguments: list[str]) -> int:
    """0 when every contract holds and protects what it did."""
    if unknown := [argument for argument in arguments if argument != RECORD]:
        return _fail(f"{unknown[0]} is no option of this command, {RECORD} is the only one")
    directory = load_settings().contracts
    try:
        violations = check_contracts(directory) or _hold_to_baseline(directory, record=RECORD in arguments)
    except TokumeiError as error:
        return _fail(str(error))
    sys.stdout.writelines(f"{violation}\n" for violation in violations)
    if violations:
        return 1
    sys.stdout.write(f"{len(load_catalogue(directory).contracts)} contracts hold\n")
    return 0


def _hold_to_baseline(directory: Path, *, record: bool) -> tuple[Violation, ...]:
    catalogue = load_catalogue(directory)
    if not record:
        return check_baseline(catalogue, directory)
    weakened = record_baseline(catalogue, directory)
    if not weakened:
        sys.stdout.write(f"recorded in {baseline_path(directory).name}\n")
    return weakened


def _fail(message: str) -> int:
    sys.stderr.write(f"tokumei: {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
