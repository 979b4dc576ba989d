"""Devices that a request knows although no link leads to them any more, or none under their key: whole, if unshared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from pipelines.deletion.closure import LINK_COLUMNS, Closure
from pipelines.deletion.request import Pseudonyms, Subject, unite_pseudonyms

DEVICE = ["purpose", "device_pseudonym"]
SCHEMA = pl.Schema({"request_id": pl.String(), "purpose": pl.String(), "device_pseudonym": pl.Binary()})
USER_SCHEMA = pl.Schema({"request_id": pl.String(), "purpose": pl.String(), "user_pseudonym": pl.Binary()})

ReadLinks = Callable[[], Iterable[pl.DataFrame]]


def recall_devices(
    closures: Mapping[str, Closure], known: Mapping[str, Subject], read_links: ReadLinks
) -> dict[str, Closure]:
    """Closures with the devices that their requests knew before, and those that ingestion saw under later keys.

    known: the subjects as they were sealed, who all leave. read_links: gives the frames of identity_links
    (LINK_COLUMNS); it is called only when there is anything to recall.
    """
    candidates = {
        request_id: missing
        for request_id, closure in closures.items()
        if any((missing := _list_missing(known[request_id], closure.subject)).values())
    }
    if not candidates:
        return dict(closures)
    unshared = leave_out_shared(candidates, known, read_links(), leaving=known.values())
    return {request_id: _add_devices(closure, unshared.get(request_id, {})) for request_id, closure in closures.items()}


def leave_out_shared(
    devices: Mapping[str, Pseudonyms],
    subjects: Mapping[str, Subject],
    links: Iterable[pl.DataFrame],
    leaving: Iterable[Subject],
) -> dict[str, Pseudonyms]:
    """Those of each request's devices that no link joins to anybody but its own subject and those who leave too."""
    wanted = _list_pseudonyms(devices.items(), SCHEMA)
    own = _list_pseudonyms(((name, each.users) for name, each in subjects.items()), USER_SCHEMA)
    gone = _list_pseudonyms((("", each.users) for each in leaving), USER_SCHEMA).drop("request_id")
    shared = pl.concat([wanted.clear(), *(_find_shared(wanted, own, gone, frame) for frame in links)]).unique()
    kept = wanted.join(shared, on=wanted.columns, how="anti")
    found: dict[str, dict[str, tuple[bytes, ...]]] = {}
    for (request_id, purpose), rows in kept.group_by("request_id", "purpose"):
        found.setdefault(str(request_id), {})[str(purpose)] = tuple(sorted(rows["device_pseudonym"].to_list()))
    return dict(found)


def _find_shared(wanted: pl.DataFrame, own: pl.DataFrame, gone: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Rows of wanted that a link joins to somebody who stays."""
    used = wanted.join(links.select(LINK_COLUMNS).unique(), on=DEVICE)
    staying = used.join(own, on=own.columns, how="anti").join(gone, on=gone.columns, how="anti")
    return staying.select(wanted.columns)


def _list_missing(known: Subject, closed: Subject) -> dict[str, tuple[bytes, ...]]:
    devices: Pseudonyms = known.devices
    for member_device in closed.devices.get("membership", ()):
        devices = unite_pseudonyms(devices, known.aliases.get(member_device, {}))
    return {
        purpose: tuple(value for value in values if value not in closed.devices.get(purpose, ()))
        for purpose, values in devices.items()
    }


def _list_pseudonyms(pseudonyms: Iterable[tuple[str, Pseudonyms]], schema: pl.Schema) -> pl.DataFrame:
    rows: Sequence[tuple[str, str, bytes]] = [
        (request_id, purpose, value)
        for request_id, by_purpose in pseudonyms
        for purpose, values in by_purpose.items()
        for value in values
    ]
    return pl.DataFrame(rows, schema=schema, orient="row").unique()


def _add_devices(closure: Closure, devices: Pseudonyms) -> Closure:
    subject = closure.subject
    return replace(closure, subject=replace(subject, devices=unite_pseudonyms(subject.devices, devices)))
