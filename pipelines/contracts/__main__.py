"""`python -m pipelines.contracts`: load every contract, or print each violation and exit 1."""

from __future__ import annotations

import sys

from pipelines.contracts.lint import check_document
from pipelines.contracts.model import load_catalogue, read_document
from pipelines.settings import load_settings


def main() -> int:
    """0 when every contract holds."""
    directory = load_settings().contracts
    paths = sorted(directory.glob("*/*.odcs.yaml"))
    violations = [violation for path in paths for violation in check_document(read_document(path), path)]
    sys.stdout.writelines(f"{violation}\n" for violation in violations)
    if violations:
        return 1
    sys.stdout.write(f"{len(load_catalogue(directory).contracts)} contracts hold\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
