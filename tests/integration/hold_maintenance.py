"""Holds the maintenance lock of the ledger in a home from when it says so until its stdin ends."""

import sys

from pipelines.control.ledger import open_ledger
from pipelines.control.maintenance import hold_maintenance

with hold_maintenance(open_ledger(f"sqlite:///{sys.argv[1]}/control.db"), wait_seconds=30):
    sys.stdout.write("held\n")
    sys.stdout.flush()
    sys.stdin.read()
