"""Sudden death inside this process: from one side effect on, nothing that a step does happens any more."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from pipelines.control.ledger import transaction
from pipelines.lake.append import commit_actions, discard_parts, write_file

METHODS = (
    (DeltaTable, "vacuum"),
    (DeltaTable, "create_checkpoint"),
    (DeltaTable, "cleanup_metadata"),
    (Path, "replace"),
    (Path, "unlink"),
)
FUNCTIONS = (commit_actions, discard_parts, write_file)


class Crash(BaseException):
    """What takes the place of a kill; no code of ours may survive it."""


@dataclass
class Fuse:
    """How many side effects are left until the process counts as dead; then not even what cleans up is done."""

    left: int

    def require_alive(self) -> None:
        if self.left <= 0:
            raise Crash

    def burn(self) -> None:
        self.left -= 1
        self.require_alive()

    def wrap(self, work: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(work)
        def work_and_die(*arguments: Any, **options: Any) -> Any:
            self.require_alive()
            result = work(*arguments, **options)
            self.burn()
            return result

        return work_and_die

    @contextmanager
    def transact(self, *arguments: Any) -> Iterator[Any]:
        self.require_alive()
        with transaction(*arguments) as connection:
            yield connection
        self.burn()


@contextmanager
def crash_after(count: int | None) -> Iterator[None]:
    """Raise Crash right after the how-manieth side effect; None, or more than there are, lets everything be done."""
    with pytest.MonkeyPatch.context() as patch:
        if count is not None:
            fuse = Fuse(count)
            for owner, name in METHODS:
                patch.setattr(owner, name, fuse.wrap(getattr(owner, name)))
            for function in FUNCTIONS:
                replace_everywhere(patch, function, fuse.wrap(function))
            replace_everywhere(patch, transaction, fuse.transact)
        yield


def replace_everywhere(patch: pytest.MonkeyPatch, function: Callable[..., Any], other: Callable[..., Any]) -> None:
    """Put another function in the place of one in every module of ours that knows it by its name."""
    name = function.__name__
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("pipelines.") and vars(module).get(name) is function:
            patch.setattr(module, name, other)
