"""Enforces retention in a home, in a process that dies after the side effect asked for.

Arguments: home, step, and count (the step's how-manieth time).
"""

import os
import signal
import sys

import deltalake

from pipelines.journeys import retain
from pipelines.journeys.house import open_house
from pipelines.lake import compact, expire, purge
from pipelines.settings import load_settings

OWNERS = {
    "destroy_overdue": (retain, "destroy_overdue"),
    "expired": (expire, "commit_actions"),
    "written": (compact, "write_file"),
    "merged": (compact, "commit_actions"),
    "vacuum": (deltalake.DeltaTable, "vacuum"),
    "create_checkpoint": (deltalake.DeltaTable, "create_checkpoint"),
    "cleanup_metadata": (deltalake.DeltaTable, "cleanup_metadata"),
    "swept": (purge, "_sweep_orphans"),
}


def die_after(owner, name, count):
    """Let a function do its work, and have the process killed before it can say so."""
    work, calls = getattr(owner, name), []

    def work_and_die(*arguments, **options):
        result = work(*arguments, **options)
        calls.append(1)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, work_and_die)


home, step, count = sys.argv[1:]
house = open_house(load_settings({"TOKUMEI_HOME": home}))
die_after(*OWNERS[step], int(count))
retain.retain(house)
