"""`python -m pipelines.contracts`: every violation of every contract, one a line; exit 1 when there is any."""

from __future__ import annotations

import sys

from pipelines.contracts.model import check_contracts, load_catalogue
from pipelines.settings import load_settings


def main() -> int:
    """0 when every contract holds."""
    directory = load_settings().contracts
    violations = check_contracts(directory)
    sys.stdout.writelines(f"{violation}\n" for violation in violations)
    if violations:
        return 1
    sys.stdout.write(f"{len(load_catalogue(directory).contracts)} contracts hold\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
