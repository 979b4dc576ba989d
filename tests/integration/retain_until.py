"""Enforces retention in a home, in a process that dies after the side effect asked for.

Arguments: home, step, and count (the step's how-manieth time).
"""

import sys

import deltalake
from dying import die_after

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

home, step, count = sys.argv[1:]
house = open_house(load_settings({"TOKUMEI_HOME": home}))
die_after(*OWNERS[step], int(count))
retain.retain(house)
