"""The built file in the place of the published one, in one step that no reader notices."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import StorageBusyError
from pipelines.warehouse.build import BuiltWarehouse
from pipelines.warehouse.directory import discard_buildings, identify_file, lock_directory, sync_to_disk


def publish_warehouse(built: BuiltWarehouse, target: Path) -> Path:
    """Put a built warehouse at target, durably; whoever has the old file open keeps reading the old file.

    StorageBusyError when target is no longer the file that the build carried rows over from: those rows would undo the
    publication in between. For the same reason every other unpublished file in the directory is removed: it is either
    what a killed build left behind, or was built on the file that has just been replaced.
    """
    with lock_directory(target.parent):
        if identify_file(target) != built.based_on or not built.path.exists():
            raise StorageBusyError(f"{target} was published anew since this build began", hint="build the marts again")
        sync_to_disk(built.path)
        built.path.replace(target)
        discard_buildings(target.parent)
        sync_to_disk(target.parent)
    return target
