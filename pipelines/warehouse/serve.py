"""The built file in the place of the published one, in one step that no reader notices, and its export with it."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import StorageBusyError
from pipelines.warehouse.build import BuiltWarehouse
from pipelines.warehouse.directory import (
    discard_buildings,
    discard_exports,
    identify_file,
    lock_directory,
    sync_to_disk,
)
from pipelines.warehouse.export import prepare_export, swap_export


def publish_warehouse(built: BuiltWarehouse, target: Path) -> Path:
    """Put a built warehouse at target, and its marts as Parquet beside it, durably.

    Whoever has an old file open keeps reading that. Every Parquet file is complete before the first one is swapped.

    StorageBusyError when target is no longer the file that the build carried rows over from: those rows would undo the
    publication in between. For the same reason every other unpublished file in the directory is removed: it is either
    what a killed build left behind, or was built on the file that has just been replaced.
    """
    with lock_directory(target.parent):
        if identify_file(target) != built.based_on or not built.path.exists():
            raise StorageBusyError(f"{target} was published anew since this build began", hint="build the marts again")
        sync_to_disk(built.path)
        with prepare_export(built.path) as prepared:
            built.path.replace(target)
            swap_export(prepared, target.parent)
        discard_buildings(target.parent)
        discard_exports(target.parent)
        sync_to_disk(target.parent)
    return target
