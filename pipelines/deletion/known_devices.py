"""Devices that a request knows although no link leads to them any more, or none under their key: whole, if unshared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import polars as pl

from pipelines.deletion.request import Pseudonyms, Subject, unite_pseudonyms

LINK_COLUMNS = ("purpose", "user_pseudonym", "device_pseudonym")
DEVICE = ["purpose", "device_pseudonym"]
SCHEMA = pl.Schema({"request_id": pl.String(), "purpose": pl.String(), "device_pseudonym": pl.Binary()})

ReadLinks = Callable[[], Iterable[pl.DataFrame]]


class Closed(Protocol):
    """A closure, whatever else it says."""

    @property
    def subject(self) -> Subject: ...


C = TypeVar("C", bound=Closed)


def recall_devices(closures: Mapping[str, C], known: Mapping[str, Subject], read_links: ReadLinks) -> dict[str, C]:
    """Closures with the devices that their requests knew before, and those that ingestion saw under later keys.

    known: the subjects as they were sealed. read_links: gives the frames of identity_links (LINK_COLUMNS); it is called
    only when there is anything to recall.
    """
    candidates = {
        request_id: missing
        for request_id, closure in closures.items()
        if any((missing := _list_missing(known[request_id], closure.subject)).values())
    }
    if not candidates:
        return dict(closures)
    unshared = leave_out_shared(candidates, known, read_links())
    return {request_id: _add_devices(closure, unshared.get(request_id, {})) for request_id, closure in closures.items()}


def leave_out_shared(
    devices: Mapping[str, Pseudonyms], subjects: Mapping[str, Subject], links: Iterable[pl.DataFrame]
) -> dict[str, Pseudonyms]:
    """Those of each request's devices that no link joins to anybody but the subjects."""
    wanted = _list_devices(devices)
    shared = pl.concat([wanted.clear(), *(_find_shared(wanted, subjects, frame) for frame in links)]).unique()
    kept = wanted.join(shared, on=wanted.columns, how="anti")
    found: dict[str, dict[str, tuple[bytes, ...]]] = {}
    for (request_id, purpose), rows in kept.group_by("request_id", "purpose"):
        found.setdefault(str(request_id), {})[str(purpose)] = tuple(sorted(rows["device_pseudonym"].to_list()))
    return dict(found)


def _find_shared(wanted: pl.DataFrame, subjects: Mapping[str, Subject], links: pl.DataFrame) -> pl.DataFrame:
    """Rows of wanted that a link joins to somebody who is none of the subjects."""
    used = wanted.join(links.select(LINK_COLUMNS).unique(), on=DEVICE)
    leaving = pl.DataFrame(
        [
            (purpose, value)
            for subject in subjects.values()
            for purpose, values in subject.users.items()
            for value in values
        ],
        schema={"purpose": pl.String(), "user_pseudonym": pl.Binary()},
        orient="row",
    )
    return used.join(leaving, on=leaving.columns, how="anti").select(wanted.columns)


def _list_missing(known: Subject, closed: Subject) -> dict[str, tuple[bytes, ...]]:
    devices: Pseudonyms = known.devices
    for member_device in closed.devices.get("membership", ()):
        devices = unite_pseudonyms(devices, known.aliases.get(member_device, {}))
    return {
        purpose: tuple(value for value in values if value not in closed.devices.get(purpose, ()))
        for purpose, values in devices.items()
    }


def _list_devices(devices: Mapping[str, Pseudonyms]) -> pl.DataFrame:
    rows: Sequence[tuple[str, str, bytes]] = [
        (request_id, purpose, value)
        for request_id, by_purpose in devices.items()
        for purpose, values in by_purpose.items()
        for value in values
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").unique()


def _add_devices(closure: C, devices: Pseudonyms) -> C:
    subject = closure.subject
    return replace(closure, subject=replace(subject, devices=unite_pseudonyms(subject.devices, devices)))  # type: ignore[type-var]
